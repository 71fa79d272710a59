using System;
using System.Collections.Generic;
using System.Threading;
using Xunit;
using Xunit.Abstractions;
using Xunit.Sdk;

namespace Asyncpal.Testing;

/// What xunit has to say about itself.
internal sealed class DiagnosticSink : LongLivedMarshalByRefObject, IMessageSink
{
    public bool OnMessage(IMessageSinkMessage message)
    {
        if (message is IDiagnosticMessage diagnostic)
        {
            Console.Error.WriteLine(diagnostic.Message);
        }
        return true;
    }
}

/// Collects the tests of an assembly.
internal sealed class DiscoverySink(JUnitReport report)
    : LongLivedMarshalByRefObject, IMessageSink
{
    private readonly ManualResetEventSlim _done = new();
    private readonly List<ITestCase> _tests = [];

    public List<ITestCase> Wait()
    {
        _done.Wait();
        return _tests;
    }

    public bool OnMessage(IMessageSinkMessage message)
    {
        switch (message)
        {
            case ITestCaseDiscoveryMessage found:
                _tests.Add(found.TestCase);
                break;
            case IErrorMessage error:
                report.AddFailure("discovery", error);
                break;
            case IDiscoveryCompleteMessage:
                _done.Set();
                break;
        }
        return true;
    }
}

/// Reports the outcome of each test, and what fails outside of tests.
internal sealed class ExecutionSink(JUnitReport report)
    : LongLivedMarshalByRefObject, IMessageSink
{
    private readonly ManualResetEventSlim _done = new();

    public void Wait() => _done.Wait();

    public bool OnMessage(IMessageSinkMessage message)
    {
        switch (message)
        {
            case ITestStarting starting:
                report.Start(starting.Test);
                break;
            case ITestPassed passed:
                report.Finish(passed, "passed", null);
                break;
            case ITestSkipped skipped:
                report.Finish(skipped, "skipped", skipped.Reason);
                break;
            case ITestFailed failed:
                report.Finish(failed, "failed", Describe(failed));
                break;
            case ITestAssemblyFinished:
                _done.Set();
                break;
            // A fixture or a Dispose() that throws belongs to no test.
            case IFailureInformation failure:
                report.AddFailure(message.GetType().Name, failure);
                break;
        }
        return true;
    }

    public static string Describe(IFailureInformation failure) =>
        ExceptionUtility.CombineMessages(failure) + "\n"
        + ExceptionUtility.CombineStackTraces(failure);
}

using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using System.Runtime.InteropServices;
using Xunit;
using Xunit.Abstractions;
using Xunit.Sdk;

namespace Asyncpal.Testing;

/// Runs the xunit tests of one assembly under Bazel's rules for test programs:
/// it heeds --test_filter and shards, and writes Bazel's XML report.
internal static class Program
{
    public static int Main(string[] args)
    {
        if (args.Length != 1)
        {
            Console.Error.WriteLine("usage: TestRunner <assembly>");
            return 2;
        }
        var report = new JUnitReport(args[0]);
        // A test that takes too long gets this signal; then say which it was.
        using var onTerm = PosixSignalRegistration.Create(
            PosixSignal.SIGTERM, _ => report.FailUnfinished("was ended"));
        bool success = Run(Assembly.Load(args[0]), report);
        report.Write();
        return success ? 0 : 1;
    }

    private static bool Run(Assembly assembly, JUnitReport report)
    {
        using var framework = new XunitTestFramework(new DiagnosticSink());
        Selection selection = Selection.FromEnvironment();
        List<ITestCase> all = Discover(framework, assembly, report);
        List<ITestCase> chosen = all.Where(selection.Matches).ToList();
        if (chosen.Count == 0)
        {
            Console.Error.WriteLine(
                $"none of the {all.Count} tests in {assembly.GetName().Name} "
                + $"matches {selection}");
            return false;
        }
        var sink = new ExecutionSink(report);
        using ITestFrameworkExecutor executor =
            framework.GetExecutor(assembly.GetName());
        executor.RunTests(
            selection.TakeShard(chosen), sink, new FrameworkOptions());
        sink.Wait();
        return report.Success;
    }

    private static List<ITestCase> Discover(
        XunitTestFramework framework, Assembly assembly, JUnitReport report)
    {
        var sink = new DiscoverySink(report);
        using ITestFrameworkDiscoverer discoverer =
            framework.GetDiscoverer(Reflector.Wrap(assembly));
        discoverer.Find(false, sink, new FrameworkOptions());
        return sink.Wait();
    }
}

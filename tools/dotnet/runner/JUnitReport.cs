using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;
using System.Xml.Linq;
using Xunit.Abstractions;

namespace Asyncpal.Testing;

/// Says on the console how each test ended, and writes a report for Bazel.
internal sealed class JUnitReport(string suite)
{
    private readonly object _lock = new();
    private readonly HashSet<string> _running = [];
    private readonly List<XElement> _cases = [];
    private bool _failed;

    /// Whether nothing has failed, in tests or between them.
    public bool Success
    {
        get
        {
            lock (_lock)
            {
                return !_failed;
            }
        }
    }

    public void Start(ITest test)
    {
        lock (_lock)
        {
            _running.Add(test.DisplayName);
            Console.WriteLine($"running {test.DisplayName}");
        }
    }

    public void Finish(ITestResultMessage result, string outcome, string? text)
    {
        lock (_lock)
        {
            string name = result.Test.DisplayName;
            _running.Remove(name);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{outcome,-7} {name} ({result.ExecutionTime:0.000} s)"));
            Print(text);
            Print(result.Output);
            Add(name, result.ExecutionTime, outcome, text);
        }
    }

    /// Something that is no test has failed, such as a fixture.
    public void AddFailure(string what, IFailureInformation failure)
    {
        lock (_lock)
        {
            string text = ExecutionSink.Describe(failure);
            Console.WriteLine($"failed  {what}");
            Print(text);
            Add(what, 0, "failed", text);
        }
    }

    /// The tests that run are counted as failed; the report is written.
    public void FailUnfinished(string reason)
    {
        lock (_lock)
        {
            foreach (string name in _running)
            {
                string text = $"{name} {reason} before it had finished";
                Console.WriteLine(text);
                Add(name, 0, "failed", text);
            }
            Write();
        }
    }

    public void Write()
    {
        string? path = Environment.GetEnvironmentVariable("XML_OUTPUT_FILE");
        if (string.IsNullOrEmpty(path))
        {
            return;
        }
        lock (_lock)
        {
            new XElement("testsuites", new XElement(
                "testsuite",
                new XAttribute("name", suite),
                new XAttribute("tests", _cases.Count),
                new XAttribute("failures", Count("failure")),
                new XAttribute("skipped", Count("skipped")),
                _cases)).Save(path);
        }
    }

    private int Count(string element) =>
        _cases.Count(test => test.Element(element) != null);

    private void Add(string name, decimal seconds, string outcome, string? text)
    {
        int dot = name.Split('(')[0].LastIndexOf('.');
        var test = new XElement(
            "testcase",
            new XAttribute("classname", dot < 0 ? suite : name[..dot]),
            new XAttribute("name", ToXml(name[(dot + 1)..])),
            new XAttribute("time", seconds));
        if (outcome != "passed")
        {
            test.Add(new XElement(
                outcome == "failed" ? "failure" : "skipped",
                new XAttribute("message", ToXml((text ?? "").Split('\n')[0])),
                ToXml(text ?? "")));
        }
        _failed |= outcome == "failed";
        _cases.Add(test);
    }

    private static void Print(string? text)
    {
        if (!string.IsNullOrEmpty(text))
        {
            Console.WriteLine("    " + text.TrimEnd().Replace("\n", "\n    "));
        }
    }

    /// Without the characters that no XML document may hold.
    private static string ToXml(string text)
    {
        var result = new StringBuilder(text.Length);
        foreach (char c in text)
        {
            bool allowed = c >= ' ' || c is '\n' or '\t';
            result.Append(
                allowed && !char.IsSurrogate(c) && c < '\uFFFE' ? c : '?');
        }
        return result.ToString();
    }
}

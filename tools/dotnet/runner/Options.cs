using System.Collections.Generic;
using Xunit.Abstractions;

namespace Asyncpal.Testing;

/// Values that xunit asks for by name; it has a default for each.
internal sealed class FrameworkOptions
    : ITestFrameworkDiscoveryOptions, ITestFrameworkExecutionOptions
{
    private readonly Dictionary<string, object?> _values = new()
    {
        // One after the other: tests look at pools, threads and memory, which
        // all tests of a process share.
        ["xunit.execution.DisableParallelization"] = true,
        ["xunit.discovery.PreEnumerateTheories"] = true,
    };

    public TValue? GetValue<TValue>(string name) =>
        _values.GetValueOrDefault(name) is TValue value ? value : default;

    public void SetValue<TValue>(string name, TValue value) =>
        _values[name] = value;
}

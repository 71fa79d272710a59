using System;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// C++ tasks, called by the names that they have in a program made for that.
public sealed class CppTaskTest : IDisposable
{
    private readonly ProcessPool _pool = new(new ProcessPoolOptions
    {
        MaxWorkers = 1,
        WorkerCommand = ["bindings/java/cpp_worker"],
    });

    public void Dispose() => _pool.Dispose();

    [Fact]
    public async Task PlainArgumentsAndResultsTravel()
    {
        Assert.Equal(6765, await _pool.CallAsync<long>("test.fib", 20L).Soon());
        Assert.Equal(
            "a, ä",
            await _pool.CallAsync<string>("test.join", new[] { "a", "ä" }, ", ").Soon());
        Assert.Equal(2.5, await _pool.CallAsync<double>("test.mean", new[] { 2.0, 3.0 }).Soon());
        await _pool.CallAsync("test.nothing").Soon();
    }

    [Fact]
    public async Task ExceptionChainArrivesAsInnerExceptions()
    {
        var error = await Assert.ThrowsAsync<ArgumentException>(
            () => _pool.CallAsync("test.throw", "outer").Soon());
        Assert.Equal("outer", error.Message);
        var inner = Assert.IsType<RemoteException>(error.InnerException);
        Assert.Equal("inner", inner.Message);
        Assert.Equal("std::out_of_range", inner.TypeName);
    }

    [Fact]
    public async Task ResultOfAnotherTypeIsAnError() =>
        await Assert.ThrowsAsync<SerializationException>(
            () => _pool.CallAsync<string>("test.fib", 20L).Soon());

    [Fact]
    public async Task UnknownNameIsAnErrorWithTheName()
    {
        var error = await Assert.ThrowsAnyAsync<Exception>(
            () => _pool.CallAsync("test.none").Soon());
        Assert.Contains("test.none", error.Message);
    }
}

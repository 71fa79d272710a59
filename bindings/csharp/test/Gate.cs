using System;
using System.Threading;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// Blocks tasks until a test lets them go on, and tells that they have begun.
public sealed class Gate : IDisposable
{
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private readonly ManualResetEventSlim _open = new();
    private readonly SemaphoreSlim _entered = new(0);

    /// For tasks.
    public void Pass()
    {
        _entered.Release();
        Assert.True(_open.Wait(Limit));
    }

    /// For tests: waits until this many tasks are in Pass().
    public void AwaitEntered(int count = 1)
    {
        for (int i = 0; i < count; ++i)
        {
            Assert.True(_entered.Wait(Limit));
        }
    }

    public void Open() => _open.Set();

    public void Dispose() => Open();
}

public static class Waiting
{
    /// The task's result, or what it throws; fails when it takes too long.
    public static Task<T> Soon<T>(this Task<T> task) => task.WaitAsync(Gate.Limit);

    public static Task Soon(this Task task) => task.WaitAsync(Gate.Limit);

    /// Waits for something that no event tells.
    public static void Until(Func<bool> condition) =>
        Assert.True(SpinWait.SpinUntil(condition, Gate.Limit));
}

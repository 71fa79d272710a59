using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// Tokens that the functions of maps take.
public sealed class StoppableMapTest
{
    // Tells that it has begun, and that it was stopped.
    private readonly TaskCompletionSource _begun = new();
    private readonly TaskCompletionSource _stopped = new();

    private async Task<int> AwaitStopAsync(int n, CancellationToken stop)
    {
        if (n == 0)
        {
            return n;
        }
        _begun.SetResult();
        // Never taken back: the end of the delay may come first.
        stop.Register(_stopped.SetResult);
        await Task.Delay(Timeout.Infinite, stop);
        return n;
    }

    [Fact]
    public async Task LeavingAMapCancelsTheToken()
    {
        using var pool = new ThreadPool(2);
        await foreach (int n in pool.MapAsync(AwaitStopAsync, [0, 1]))
        {
            await _begun.Task.Soon();
            break;
        }
        await _stopped.Task.Soon();
    }

    [Fact]
    public async Task TokenOfTheCallerCancelsThatOfTheFunction()
    {
        using var pool = new ThreadPool(2);
        using var source = new CancellationTokenSource();
        Task<IReadOnlyList<int>> map = pool.MapAllAsync(
            AwaitStopAsync, [0, 1], cancellationToken: source.Token);
        await _begun.Task.Soon();
        source.Cancel();
        var error = await Assert.ThrowsAsync<TaskCanceledException>(() => map.Soon());
        Assert.Equal(source.Token, error.CancellationToken);
        await _stopped.Task.Soon();
    }

    [Fact]
    public async Task ShutdownCancelsTheToken()
    {
        using var pool = new ThreadPool(2);
        Task<IReadOnlyList<int>> map = pool.MapAllAsync(AwaitStopAsync, [0, 1]);
        await _begun.Task.Soon();
        await pool.ShutdownAsync().Soon();
        await _stopped.Task.Soon();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => map.Soon());
    }

    [Fact]
    public async Task DrainLeavesTheTokenAlone()
    {
        using var pool = new ThreadPool(2);
        using var gate = new Gate();
        Task<IReadOnlyList<int>> map = pool.MapAllAsync(
            (int n, CancellationToken stop) =>
            {
                gate.Pass();
                return stop.IsCancellationRequested ? -1 : n;
            },
            [1]);
        gate.AwaitEntered();
        Task<bool> drain = pool.ShutdownAsync(new ShutdownOptions { Mode = ShutdownMode.Drain });
        gate.Open();
        Assert.Equal([1], await map.Soon());
        Assert.True(await drain.Soon());
    }
}

using System;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// What every pool does when it is full. A claim of C++ is not here:
/// CallbackOfThePoolsOwnIsNeverBlocked, since continuations do not run on a pool's
/// threads.
public abstract class PoolLimitsContract(PoolKind kind) : PoolContract(kind)
{
    // One worker, and room for two tasks behind it.
    private static PoolPlan Small(WhenFull whenFull) =>
        new() { MaxWorkers = 1, Name = "p", MaxPending = 2, WhenFull = whenFull };

    private static Task<int>[] Fill(Pool pool) =>
        [pool.SubmitAsync(Square, 2), pool.SubmitAsync(Square, 3)];

    [Fact]
    public void NegativeLimitIsRefused() =>
        Assert.ThrowsAny<ArgumentException>(() => NewPool(new PoolPlan { MaxPending = -1 }));

    [Fact]
    public void FreeWorkersTakeTasksBeyondTheLimit()
    {
        using Pool pool = NewPool(
            new PoolPlan { MaxWorkers = 2, MaxPending = 1, WhenFull = WhenFull.Reject });
        using var first = new SharedGate();
        using var second = new SharedGate();
        Occupy(pool, first);
        Occupy(pool, second);
        Assert.Equal(2, pool.Stats().Busy);
        first.Open();
        second.Open();
    }

    [Fact]
    public void RefusalSaysWhichLimitAndOfWhichPool()
    {
        using Pool pool = NewPool(Small(WhenFull.Reject));
        using var gate = new SharedGate();
        Occupy(pool, gate);
        Fill(pool);
        var error = Assert.Throws<RejectedException>(() => { _ = pool.SubmitAsync(Square, 4); });
        Assert.Contains("pool 'p' is full: MaxPending is 2", error.Message);
        gate.Open();
    }

    [Fact]
    public async Task CancellationMakesRoom()
    {
        using Pool pool = NewPool(Small(WhenFull.Block));
        using var gate = new SharedGate();
        Occupy(pool, gate);
        using var source = new CancellationTokenSource();
        _ = pool.SubmitAsync(Square, 2, source.Token);
        _ = pool.SubmitAsync(Square, 3);
        Task<Task<int>> last = Task.Factory.StartNew(
            () => pool.SubmitAsync(Square, 4),
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default);
        source.Cancel();
        Assert.False((await last.Soon()).IsCompleted);
        gate.Open();
    }

    [Fact]
    public async Task ManySubmittersNeverGetPastTheLimit()
    {
        using Pool pool = NewPool(new PoolPlan { MaxWorkers = 2, MaxPending = 3 });
        long most = 0;
        await Task.WhenAll(Enumerable.Range(0, 4).Select(submitter => Task.Factory.StartNew(
            () =>
            {
                for (int i = 0; i < 100; i++)
                {
                    _ = pool.SubmitAsync(Square, 1);
                    long pending = pool.Stats().Pending;
                    for (long seen = Interlocked.Read(ref most);
                        pending > seen;
                        seen = Interlocked.Read(ref most))
                    {
                        Interlocked.CompareExchange(ref most, pending, seen);
                    }
                }
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default))).Soon();
        Assert.True(pool.Join(Gate.Limit));
        Assert.Equal(400, pool.Stats().Completed);
        Assert.InRange(most, 0, 3 + 2); // those for which a worker is free do not count
    }

    [Fact]
    public async Task FullPoolRejectsWhereItIsToldTo()
    {
        using Pool pool = NewPool(Small(WhenFull.Reject));
        using var gate = new SharedGate();
        Occupy(pool, gate);
        Task<int>[] pending = Fill(pool);
        var error = Assert.Throws<RejectedException>(() => { _ = pool.SubmitAsync(Square, 4); });
        Assert.Contains("MaxPending is 2", error.Message);
        Assert.Equal(1, pool.Stats().Rejected);
        Assert.Equal(3, pool.Stats().Submitted);
        gate.Open();
        Assert.Equal(9, await pending[1].Soon());
        Assert.Equal(16, await pool.SubmitAsync(Square, 4).Soon());
    }

    [Fact]
    public async Task FullPoolBlocksUntilThereIsRoom()
    {
        using Pool pool = NewPool(Small(WhenFull.Block));
        using var gate = new SharedGate();
        Occupy(pool, gate);
        Fill(pool);
        Task<int> last = Task.Run(() => pool.SubmitAsync(Square, 4));
        gate.Open();
        Assert.Equal(16, await last.Soon());
        Assert.Equal(0, pool.Stats().Rejected);
    }

    [Fact]
    public async Task AsynchronousCallersAwaitRoom()
    {
        using Pool pool = NewPool(Small(WhenFull.Block));
        using var gate = new SharedGate();
        await pool.WaitForRoomAsync().Soon();
        Occupy(pool, gate);
        Fill(pool);
        using var cancelled = new CancellationTokenSource(TimeSpan.FromMilliseconds(5));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => pool.WaitForRoomAsync(cancelled.Token).Soon());
        Task room = pool.WaitForRoomAsync();
        gate.Open();
        await room.Soon();
    }

    [Fact]
    public async Task ShutdownEndsTheWaitForRoom()
    {
        using Pool pool = NewPool(Small(WhenFull.Block));
        using var gate = new SharedGate();
        Occupy(pool, gate);
        Fill(pool);
        Task<int> last = Task.Run(() => pool.SubmitAsync(Square, 4));
        pool.Shutdown(AtOnce);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => last.Soon());
        gate.Open();
    }

    [Fact]
    public void QueueDeadlineEndsTheWaitForRoom()
    {
        using Pool pool = NewPool(Small(WhenFull.Block));
        using var gate = new SharedGate();
        Occupy(pool, gate);
        Fill(pool);
        var options = new TaskOptions { QueueDeadline = TimeSpan.FromMilliseconds(5) };
        Assert.Throws<RejectedException>(
            () => { _ = pool.SubmitAsync(Square, 4, options: options); });
        gate.Open();
    }

    [Fact]
    public async Task OldestTaskMakesRoomWhereItIsToldTo()
    {
        using Pool pool = NewPool(Small(WhenFull.DropOldest));
        using var gate = new SharedGate();
        Occupy(pool, gate);
        Task<int>[] pending = Fill(pool);
        Task<int> newest = pool.SubmitAsync(Square, 4);
        await Assert.ThrowsAsync<RejectedException>(() => pending[0].Soon());
        gate.Open();
        Assert.Equal(9, await pending[1].Soon());
        Assert.Equal(16, await newest.Soon());
        Assert.Equal(1, pool.Stats().Rejected);
        Assert.Equal(1, pool.Stats().Failed);
    }

    [Fact]
    public void DroppedTaskIsNotAmongTheCancelledOnes()
    {
        using Pool pool = NewPool(Small(WhenFull.DropOldest));
        using var gate = new SharedGate();
        Occupy(pool, gate);
        Fill(pool);
        _ = pool.SubmitAsync(Square, 4);
        pool.Shutdown(AtOnce);
        Assert.Equal(2, pool.TakeCancelledTasks().Count);
        gate.Open();
    }

    [Fact]
    public void MapsWaitForRoomInEveryMode()
    {
        foreach (WhenFull whenFull in
            new[] { WhenFull.Block, WhenFull.Reject, WhenFull.DropOldest })
        {
            using Pool pool = NewPool(Small(whenFull));
            Assert.Equal(
                Enumerable.Range(0, 20).Select(Square),
                pool.MapAll(Square, Enumerable.Range(0, 20)));
            Assert.Equal(0, pool.Stats().Rejected);
        }
    }

    [Fact]
    public void CallerRunsTheTaskInThreadPoolsOnly()
    {
        PoolPlan plan = Small(WhenFull.CallerRuns);
        if (Kind is Processes)
        {
            Assert.ThrowsAny<ArgumentException>(() => NewPool(plan));
            return;
        }
        using Pool pool = NewPool(plan);
        using var gate = new SharedGate();
        Occupy(pool, gate);
        Fill(pool);
        Task<int> here = pool.SubmitAsync(() => Environment.CurrentManagedThreadId);
        Assert.True(here.IsCompletedSuccessfully);
        Assert.Equal(Environment.CurrentManagedThreadId, here.Result);
        gate.Open();
    }
}

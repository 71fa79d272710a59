using System;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// Join(), and the ways to end a pool. All claims of C++ are here; its destructor
/// is Dispose().
public abstract class PoolLifecycleContract(PoolKind kind) : PoolContract(kind)
{
    // ------------------------------------------------------------------- Join()

    [Fact]
    public void JoinOfAnUnusedPoolReturnsTrue()
    {
        using Pool pool = NewPool(2);
        Assert.True(pool.Join(Gate.Limit));
    }

    [Fact]
    public async Task JoinReturnsFalseWhenItsTimeoutPasses()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Occupy(pool, gate);
        Assert.False(pool.Join(Instant));
        Assert.False(await pool.JoinAsync(Instant));
    }

    [Fact]
    public void JoinRunsEverythingThatWasSubmitted()
    {
        using Pool pool = NewPool(2);
        for (int i = 0; i < 50; ++i)
        {
            pool.Post(DoNothing);
        }
        pool.Join();
        Assert.Equal(50, pool.Stats().Completed);
    }

    [Fact]
    public async Task JoinLeavesNoWorker()
    {
        using Pool pool = NewPool(
            new PoolPlan { MaxWorkers = 2, IdleTimeout = Timeout.InfiniteTimeSpan });
        pool.SpawnMaxWorkers();
        Assert.True(await pool.JoinAsync(Gate.Limit));
        Assert.Equal(0, pool.CountWorkers());
    }

    [Fact]
    public async Task JoinLeavesThePoolOpen()
    {
        using Pool pool = NewPool(2);
        pool.Run(static () => 1);
        Assert.True(pool.Join(Gate.Limit));
        Assert.Equal(3, await pool.SubmitAsync(Add, 1, 2).Soon());
    }

    [Fact]
    public async Task WorkIsTakenAfterAJoinThatTimedOut()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Occupy(pool, gate);
        Assert.False(pool.Join(TimeSpan.Zero));
        gate.Open();
        Assert.Equal(3, await pool.SubmitAsync(Add, 1, 2).Soon());
        // Nobody waits any more, so the worker stays.
        Assert.Equal(1, pool.CountWorkers());
    }

    [Fact]
    public void JoinOfAClosedPoolReturnsTrue()
    {
        using Pool pool = NewPool(1);
        pool.Shutdown();
        Assert.True(pool.Join(Gate.Limit));
    }

    [Fact]
    public async Task TokenEndsAJoin()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        using var source = new CancellationTokenSource();
        Occupy(pool, gate);
        Task<bool> join = pool.JoinAsync(Gate.Limit, source.Token);
        source.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => join.Soon());
    }

    [Fact]
    public void NegativeTimeoutOfAJoinIsRefused()
    {
        using Pool pool = NewPool(1);
        var error = Assert.Throws<ArgumentOutOfRangeException>(
            () => pool.Join(TimeSpan.FromSeconds(-1)));
        Assert.Contains("timeout is -00:00:01", error.Message);
    }

    // --------------------------------------------------------------- Shutdown()

    [Fact]
    public void FreshPoolIsOpen()
    {
        using Pool pool = NewPool(1);
        Assert.False(pool.IsClosed);
        Assert.False(pool.IsTerminated);
        Assert.False(pool.IsBroken);
        pool.Check();
    }

    [Fact]
    public void ShutdownReturnsTrue()
    {
        using Pool pool = NewPool(1);
        Assert.True(pool.Shutdown());
    }

    [Fact]
    public void ShutdownReturnsFalseWhenAlreadyClosed()
    {
        using Pool pool = NewPool(1);
        pool.Shutdown();
        Assert.False(pool.Shutdown());
    }

    [Fact]
    public async Task ShutdownTerminatesThePool()
    {
        using Pool pool = NewPool(2);
        await pool.SubmitAsync(static () => 1).Soon();
        pool.Shutdown();
        Assert.True(pool.IsClosed);
        Assert.True(pool.IsTerminated);
        Assert.Equal(0, pool.CountWorkers());
    }

    [Fact]
    public async Task OnlyOneOfSeveralShutdownsReturnsTrue()
    {
        using Pool pool = NewPool(2);
        Task<bool>[] shutdowns = [
            pool.ShutdownAsync(), pool.ShutdownAsync(), Task.Run(() => pool.Shutdown())];
        bool[] results = await Task.WhenAll(shutdowns).Soon();
        Assert.Single(results, true);
    }

    [Fact]
    public async Task ShutdownCancelsPendingTasks()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Occupy(pool, gate);
        Task<int> pending = pool.SubmitAsync(Square, 3);
        pool.Shutdown(AtOnce);
        await Assert.ThrowsAsync<TaskCanceledException>(() => pending.Soon());
        Assert.True(pending.IsCanceled);
    }

    [Fact]
    public void TaskCancelledByAShutdownNeverRuns()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Occupy(pool, gate);
        pool.SubmitAsync(SharedGate.Touch, gate.Folder, 1);
        pool.Shutdown(AtOnce);
        gate.Open();
        pool.Shutdown();
        Assert.Equal(0, gate.CountArrivals());
    }

    [Fact]
    public async Task ShutdownWaitsForRunningTasks()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Task<int> busy = Busy(pool, gate);
        Task<bool> shutdown = pool.ShutdownAsync();
        Assert.True(pool.IsClosed);
        Assert.False(shutdown.IsCompleted);
        gate.Open();
        Assert.True(await shutdown.Soon());
        Assert.Equal(0, await busy.Soon());
    }

    [Fact]
    public async Task DrainRunsPendingTasks()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Occupy(pool, gate);
        Task<int>[] tasks = [.. Enumerable.Range(0, 10).Select(i => pool.SubmitAsync(Square, i))];
        gate.Open();
        Assert.True(pool.Shutdown(Drain));
        Assert.Equal(81, (await Task.WhenAll(tasks).Soon())[9]);
    }

    [Fact]
    public async Task DrainCancelsWhatIsPendingAtItsDeadline()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Occupy(pool, gate);
        Task<int> pending = pool.SubmitAsync(Square, 3);
        pool.Shutdown(Drain with { Deadline = Instant });
        await Assert.ThrowsAsync<TaskCanceledException>(() => pending.Soon());
    }

    [Fact]
    public async Task DrainLeavesPendingTasksUntilItsDeadline()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Occupy(pool, gate);
        Task<int> pending = pool.SubmitAsync(Square, 3);
        Task<bool> shutdown = pool.ShutdownAsync(Drain with { Deadline = Gate.Limit });
        Assert.True(pool.IsClosed);
        Assert.False(pending.IsCompleted);
        gate.Open();
        Assert.True(await shutdown.Soon());
        Assert.Equal(9, await pending.Soon());
    }

    [Fact]
    public async Task ShutdownAfterADrainCancelsTheRest()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Occupy(pool, gate);
        Task<int> pending = pool.SubmitAsync(Square, 3);
        Task<bool> drain = pool.ShutdownAsync(Drain);
        Assert.False(pool.Shutdown(AtOnce));
        await Assert.ThrowsAsync<TaskCanceledException>(() => pending.Soon());
        gate.Open();
        Assert.True(await drain.Soon());
    }

    [Fact]
    public async Task KillCancelsPendingTasks()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Occupy(pool, gate);
        Task<int> pending = pool.SubmitAsync(Square, 3);
        pool.Shutdown(new ShutdownOptions { Mode = ShutdownMode.Kill, Deadline = Instant });
        await Assert.ThrowsAsync<TaskCanceledException>(() => pending.Soon());
    }

    [Fact]
    public void NegativeDeadlineIsRefused()
    {
        using Pool pool = NewPool(1);
        var error = Assert.Throws<ArgumentOutOfRangeException>(
            () => pool.Shutdown(new ShutdownOptions { Deadline = TimeSpan.FromSeconds(-1) }));
        Assert.Contains("Deadline is -00:00:01", error.Message);
        Assert.False(pool.IsClosed);
    }

    [Fact]
    public void EveryUseOfAClosedPoolThrows()
    {
        using Pool pool = NewPool(1);
        pool.Shutdown();
        AssertRefusesAllUse<ObjectDisposedException>(pool);
    }

    [Fact]
    public async Task EveryUseOfADisposedPoolThrows()
    {
        Pool pool = NewPool(1);
        await pool.DisposeAsync();
        AssertRefusesAllUse<ObjectDisposedException>(pool);
        Assert.Throws<ObjectDisposedException>(() => pool.Stats());
        Assert.True(pool.IsClosed);
        Assert.True(pool.IsTerminated);
        Assert.False(pool.Shutdown());
    }

    internal static void AssertRefusesAllUse<TException>(Pool pool)
        where TException : Exception
    {
        Assert.Throws<TException>(pool.Check);
        Assert.Throws<TException>(() => { pool.SubmitAsync(static () => 1); });
        Assert.Throws<TException>(
            () => { pool.SubmitAsync(static () => 1, options: new TaskOptions { Name = "x" }); });
        Assert.Throws<TException>(() => { pool.SubmitAsync(static stop => 1); });
        Assert.Throws<TException>(() => pool.Run(static () => 1));
        Assert.Throws<TException>(() => pool.Post(DoNothing));
        Assert.Throws<TException>(() => pool.Map(Square, [1]));
        Assert.Throws<TException>(() => pool.SpawnWorkers(1));
        Assert.Throws<TException>(() => pool.SpawnMaxWorkers());
    }

    [Fact]
    public void SecondDisposeDoesNothing()
    {
        Pool pool = NewPool(1);
        pool.Dispose();
        pool.Dispose();
    }

    [Fact]
    public async Task RefusedTaskIsNotCounted()
    {
        using Pool pool = NewPool(1);
        await pool.SubmitAsync(static () => 1).Soon();
        pool.Shutdown();
        Assert.Throws<ObjectDisposedException>(() => { pool.SubmitAsync(static () => 1); });
        Assert.Equal(1, pool.Stats().Submitted);
    }

    [Fact]
    public async Task DestructorCancelsPendingTasks()
    {
        Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Occupy(pool, gate);
        Task<int> pending = pool.SubmitAsync(Square, 3);
        ValueTask disposal = pool.DisposeAsync();
        await Assert.ThrowsAsync<TaskCanceledException>(() => pending.Soon());
        gate.Open();
        await disposal.AsTask().Soon();
    }

    [Fact]
    public async Task DestructorWaitsForRunningTasks()
    {
        Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Task<int> busy = Busy(pool, gate);
        Task disposal = Task.Run(pool.Dispose);
        Waiting.Until(() => pool.IsClosed);
        Assert.False(disposal.IsCompleted);
        gate.Open();
        await disposal.Soon();
        Assert.Equal(0, await busy.Soon());
    }

    [Fact]
    public void PoolThatIsForgottenEnds()
    {
        WeakReference pool = UseAndForget();
        Waiting.Until(() =>
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            return !pool.IsAlive;
        });
    }

    // By itself, so that no variable of the test keeps the pool.
    [System.Runtime.CompilerServices.MethodImpl(
        System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private WeakReference UseAndForget()
    {
        Pool pool = NewPool(1);
        Assert.Equal(1, pool.Run(static () => 1));
        return new WeakReference(pool);
    }
}

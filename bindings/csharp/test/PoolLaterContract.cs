using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// Tasks that are submitted for later.
public abstract class PoolLaterContract(PoolKind kind) : PoolContract(kind)
{
    private readonly FakeTimeProvider _time = new();

    private static TimeSpan Seconds(double count) => TimeSpan.FromSeconds(count);

    private Pool NewTimedPool(PoolPlan? plan = null) =>
        NewPool((plan ?? new PoolPlan()) with { TimeProvider = _time });

    [Fact]
    public async Task TaskRunsAfterItsDelay()
    {
        using Pool pool = NewPool(1);
        var clock = Stopwatch.StartNew();
        Task<int> sum = pool.SubmitAfterAsync(TimeSpan.FromMilliseconds(20), Add, 1, 2);
        Assert.Equal(3, await sum.Soon());
        Assert.True(clock.Elapsed >= TimeSpan.FromMilliseconds(19));
    }

    [Fact]
    public async Task TaskIsPendingUntilItsTimeHasCome()
    {
        using Pool pool = NewTimedPool();
        Task<int> sum = pool.SubmitAfterAsync(Seconds(10), Add, 1, 2);
        _time.Advance(Seconds(9));
        Assert.False(sum.IsCompleted);
        PoolStats stats = pool.Stats();
        Assert.Equal(1, stats.Pending);
        Assert.Equal(1, stats.Delayed);
        Assert.Equal(1, stats.Submitted);
        Assert.Equal(0, stats.Workers);
        Assert.Contains("1 pending (1 delayed)", Pool.DumpState());
        _time.Advance(Seconds(1));
        Assert.Equal(3, await sum.Soon());
        Assert.Equal(0, pool.Stats().Delayed);
        Assert.Equal(1, pool.Stats().Completed);
        Assert.Equal(1, pool.Stats().Submitted);
    }

    [Fact]
    public async Task ClockMayMoveWhileItsTimerIsSet()
    {
        using Pool pool = NewTimedPool();
        _time.JumpBeforeTimerOf(Seconds(10));
        Assert.Equal(3, await pool.SubmitAfterAsync(Seconds(10), Add, 1, 2).Soon());
    }

    [Fact]
    public async Task NoDelayIsNoDelay()
    {
        using Pool pool = NewTimedPool();
        Assert.Equal(3, await pool.SubmitAfterAsync(TimeSpan.Zero, Add, 1, 2).Soon());
    }

    [Fact]
    public void NegativeDelayIsRefused()
    {
        using Pool pool = NewTimedPool();
        var error = Assert.Throws<ArgumentOutOfRangeException>(
            () => { _ = pool.SubmitAfterAsync(Seconds(-1), DoNothing); });
        Assert.Contains("delay is -00:00:01; it must not be negative", error.Message);
        Assert.Equal(0, pool.Stats().Submitted);
    }

    [Fact]
    public void InfiniteDelayWaitsToBeCancelled()
    {
        using Pool pool = NewTimedPool();
        using var source = new CancellationTokenSource();
        Task task = pool.SubmitAfterAsync(
            Timeout.InfiniteTimeSpan, DoNothing, source.Token);
        _time.Advance(TimeSpan.FromDays(365 * 50));
        Assert.False(task.IsCompleted);
        source.Cancel();
        Assert.True(task.IsCanceled);
        Assert.True(pool.Join(Gate.Limit));
    }

    [Fact]
    public async Task TasksComeInTheOrderOfTheirTimes()
    {
        using Pool pool = NewTimedPool();
        using var gate = new SharedGate();
        Occupy(pool, gate);
        Task<int> last = pool.SubmitAfterAsync(Seconds(3), Add, 0, 3);
        Task<int> second = pool.SubmitAfterAsync(Seconds(1), Add, 0, 2);
        Task<int> third = pool.SubmitAfterAsync(Seconds(1), Add, 0, 2);
        _time.Advance(Seconds(5));
        Assert.Equal(0, pool.Stats().Delayed);
        Assert.Equal(3, pool.Stats().Pending);
        gate.Open();
        Assert.Equal(3, await last.Soon());
        // A pool of one runs them one after the other.
        await Task.WhenAll(second, third).Soon();
    }

    [Fact]
    public async Task CancelledTaskIsGoneAtOnce()
    {
        using Pool pool = NewTimedPool();
        using var source = new CancellationTokenSource();
        Task<int> first = pool.SubmitAfterAsync(Seconds(1), Add, 1, 2, source.Token);
        Task<int> second = pool.SubmitAfterAsync(Seconds(2), Add, 1, 2);
        source.Cancel();
        Assert.True(first.IsCanceled);
        Assert.Equal(1, pool.Stats().Delayed);
        Assert.Equal(1, pool.Stats().Cancelled);
        Assert.Equal(2, pool.Stats().Submitted);
        _time.Advance(Seconds(2));
        Assert.Equal(3, await second.Soon());
    }

    [Fact]
    public async Task ShutdownCancelsWhatIsDelayed()
    {
        using Pool pool = NewTimedPool();
        Task<int> task = pool.SubmitAfterAsync(Seconds(1), Add, 1, 2);
        Assert.True(pool.Shutdown());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => task.Soon());
        Assert.True(pool.IsTerminated);
        Assert.Equal(1, pool.Stats().Cancelled);
        _time.Advance(Seconds(2));
    }

    [Fact]
    public void CancelledTasksAreHandedBackInOrder()
    {
        using Pool pool = NewTimedPool();
        using var gate = new SharedGate();
        Occupy(pool, gate);
        _ = pool.SubmitAfterAsync(
            Seconds(2), DoNothing, options: new TaskOptions { Name = "c" });
        _ = pool.SubmitAfterAsync(
            Seconds(1), DoNothing, options: new TaskOptions { Name = "b" });
        _ = pool.SubmitAsync(DoNothing, options: new TaskOptions { Name = "a" });
        pool.Shutdown(AtOnce);
        IReadOnlyList<CancelledTask> cancelled = pool.TakeCancelledTasks();
        Assert.Equal(["a", "b", "c"], cancelled.Select(task => task.Name));
        Assert.All(cancelled, task => task.Run());
        gate.Open();
    }

    [Fact]
    public async Task DrainRunsWhatIsDueAndCancelsTheRest()
    {
        using Pool pool = NewTimedPool();
        using var gate = new SharedGate();
        Occupy(pool, gate);
        Task<int> due = pool.SubmitAfterAsync(Seconds(1), Add, 1, 2);
        Task<int> later = pool.SubmitAfterAsync(Seconds(2), Add, 1, 2);
        _time.Advance(Seconds(1));
        gate.Open();
        Assert.True(pool.Shutdown(Drain));
        Assert.Equal(3, await due.Soon());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => later.Soon());
    }

    [Fact]
    public async Task JoinWaitsForWhatIsDelayed()
    {
        using Pool pool = NewPool(1);
        Task<int> task =
            pool.SubmitAfterAsync(TimeSpan.FromMilliseconds(30), Add, 1, 2);
        Assert.True(pool.Join(Gate.Limit));
        Assert.Equal(1, pool.Stats().Completed);
        await task.Soon();
    }

    [Fact]
    public void ClosedPoolTakesNothingForLater()
    {
        using Pool pool = NewPool(1);
        pool.Shutdown();
        Assert.Throws<ObjectDisposedException>(
            () => { _ = pool.SubmitAfterAsync(Seconds(1), DoNothing); });
    }

    [Fact]
    public async Task QueueDeadlineCountsFromItsTime()
    {
        using Pool pool = NewTimedPool();
        using var gate = new SharedGate();
        Occupy(pool, gate);
        Task task = pool.SubmitAfterAsync(
            Seconds(10), DoNothing, options: new TaskOptions { QueueDeadline = Seconds(2) });
        _time.Advance(Seconds(11));
        Assert.False(task.IsCompleted);
        _time.Advance(Seconds(1));
        await AssertTimesOut(task);
        Assert.Equal(1, pool.Stats().Expired);
        gate.Open();
    }

    [Fact]
    public async Task DelayedTaskCountsAsPendingFromSubmission()
    {
        using Pool pool = NewTimedPool(
            new PoolPlan { MaxPending = 2, WhenFull = WhenFull.Reject });
        _ = pool.SubmitAfterAsync(Seconds(1), DoNothing);
        _ = pool.SubmitAfterAsync(Seconds(1), DoNothing);
        Assert.Throws<RejectedException>(
            () => { _ = pool.SubmitAfterAsync(Seconds(1), DoNothing); });
        // A worker is free for this one.
        Assert.Equal(3, await pool.SubmitAsync(Add, 1, 2).Soon());
        Assert.Equal(1, pool.Stats().Rejected);
    }

    [Fact]
    public async Task FullPoolTakesWhatIsDue()
    {
        using Pool pool = NewTimedPool(
            new PoolPlan { MaxPending = 2, WhenFull = WhenFull.Reject });
        using var gate = new SharedGate();
        Occupy(pool, gate);
        Task<int> delayed = pool.SubmitAfterAsync(Seconds(1), Add, 1, 2);
        Task<int> pending = pool.SubmitAsync(Add, 2, 2);
        Assert.Throws<RejectedException>(() => { _ = pool.SubmitAsync(DoNothing); });
        _time.Advance(Seconds(1));
        gate.Open();
        Assert.Equal(3, await delayed.Soon());
        Assert.Equal(4, await pending.Soon());
    }

    [Fact]
    public async Task TaskRunsOnceHoweverItsTimeAndItsEndMeet()
    {
        const int Rounds = 30;
        using Pool pool = NewTimedPool(new PoolPlan { MaxWorkers = 2 });
        for (int round = 0; round < Rounds; ++round)
        {
            using var source = new CancellationTokenSource();
            Task<int> task =
                pool.SubmitAfterAsync(Seconds(1), Add, 1, 2, source.Token);
            Task mover = Task.Run(() => _time.Advance(Seconds(1)));
            source.Cancel();
            await mover.Soon();
            await ((Task)task).Soon().ConfigureAwait(
                ConfigureAwaitOptions.SuppressThrowing);
            Assert.True(task.IsCompletedSuccessfully || task.IsCanceled);
        }
        Assert.True(pool.Join(Gate.Limit));
        PoolStats stats = pool.Stats();
        Assert.Equal(Rounds, stats.Submitted);
        Assert.Equal(Rounds, stats.Completed + stats.Cancelled);
        Assert.Equal(0, stats.Pending);
        Assert.Equal(0, stats.Delayed);
    }

    private static async Task<int> AddLaterAsync(int a, int b)
    {
        await Task.Yield();
        return a + b;
    }

    [Fact]
    public async Task EachShapeOfFunctionMayComeLater()
    {
        using Pool pool = NewTimedPool();
        Task<int> asynchronous = pool.SubmitAfterAsync(Seconds(1), AddLaterAsync, 1, 2);
        Task<int> stoppable = pool.SubmitAfterAsync(
            Seconds(1), static (int a, CancellationToken _) => a, 7);
        Task nothing = pool.SubmitAfterAsync(Seconds(1), DoNothing);
        Task<int> failing = pool.SubmitAfterAsync(Seconds(1), ThrowFormatException);
        Assert.Equal(4, pool.Stats().Delayed);
        _time.Advance(Seconds(1));
        Assert.Equal(3, await asynchronous.Soon());
        Assert.Equal(7, await stoppable.Soon());
        await nothing.Soon();
        await Assert.ThrowsAsync<FormatException>(() => failing.Soon());
    }

    [Fact]
    public async Task TaskWithATimeoutMayComeLater()
    {
        using Pool pool = NewTimedPool();
        Task<int> sum = pool.SubmitAfterAsync(
            Seconds(5), Add, 1, 2, options: new TaskOptions { Timeout = Seconds(1) });
        _time.Advance(Seconds(4));
        Assert.False(sum.IsCompleted);
        _time.Advance(Seconds(1));
        Assert.Equal(3, await sum.Soon());
    }
}

using System;
using System.Collections.Concurrent;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// Tasks that run again and again. A claim of C++ is not here: CancellingItsFutureEndsIt,
/// as a Task is not cancelled by who has it.
public abstract class PoolPeriodicContract(PoolKind kind) : PoolContract(kind)
{
    private readonly FakeTimeProvider _time = new();
    private readonly ConcurrentQueue<Exception> _failures = new();

    private static TimeSpan Seconds(double count) => TimeSpan.FromSeconds(count);

    private static TimeSpan Milliseconds(int count) => TimeSpan.FromMilliseconds(count);

    private Pool NewTimedPool(PoolPlan? plan = null) => NewPool(
        (plan ?? new PoolPlan()) with
        {
            Name = "pool",
            TimeProvider = _time,
            UnobservedFailureHandler = _failures.Enqueue,
        });

    /// The last run is over, and the next one waits for its time.
    private static void AwaitRest(Pool pool, Periodic periodic) =>
        Waiting.Until(() =>
            periodic.Stats().UntilNext > TimeSpan.Zero && pool.Stats().Delayed == 1);

    private void AdvanceAndRest(Pool pool, Periodic periodic, TimeSpan time)
    {
        _time.Advance(time);
        AwaitRest(pool, periodic);
    }

    private static void FailAtEvenRuns(string folder)
    {
        SharedGate.Touch(folder, 0);
        if (Directory.EnumerateFiles(folder, "*.arrival").Count() % 2 == 0)
        {
            throw new FormatException("even run");
        }
    }

    private static async Task AssertCanceled(Task task) =>
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => task.Soon());

    [Fact]
    public void RunsAtOnceAndAfterEachPeriod()
    {
        using Pool pool = NewTimedPool();
        using var gate = new SharedGate();
        Periodic periodic = pool.Every(Seconds(1), SharedGate.Touch, gate.Folder, 0);
        AwaitRest(pool, periodic);
        Assert.Equal(1, gate.CountArrivals());
        _time.Advance(Milliseconds(999));
        Assert.Equal(1, pool.Stats().Delayed);
        Assert.Equal(1, gate.CountArrivals());
        AdvanceAndRest(pool, periodic, Milliseconds(1));
        Assert.Equal(2, gate.CountArrivals());
    }

    [Fact]
    public void FixedRateKeepsItsTicks()
    {
        using Pool pool = NewTimedPool();
        using var gate = new SharedGate();
        Periodic periodic = pool.Every(
            Seconds(1),
            SharedGate.Touch,
            gate.Folder,
            0,
            new PeriodicOptions { InitialDelay = Seconds(1) });
        for (int i = 0; i < 100; ++i)
        {
            AdvanceAndRest(pool, periodic, Milliseconds(700));
        }
        Assert.Equal(70, gate.CountArrivals());
        Assert.Equal(70, periodic.Stats().Runs);
        Assert.Equal(Seconds(1), periodic.Stats().UntilNext);
    }

    [Fact]
    public void FixedDelayCountsFromTheEndOfARun()
    {
        using Pool pool = NewTimedPool();
        using var gate = new SharedGate();
        Periodic periodic = pool.Every(
            Seconds(1),
            SharedGate.Pass,
            gate.Folder,
            1,
            new PeriodicOptions { Cadence = Cadence.FixedDelay });
        gate.AwaitArrivals(1);
        _time.Advance(Milliseconds(1700));
        gate.Open();
        AwaitRest(pool, periodic);
        Assert.Equal(Seconds(1), periodic.Stats().UntilNext);
        Assert.Equal(0, periodic.Stats().Skipped);
    }

    [Fact]
    public void RunsDoNotOverlapAndMissedOnesAreCounted()
    {
        using Pool pool = NewTimedPool(new PoolPlan { MaxWorkers = 2 });
        using var gate = new SharedGate();
        Periodic periodic = pool.Every(Seconds(1), SharedGate.Pass, gate.Folder, 1);
        gate.AwaitArrivals(1);
        _time.Advance(Milliseconds(3500));
        Assert.Equal(0, pool.Stats().Pending);
        Assert.Equal(0, gate.CountArrivals());
        gate.Open();
        AwaitRest(pool, periodic);
        Assert.Equal(1, periodic.Stats().Runs);
        Assert.Equal(3, periodic.Stats().Skipped);
        Assert.Equal(Milliseconds(500), periodic.Stats().UntilNext);
    }

    [Fact]
    public void MissedRunsAreCaughtUpWithInARow()
    {
        using Pool pool = NewTimedPool();
        using var gate = new SharedGate();
        Periodic periodic = pool.Every(
            Seconds(1),
            SharedGate.Pass,
            gate.Folder,
            1,
            new PeriodicOptions { WhenLate = WhenLate.CatchUp });
        gate.AwaitArrivals(1);
        _time.Advance(Milliseconds(3500));
        gate.Open();
        AwaitRest(pool, periodic);
        Assert.Equal(4, periodic.Stats().Runs);
        Assert.Equal(0, periodic.Stats().Skipped);
        Assert.Equal(Milliseconds(500), periodic.Stats().UntilNext);
    }

    [Fact]
    public void FailedRunIsToldOfAndTheNextOneComes()
    {
        using Pool pool = NewTimedPool();
        using var gate = new SharedGate();
        Periodic periodic = pool.Every(
            Seconds(1),
            FailAtEvenRuns,
            gate.Folder,
            new PeriodicOptions { Task = new TaskOptions { Name = "sweep" } });
        AwaitRest(pool, periodic);
        AdvanceAndRest(pool, periodic, Seconds(1));
        AdvanceAndRest(pool, periodic, Seconds(1));
        var failure = Assert.IsType<PeriodicRunException>(Assert.Single(_failures));
        Assert.StartsWith("run 2 of 'sweep' on pool 'pool' failed: ", failure.Message);
        Assert.Contains("even run", failure.Message);
        Assert.Equal("sweep", failure.TaskName);
        Assert.Equal(2, failure.Run);
        Assert.IsType<FormatException>(failure.InnerException);
        Assert.Equal(3, periodic.Stats().Runs);
        Assert.Equal(1, periodic.Stats().Failed);
        Assert.False(periodic.Done.IsCompleted);
    }

    [Fact]
    public async Task FailureEndsItIfThatIsWished()
    {
        using Pool pool = NewTimedPool();
        using var gate = new SharedGate();
        Periodic periodic = pool.Every(
            Seconds(1),
            FailAtEvenRuns,
            gate.Folder,
            new PeriodicOptions { OnError = OnRunError.Stop });
        AwaitRest(pool, periodic);
        _time.Advance(Seconds(1));
        var error = await Assert.ThrowsAsync<FormatException>(() => periodic.Done.Soon());
        Assert.Equal("even run", error.Message);
        Assert.Equal(0, pool.Stats().Pending);
        Assert.Empty(_failures);
    }

    [Fact]
    public async Task EndsAfterMaxRuns()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Periodic periodic = pool.Every(
            Milliseconds(1),
            SharedGate.Touch,
            gate.Folder,
            0,
            new PeriodicOptions { MaxRuns = 3 });
        await periodic.Done.Soon();
        Assert.Equal(3, gate.CountArrivals());
        Assert.Equal(3, periodic.Stats().Runs);
        Assert.Equal(Timeout.InfiniteTimeSpan, periodic.Stats().UntilNext);
        Assert.True(pool.Join(Gate.Limit));
        Assert.False(periodic.Cancel());
        Assert.False(periodic.Trigger());
    }

    [Fact]
    public async Task CancelEndsItWhileNoRunGoesOn()
    {
        using Pool pool = NewTimedPool();
        using var gate = new SharedGate();
        Periodic periodic = pool.Every(Seconds(1), SharedGate.Touch, gate.Folder, 0);
        AwaitRest(pool, periodic);
        Assert.True(periodic.Cancel());
        Assert.False(periodic.Cancel());
        await AssertCanceled(periodic.Done);
        periodic.SetPeriod(Seconds(2));  // of no effect
        Assert.Equal(Timeout.InfiniteTimeSpan, periodic.Stats().UntilNext);
        Assert.True(pool.Join(Gate.Limit));
        Assert.Equal(1, gate.CountArrivals());
    }

    [Fact]
    public async Task CancelLetsTheRunThatGoesOnEnd()
    {
        using Pool pool = NewTimedPool();
        using var gate = new SharedGate();
        Periodic periodic = pool.Every(Seconds(1), SharedGate.Pass, gate.Folder, 1);
        gate.AwaitArrivals(1);
        Assert.True(periodic.Cancel());
        Assert.False(periodic.Done.IsCompleted);
        gate.Open();
        await AssertCanceled(periodic.Done);
        Assert.Equal(1, periodic.Stats().Runs);
        Assert.Equal(1, pool.Stats().Completed);
    }

    [Fact]
    public async Task GoesOnWithoutItsHandle()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        await pool.Every(
            Milliseconds(1),
            SharedGate.Touch,
            gate.Folder,
            0,
            new PeriodicOptions { MaxRuns = 3 }).Done.Soon();
        Assert.Equal(3, gate.CountArrivals());
    }

    [Fact]
    public void TriggerBringsARunBesideTheTicks()
    {
        using Pool pool = NewTimedPool();
        using var gate = new SharedGate();
        Periodic periodic = pool.Every(Seconds(1), SharedGate.Touch, gate.Folder, 0);
        AwaitRest(pool, periodic);
        _time.Advance(Milliseconds(300));
        Assert.True(periodic.Trigger());
        AwaitRest(pool, periodic);
        Assert.Equal(2, gate.CountArrivals());
        Assert.Equal(Milliseconds(700), periodic.Stats().UntilNext);
    }

    [Fact]
    public void TriggersDuringARunBringOneMore()
    {
        using Pool pool = NewTimedPool();
        using var gate = new SharedGate();
        Periodic periodic = pool.Every(Seconds(1), SharedGate.Pass, gate.Folder, 1);
        gate.AwaitArrivals(1);
        Assert.True(periodic.Trigger());
        Assert.True(periodic.Trigger());
        gate.Open();
        Waiting.Until(() => periodic.Stats().Runs == 2);
        AwaitRest(pool, periodic);
        Assert.Equal(2, periodic.Stats().Runs);
        Assert.Equal(Seconds(1), periodic.Stats().UntilNext);
    }

    [Fact]
    public void NewPeriodMovesTheRunThatWaits()
    {
        using Pool pool = NewTimedPool();
        using var gate = new SharedGate();
        Periodic periodic =
            pool.Every(TimeSpan.FromHours(1), SharedGate.Touch, gate.Folder, 0);
        AwaitRest(pool, periodic);
        periodic.SetPeriod(Seconds(2));
        _time.Advance(Seconds(1));
        Assert.Equal(Seconds(1), periodic.Stats().UntilNext);
        AdvanceAndRest(pool, periodic, Seconds(1));
        Assert.Equal(2, gate.CountArrivals());
        // Two seconds after the last tick have passed by then.
        periodic.SetPeriod(TimeSpan.FromHours(1));
        _time.Advance(Seconds(5));
        periodic.SetPeriod(Seconds(2));
        Waiting.Until(() => gate.CountArrivals() == 3);
        var error = Assert.Throws<ArgumentOutOfRangeException>(
            () => periodic.SetPeriod(TimeSpan.Zero));
        Assert.Contains("period is 00:00:00; it must be positive", error.Message);
    }

    [Fact]
    public async Task ShutdownEndsIt()
    {
        foreach (ShutdownMode mode in new[] { ShutdownMode.CancelPending, ShutdownMode.Drain })
        {
            using Pool pool = NewTimedPool();
            using var gate = new SharedGate();
            Periodic waiting = pool.Every(
                Seconds(1), DoNothing, new PeriodicOptions { InitialDelay = Seconds(1) });
            Periodic running = pool.Every(Seconds(1), SharedGate.Pass, gate.Folder, 1);
            gate.AwaitArrivals(1);
            gate.Open();
            pool.Shutdown(new ShutdownOptions { Mode = mode });
            await AssertCanceled(waiting.Done);
            await AssertCanceled(running.Done);
            Assert.True(pool.IsTerminated);
            Assert.Equal(0, waiting.Stats().Runs);
        }
    }

    [Fact]
    public async Task LaterRunsNeedNoRoom()
    {
        using Pool pool = NewTimedPool(
            new PoolPlan { MaxPending = 1, WhenFull = WhenFull.Reject });
        using var gate = new SharedGate();
        Periodic periodic = pool.Every(Seconds(1), SharedGate.Pass, gate.Folder, 1);
        gate.AwaitArrivals(1);
        Task<int> pending = pool.SubmitAsync(Add, 1, 2);
        Assert.Throws<RejectedException>(() => pool.Every(Seconds(1), DoNothing));
        gate.Open();
        Assert.Equal(3, await pending.Soon());
        AwaitRest(pool, periodic);
        AdvanceAndRest(pool, periodic, Seconds(1));
        Assert.Equal(2, periodic.Stats().Runs);
        Assert.Equal(0, periodic.Stats().Failed);
    }

    [Fact]
    public void BadInputIsRefusedBeforeAnythingStarts()
    {
        using Pool pool = NewPool(1);
        void Refuses(string message, TimeSpan period, PeriodicOptions? options = null) =>
            Assert.Contains(
                message,
                Assert.ThrowsAny<ArgumentException>(
                    () => pool.Every(period, DoNothing, options)).Message);
        TimeSpan s = Seconds(1);
        Refuses("period is 00:00:00; it must be positive", TimeSpan.Zero);
        Refuses("period is -00:00:01; it must be positive", -s);
        Refuses(
            "MaxAttempts is 0; it must be at least 1",
            s,
            new PeriodicOptions { Task = new TaskOptions { MaxAttempts = 0 } });
        Refuses(
            "InitialDelay is -00:00:01; it must not be negative",
            s,
            new PeriodicOptions { InitialDelay = -s });
        Refuses(
            "Cadence is 2, which is no Cadence",
            s,
            new PeriodicOptions { Cadence = (Cadence)2 });
        Refuses(
            "WhenLate is -1, which is no WhenLate",
            s,
            new PeriodicOptions { WhenLate = (WhenLate)(-1) });
        Refuses(
            "OnError is 2, which is no OnRunError",
            s,
            new PeriodicOptions { OnError = (OnRunError)2 });
        Refuses(
            "MaxRuns is -1; it must not be negative (0: no limit)",
            s,
            new PeriodicOptions { MaxRuns = -1 });
        Refuses("Jitter is 1; it must be in [0, 1)", s, new PeriodicOptions { Jitter = 1 });
        Refuses(
            "Jitter is -0.5; it must be in [0, 1)", s, new PeriodicOptions { Jitter = -0.5 });
        Refuses(
            "Jitter is NaN; it must be in [0, 1)",
            s,
            new PeriodicOptions { Jitter = double.NaN });
        Assert.Equal(0, pool.Stats().Submitted);
        pool.Shutdown();
        Assert.Throws<ObjectDisposedException>(() => pool.Every(s, DoNothing));
    }

    [Fact]
    public async Task JoinWaitsForItsEnd()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Periodic periodic = pool.Every(
            Milliseconds(1),
            SharedGate.Pass,
            gate.Folder,
            0,
            new PeriodicOptions { MaxRuns = 20 });
        gate.AwaitArrivals(1);
        Assert.False(pool.Join(TimeSpan.Zero));
        gate.Open();
        Assert.True(pool.Join(Gate.Limit));
        Assert.Equal(19, gate.CountArrivals());
        await periodic.Done.Soon();
    }

    [Fact]
    public void JitterMovesRunsAndNotTicks()
    {
        using Pool pool = NewTimedPool();
        using var gate = new SharedGate();
        Periodic periodic = pool.Every(
            Seconds(1),
            SharedGate.Touch,
            gate.Folder,
            0,
            new PeriodicOptions { Jitter = 0.5 });
        AwaitRest(pool, periodic);
        for (int run = 1; run <= 20; ++run)
        {
            TimeSpan due = periodic.Stats().UntilNext
                + TimeSpan.FromTicks(_time.GetTimestamp());
            Assert.InRange(due, Seconds(run), Seconds(run + 0.5));
            AdvanceAndRest(pool, periodic, periodic.Stats().UntilNext);
        }
    }
}

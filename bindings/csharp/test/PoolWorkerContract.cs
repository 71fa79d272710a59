using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// Workers, counts and options of a pool. Claims of C++ that are not here:
/// - FixedPoolsAreNamedAfterTheirClass, FixedPoolRefusesAnotherSize,
///   FixedPoolTakesItsOwnSize, FixedPoolTakesOptions: what Executors makes has no
///   class of its own, and takes no options.
public abstract class PoolWorkerContract(PoolKind kind) : PoolContract(kind)
{
    [ThreadStatic]
    private static int t_initializations;

    private static void CountInitialization() => ++t_initializations;

    private static int Initializations() => t_initializations;

    private Pool NewPool(int workers, TimeSpan idleTimeout) =>
        NewPool(new PoolPlan { MaxWorkers = workers, IdleTimeout = idleTimeout });

    // ---------------------------------------------------- Growing and shrinking

    [Fact]
    public void FreshPoolHasNoWorkers()
    {
        using Pool pool = NewPool(3);
        Assert.Equal(0, pool.CountWorkers());
    }

    [Fact]
    public void SpawnWorkersStartsAsManyAsAsked()
    {
        using Pool pool = NewPool(3);
        Assert.Equal(2, pool.SpawnWorkers(2));
        Assert.Equal(2, pool.CountWorkers());
    }

    [Fact]
    public void SpawnWorkersStopsAtTheMaximum()
    {
        using Pool pool = NewPool(2);
        Assert.Equal(2, pool.SpawnWorkers(100));
        Assert.Equal(2, pool.CountWorkers());
    }

    [Fact]
    public void SpawnWorkersFillsUpToTheMaximum()
    {
        using Pool pool = NewPool(2);
        pool.SpawnWorkers(1);
        Assert.Equal(1, pool.SpawnWorkers(100));
    }

    [Fact]
    public void SpawnMaxWorkersStartsThemAll()
    {
        using Pool pool = NewPool(2);
        Assert.Equal(2, pool.SpawnMaxWorkers());
    }

    [Fact]
    public void FullPoolSpawnsNoWorker()
    {
        using Pool pool = NewPool(2);
        pool.SpawnMaxWorkers();
        Assert.Equal(0, pool.SpawnMaxWorkers());
    }

    [Fact]
    public void SpawnOfZeroWorkersStartsNone()
    {
        using Pool pool = NewPool(2);
        Assert.Equal(0, pool.SpawnWorkers(0));
        Assert.Equal(0, pool.CountWorkers());
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(int.MinValue)]
    public void SpawnOfNegativeWorkersIsRefused(int count)
    {
        using Pool pool = NewPool(1);
        var error = Assert.Throws<ArgumentException>(() => pool.SpawnWorkers(count));
        Assert.Contains($"n is {count}", error.Message);
    }

    [Fact]
    public void PoolGrowsBeforeItQueues()
    {
        using Pool pool = NewPool(2);
        using var gate = new SharedGate();
        Occupy(pool, gate);
        Occupy(pool, gate);
        Assert.Equal(2, pool.CountBusyWorkers());
    }

    [Fact]
    public void PoolDoesNotGrowPastTheMaximum()
    {
        using Pool pool = NewPool(2);
        using var gate = new SharedGate();
        Occupy(pool, gate);
        Occupy(pool, gate);
        for (int i = 0; i < 5; ++i)
        {
            pool.SubmitAsync(DoNothing);
        }
        Assert.Equal(2, pool.CountWorkers());
        Assert.Equal(5, pool.CountPendingTasks());
    }

    [Fact]
    public void IdleWorkersRetireAfterTheTimeout()
    {
        using Pool pool = NewPool(2, TimeSpan.FromMilliseconds(5));
        pool.SpawnMaxWorkers();
        Waiting.Until(() => pool.CountWorkers() == 0);
    }

    [Fact]
    public void WorkersRetireWithAnIdleTimeoutOfZero()
    {
        using Pool pool = NewPool(2, TimeSpan.Zero);
        pool.MapAll(Square, Enumerable.Range(0, 5));
        Waiting.Until(() => pool.CountWorkers() == 0);
    }

    [Fact]
    public async Task ShrunkenPoolGrowsAgain()
    {
        using Pool pool = NewPool(1, TimeSpan.Zero);
        await pool.SubmitAsync(static () => 1).Soon();
        Waiting.Until(() => pool.CountWorkers() == 0);
        Assert.Equal(2, await pool.SubmitAsync(static () => 2).Soon());
    }

    [Fact]
    public void BusyWorkerDoesNotRetire()
    {
        using Pool pool = NewPool(2, TimeSpan.Zero);
        using var gate = new SharedGate();
        Occupy(pool, gate);
        pool.Run(DoNothing);
        Waiting.Until(() => pool.CountWorkers() == 1);
        Assert.Equal(1, pool.CountBusyWorkers());
    }

    [Fact]
    public void NewIdleTimeoutReachesIdleWorkers()
    {
        using Pool pool = NewPool(2, Timeout.InfiniteTimeSpan);
        pool.SpawnMaxWorkers();
        pool.IdleTimeout = Instant;
        Waiting.Until(() => pool.CountWorkers() == 0);
    }

    [Fact]
    public void IdleTimeoutIsWhatWasSet()
    {
        using Pool pool = NewPool(2, Timeout.InfiniteTimeSpan);
        Assert.Equal(Timeout.InfiniteTimeSpan, pool.IdleTimeout);
        pool.IdleTimeout = TimeSpan.FromSeconds(7);
        Assert.Equal(TimeSpan.FromSeconds(7), pool.IdleTimeout);
    }

    [Fact]
    public void NegativeIdleTimeoutIsRefused()
    {
        using Pool pool = NewPool(1);
        var error = Assert.Throws<ArgumentOutOfRangeException>(
            () => pool.IdleTimeout = TimeSpan.FromSeconds(-1));
        Assert.Contains("IdleTimeout is -00:00:01", error.Message);
        Assert.Equal(TimeSpan.FromSeconds(60), pool.IdleTimeout);
    }

    [Fact]
    public async Task WorkerRetiresAfterItsMaximumOfTasks()
    {
        using Pool pool = NewPool(new PoolPlan { MaxTasksPerWorker = 2 });
        var workers = new List<long>();
        for (int i = 0; i < 4; ++i)
        {
            workers.Add(await pool.SubmitAsync(Kind.WorkerId).Soon());
        }
        Assert.All(workers.CountBy(worker => worker), count => Assert.True(count.Value <= 2));
    }

    [Fact]
    public void PoolOfShortLivedWorkersLosesNoTask()
    {
        using Pool pool = NewPool(new PoolPlan { MaxWorkers = 2, MaxTasksPerWorker = 1 });
        Assert.Equal([0, 1, 4, 9, 16], pool.MapAll(Square, Enumerable.Range(0, 5)));
    }

    [Fact]
    public async Task EachWorkerIsInitializedOnceBeforeItsTasks()
    {
        using Pool pool = NewPool(
            new PoolPlan { MaxWorkers = 2, Initializer = CountInitialization });
        for (int i = 0; i < 9; ++i)
        {
            Assert.Equal(1, await pool.SubmitAsync(Initializations).Soon());
        }
    }

    // ------------------------------------------------------------------- Counts

    [Fact]
    public void CountsOfAFreshPoolAreZero()
    {
        using Pool pool = NewPool(2);
        Assert.Equal([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], Counts(pool));
    }

    [Fact]
    public async Task StatsCountEachTaskWhereItIs()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        using var source = new CancellationTokenSource();
        await pool.SubmitAsync(DoNothing).Soon();
        await Assert.ThrowsAsync<FormatException>(
            () => pool.SubmitAsync(ThrowFormatException).Soon());
        Occupy(pool, gate);
        _ = pool.SubmitAsync(DoNothing, source.Token);
        _ = pool.SubmitAsync(DoNothing);
        source.Cancel();
        Assert.Equal([1, 1, 0, 5, 1, 1, 1, 1, 1, 0, 0, 0], Counts(pool));
    }

    [Fact]
    public async Task FinishedTaskIsCountedWhenItsFutureIsDone()
    {
        using Pool pool = NewPool(1);
        for (int i = 1; i <= 100; ++i)
        {
            await pool.SubmitAsync(static () => 1).Soon();
            Assert.Equal(i, pool.Stats().Completed);
        }
        await Assert.ThrowsAsync<FormatException>(
            () => pool.SubmitAsync(ThrowFormatException).Soon());
        Assert.Equal(1, pool.Stats().Failed);
    }

    [Fact]
    public async Task MissedQueueDeadlineIsCountedAsFailed()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Occupy(pool, gate);
        await AssertTimesOut(
            pool.SubmitAsync(DoNothing, options: new TaskOptions { QueueDeadline = Instant }));
        Assert.Equal(1, pool.Stats().Failed);
        Assert.Equal(0, pool.Stats().Pending);
    }

    [Fact]
    public void CountsTellBusyFromFreeWorkers()
    {
        using Pool pool = NewPool(2);
        using var gate = new SharedGate();
        pool.SpawnMaxWorkers();
        Occupy(pool, gate);
        Assert.Equal(2, pool.CountWorkers());
        Assert.Equal(1, pool.CountBusyWorkers());
        Assert.Equal(1, pool.CountFreeWorkers());
    }

    [Fact]
    public void CountPendingTasksLeavesOutRunningOnes()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Occupy(pool, gate);
        Assert.Equal(0, pool.CountPendingTasks());
        pool.SubmitAsync(DoNothing);
        Assert.Equal(1, pool.CountPendingTasks());
    }

    [Fact]
    public async Task CountsOfTerminatedPoolStay()
    {
        using Pool pool = NewPool(1);
        await pool.SubmitAsync(static () => 1).Soon();
        pool.Shutdown();
        Assert.Equal([0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0], Counts(pool));
    }

    // ---------------------------------------------------------------- Workers()

    [Fact]
    public void WorkersAreNumberedAndNamedAfterThePool()
    {
        using Pool pool = NewPool(new PoolPlan { MaxWorkers = 2, Name = "loader" });
        pool.SpawnMaxWorkers();
        Assert.Equal(
            [(1, "loader-worker-1"), (2, "loader-worker-2")],
            pool.Workers().Select(worker => (worker.Id, worker.Name)));
    }

    [Fact]
    public void FreshPoolListsNoWorkers()
    {
        using Pool pool = NewPool(2);
        Assert.Empty(pool.Workers());
    }

    [Fact]
    public async Task WorkerIsListedWithItsId()
    {
        using Pool pool = NewPool(1);
        long id = await pool.SubmitAsync(Kind.WorkerId).Soon();
        Assert.Equal(id, Assert.Single(pool.Workers()).ProcessId);
    }

    [Fact]
    public void BusyWorkerIsListedWithItsTasksName()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        var options = new TaskOptions { Name = "load" };
        pool.SubmitAsync(SharedGate.Pass, gate.Folder, 1, options: options);
        gate.AwaitArrivals(1);
        WorkerInfo worker = Assert.Single(pool.Workers());
        Assert.True(worker.IsBusy);
        Assert.Equal("load", worker.CurrentTask);
    }

    [Fact]
    public void TaskWithoutANameIsListedByItsNumber()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        pool.Run(DoNothing);
        Occupy(pool, gate);
        Assert.Equal("task 2", Assert.Single(pool.Workers()).CurrentTask);
    }

    [Fact]
    public void RunningTimeOfAListedTaskGrows()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Occupy(pool, gate);
        TimeSpan before = pool.Workers()[0].RunningFor;
        Waiting.Until(() => pool.Workers()[0].RunningFor > before);
    }

    [Fact]
    public void IdleWorkerIsListedWithoutATask()
    {
        using Pool pool = NewPool(1);
        pool.Run(DoNothing);
        WorkerInfo worker = Assert.Single(pool.Workers());
        Assert.False(worker.IsBusy);
        Assert.Equal("", worker.CurrentTask);
        Assert.Equal(TimeSpan.Zero, worker.RunningFor);
    }

    [Fact]
    public void WorkerCountsItsTasks()
    {
        using Pool pool = NewPool(1);
        for (int i = 0; i < 3; ++i)
        {
            pool.Run(DoNothing);
        }
        Waiting.Until(() => pool.Workers()[0].TasksDone == 3);
    }

    // ------------------------------------------------------------------ Options

    [Fact]
    public void PoolIsNamedAfterItsClassByDefault()
    {
        using Pool pool = Kind.MakeDefault();
        Assert.Equal(Kind.ClassName, pool.Name);
    }

    [Fact]
    public void PoolKeepsItsName()
    {
        using Pool pool = NewPool(new PoolPlan { Name = "loader" });
        Assert.Equal("loader", pool.Name);
        Assert.Contains("loader", pool.ToString());
    }

    [Fact]
    public void MaximumOfWorkersIsWhatWasAsked()
    {
        using Pool pool = NewPool(7);
        Assert.Equal(7, pool.MaxWorkers);
    }

    [Fact]
    public void MaximumOfWorkersFollowsTheCpusByDefault()
    {
        using Pool pool = Kind.MakeDefault();
        Assert.Equal(Kind.DefaultMaxWorkers, pool.MaxWorkers);
    }

    [Fact]
    public void IdleTimeoutIsAMinuteByDefault()
    {
        using Pool pool = Kind.MakeDefault();
        Assert.Equal(TimeSpan.FromSeconds(60), pool.IdleTimeout);
    }

    [Fact]
    public void BadOptionIsNamedWithItsValue()
    {
        (PoolPlan Plan, string Message)[] cases = [
            (new() { MaxWorkers = -1 }, "MaxWorkers is -1"),
            (new() { MaxWorkers = int.MinValue }, $"MaxWorkers is {int.MinValue}"),
            (new() { MaxWorkers = int.MaxValue }, $"MaxWorkers is {int.MaxValue}"),
            (new() { IdleTimeout = TimeSpan.FromSeconds(-1) }, "IdleTimeout is -00:00:01"),
            (new() { MaxTasksPerWorker = -1 }, "MaxTasksPerWorker is -1"),
        ];
        foreach ((PoolPlan plan, string message) in cases)
        {
            var error = Assert.ThrowsAny<ArgumentException>(() => NewPool(plan));
            Assert.Contains(message, error.Message);
        }
    }

    [Fact]
    public void FixedPoolsHaveTheirSize()
    {
        Pool[] pools = Kind.MakeFixed();
        Assert.Equal([1, 2, 3, 4], pools.Select(pool => pool.MaxWorkers));
        Assert.All(pools, pool => pool.Dispose());
    }

    private static long[] Counts(Pool pool)
    {
        PoolStats stats = pool.Stats();
        return
        [
            stats.Workers,
            stats.Busy,
            stats.Idle,
            stats.Submitted,
            stats.Pending,
            stats.Running,
            stats.Completed,
            stats.Failed,
            stats.Cancelled,
            stats.Lost,
            stats.Rejected,
            stats.Stalls,
        ];
    }
}

using System;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// Pauses, and pools that change their size. Claims of C++ are not here:
/// ResumeNeedsAPause, as a pause is an object that ends once.
public abstract class PoolPauseContract(PoolKind kind) : PoolContract(kind)
{
    private Pool NewSteadyPool(int workers) => NewPool(
        new PoolPlan { MaxWorkers = workers, IdleTimeout = Timeout.InfiniteTimeSpan });

    [Fact]
    public async Task NothingBeginsInAPausedPool()
    {
        using Pool pool = NewPool(2);
        pool.Run(DoNothing);
        Task<int>[] tasks;
        using (ExecutionFence fence = pool.Pause())
        {
            Assert.True(await fence.WaitForQuietAsync(Gate.Limit));
            Assert.True(pool.IsPaused);
            tasks = [.. Enumerable.Range(0, 10).Select(i => pool.SubmitAsync(Square, i))];
            await Task.Delay(20);
            Assert.Equal(10, pool.Stats().Pending);
            Assert.Equal(0, pool.Stats().Running);
        }
        Assert.False(pool.IsPaused);
        Assert.Equal(285, (await Task.WhenAll(tasks).Soon()).Sum());
    }

    [Fact]
    public async Task PauseHoldsWhatWaitedBeforeIt()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Task<int> running = Busy(pool, gate);
        Task<int>[] tasks =
            [.. Enumerable.Range(0, 10).Select(i => pool.SubmitAsync(Square, i))];
        using (ExecutionFence fence = pool.Pause())
        {
            gate.Open();
            await running.Soon();
            Assert.True(await fence.WaitForQuietAsync(Gate.Limit));
            Assert.Equal(10, pool.Stats().Pending);
        }
        Assert.Equal(285, (await Task.WhenAll(tasks).Soon()).Sum());
    }

    [Fact]
    public void ResumeFindsAWorkerForEachTask()
    {
        using Pool pool = NewPool(3);
        pool.SpawnMaxWorkers();
        using var gate = new SharedGate();
        using (pool.Pause())
        {
            for (int i = 0; i < 3; ++i)
            {
                _ = pool.SubmitAsync(SharedGate.Pass, gate.Folder, i);
            }
        }
        gate.AwaitArrivals(3);
        gate.Open();
        Assert.True(pool.Join(Gate.Limit));
    }

    [Fact]
    public async Task PauseTellsWhetherATaskIsRunning()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Occupy(pool, gate);
        using (ExecutionFence fence = pool.Pause())
        {
            Assert.False(await fence.WaitForQuietAsync(TimeSpan.Zero));
            Assert.False(await fence.WaitForQuietAsync(TimeSpan.FromMilliseconds(2)));
            gate.Open();
            Assert.True(await fence.WaitForQuietAsync(Gate.Limit));
        }
        Assert.Equal(3, await pool.SubmitAsync(Add, 1, 2).Soon());
    }

    [Fact]
    public async Task PausesNest()
    {
        using Pool pool = NewPool(1);
        ExecutionFence first = pool.Pause();
        ExecutionFence second = pool.Pause();
        Task<int> task = pool.SubmitAsync(Add, 1, 2);
        first.Dispose();
        first.Dispose();  // of no effect
        await Task.Delay(10);
        Assert.False(task.IsCompleted);
        Assert.True(pool.IsPaused);
        second.Dispose();
        Assert.Equal(3, await task.Soon());
    }

    [Fact]
    public async Task ShutdownEndsAPause()
    {
        using Pool pool = NewPool(1);
        using ExecutionFence fence = pool.Pause();
        Task<int> task = pool.SubmitAsync(Add, 1, 2);
        Assert.True(pool.Shutdown(Drain));
        Assert.Equal(3, await task.Soon());
        Assert.False(pool.IsPaused);
    }

    [Fact]
    public async Task DeadlinesGoOnInAPause()
    {
        using Pool pool = NewPool(1);
        using ExecutionFence fence = pool.Pause();
        Task task = pool.SubmitAsync(
            DoNothing,
            options: new TaskOptions { QueueDeadline = TimeSpan.FromMilliseconds(5) });
        await AssertTimesOut(task);
    }

    [Fact]
    public void TasksOfAPauseCanBeCancelled()
    {
        using Pool pool = NewPool(1);
        using ExecutionFence fence = pool.Pause();
        using var source = new CancellationTokenSource();
        Task task = pool.SubmitAsync(DoNothing, source.Token);
        source.Cancel();
        Waiting.Until(() => task.IsCanceled);
        Assert.Equal(0, pool.Stats().Pending);
    }

    // --- Size ---

    [Fact]
    public void GrowthServesWhatWaits()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Occupy(pool, gate);
        for (int i = 0; i < 2; ++i)
        {
            _ = pool.SubmitAsync(SharedGate.Pass, gate.Folder, i);
        }
        pool.MaxWorkers = 3;
        Assert.Equal(3, pool.MaxWorkers);
        gate.AwaitArrivals(2);
        gate.Open();
        Assert.True(pool.Join(Gate.Limit));
    }

    [Fact]
    public async Task IdleWorkersGoWhenThereAreTooMany()
    {
        using Pool pool = NewSteadyPool(3);
        pool.SpawnMaxWorkers();
        Waiting.Until(() => pool.CountFreeWorkers() == 3);
        pool.MaxWorkers = 1;
        Waiting.Until(() => pool.CountWorkers() == 1);
        Assert.Equal(3, await pool.SubmitAsync(Add, 1, 2).Soon());
    }

    [Fact]
    public async Task BusyWorkersGoAfterTheirTask()
    {
        using Pool pool = NewSteadyPool(2);
        using var gate = new SharedGate();
        Task<int>[] busy = [Busy(pool, gate), Busy(pool, gate)];
        Task<int> next = pool.SubmitAsync(Add, 1, 2);
        pool.MaxWorkers = 1;
        Assert.Equal(2, pool.CountWorkers());
        gate.Open();
        Assert.Equal(3, await next.Soon());
        await Task.WhenAll(busy).Soon();
        Waiting.Until(() => pool.CountWorkers() == 1);
    }

    [Fact]
    public void BadSizesAreRefusedByName()
    {
        using Pool pool = NewPool(new PoolPlan { MaxWorkers = 2, MinWorkers = 1 });
        static void Refuses(string message, Action change) => Assert.Contains(
            message, Assert.ThrowsAny<ArgumentException>(change).Message);
        Refuses("MaxWorkers is 0; it must be at least 1", () => pool.MaxWorkers = 0);
        Refuses("MinWorkers is -1; it must not be negative", () => pool.MinWorkers = -1);
        Refuses("MinWorkers is 3, more than MaxWorkers, 2", () => pool.MinWorkers = 3);
        pool.MinWorkers = 2;
        Refuses("MaxWorkers is 1, less than MinWorkers, 2", () => pool.MaxWorkers = 1);
        Refuses(
            "MinWorkers is 2, more than MaxWorkers, 1",
            () => NewPool(new PoolPlan { MaxWorkers = 1, MinWorkers = 2 }));
    }

    [Fact]
    public void PoolsOfAFixedSizeKeepIt()
    {
        foreach (Pool pool in Kind.MakeFixed())
        {
            using (pool)
            {
                int size = pool.MaxWorkers;
                var error = Assert.Throws<ArgumentOutOfRangeException>(
                    () => pool.MaxWorkers = size + 1);
                Assert.Contains($"has a fixed size of {size}", error.Message);
                pool.MaxWorkers = size;
                Assert.Equal(size, pool.MaxWorkers);
            }
        }
    }

    [Fact]
    public async Task MinimumStartsWithThePoolAndStays()
    {
        using Pool pool = NewPool(new PoolPlan
        {
            MaxWorkers = 3,
            IdleTimeout = TimeSpan.FromMilliseconds(1),
            MinWorkers = 2,
        });
        Assert.Equal(2, pool.MinWorkers);
        Waiting.Until(() => pool.CountFreeWorkers() == 2);
        using var gate = new SharedGate();
        Task<int>[] busy = [.. Enumerable.Range(0, 3).Select(_ => Busy(pool, gate))];
        gate.Open();
        await Task.WhenAll(busy).Soon();
        Waiting.Until(() => pool.CountWorkers() == 2);
        await Task.Delay(20);
        Assert.Equal(2, pool.CountWorkers());
    }

    [Fact]
    public void MinimumIsRestored()
    {
        using Pool pool = NewPool(
            new PoolPlan { MaxWorkers = 2, MaxTasksPerWorker = 1, MinWorkers = 2 });
        for (int i = 0; i < 4; ++i)
        {
            pool.Run(DoNothing);
        }
        Waiting.Until(() => pool.CountWorkers() == 2);
        Assert.True(pool.Join(Gate.Limit));
        Waiting.Until(() => pool.CountWorkers() == 2);
    }

    [Fact]
    public void LowerMinimumLetsIdleWorkersGo()
    {
        using Pool pool = NewPool(new PoolPlan
        {
            MaxWorkers = 2,
            IdleTimeout = TimeSpan.FromMilliseconds(1),
            MinWorkers = 2,
        });
        Waiting.Until(() => pool.CountWorkers() == 2);
        pool.MinWorkers = 0;
        Waiting.Until(() => pool.CountWorkers() == 0);
    }

    [Fact]
    public void OldWorkersAreReplaced()
    {
        using Pool pool = NewPool(
            new PoolPlan { MaxWorkerAge = TimeSpan.FromMilliseconds(20) });
        pool.Run(DoNothing);
        long started = pool.Stats().WorkersStarted;
        Waiting.Until(() =>
        {
            pool.Run(DoNothing);
            return pool.Stats().WorkersStarted > started;
        });
    }
}

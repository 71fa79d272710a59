using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// What a shutdown leaves, and pools that break. All claims of C++ are here.
public abstract class PoolRemainsContract(PoolKind kind) : PoolContract(kind)
{
    // --------------------------------------------------- What a shutdown leaves

    [Fact]
    public void CancelledTasksComeInTheOrderOfSubmission()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Occupy(pool, gate);
        string[] names = ["a", "b", "c"];
        foreach (string name in names)
        {
            pool.SubmitAsync(DoNothing, options: new TaskOptions { Name = name });
        }
        pool.Shutdown(AtOnce);
        Assert.Equal(names, pool.TakeCancelledTasks().Select(task => task.Name));
    }

    [Fact]
    public void CancelledTasksRunInAnotherPool()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Occupy(pool, gate);
        for (int i = 0; i < 5; ++i)
        {
            pool.SubmitAsync(SharedGate.Touch, gate.Folder, i);
        }
        pool.Post(DoNothing);
        pool.Shutdown(AtOnce);
        using Pool other = NewPool(2);
        foreach (CancelledTask task in pool.TakeCancelledTasks())
        {
            other.Post(task);
            Assert.Throws<InvalidOperationException>(() => other.Post(task));
        }
        Assert.True(other.Join(Gate.Limit));
        Assert.Equal(5, gate.CountArrivals());
        Assert.Equal(6, other.Stats().Completed);
    }

    [Fact]
    public void CancelledTasksAreHandedOutOnce()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Occupy(pool, gate);
        pool.SubmitAsync(DoNothing);
        pool.Shutdown(AtOnce);
        Assert.Single(pool.TakeCancelledTasks());
        Assert.Empty(pool.TakeCancelledTasks());
    }

    [Fact]
    public void TaskThatItsFutureCancelledIsNotHandedOut()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        using var source = new CancellationTokenSource();
        Occupy(pool, gate);
        pool.SubmitAsync(DoNothing, source.Token);
        source.Cancel();
        pool.Shutdown(AtOnce);
        Assert.Empty(pool.TakeCancelledTasks());
    }

    [Fact]
    public void CancelledTaskOutlivesItsPool()
    {
        using var gate = new SharedGate();
        IReadOnlyList<CancelledTask> tasks;
        using (Pool pool = NewPool(1))
        {
            Occupy(pool, gate);
            pool.SubmitAsync(SharedGate.Touch, gate.Folder, 1);
            pool.Shutdown(AtOnce);
            tasks = pool.TakeCancelledTasks();
            gate.Open();
        }
        Assert.Single(tasks).Run();
        Assert.Equal(1, gate.CountArrivals());
    }

    private CancelledTask CancelOne(Func<int> function)
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Occupy(pool, gate);
        pool.SubmitAsync(function);
        pool.Shutdown(AtOnce);
        return Assert.Single(pool.TakeCancelledTasks());
    }

    [Fact]
    public void CancelledTaskRunsOnlyOnce()
    {
        CancelledTask task = CancelOne(static () => 1);
        task.Run();
        Assert.Throws<InvalidOperationException>(task.Run);
    }

    [Fact]
    public void CancelledTaskLetsOutWhatItThrows() =>
        Assert.Throws<FormatException>(CancelOne(ThrowFormatException).Run);

    // ---------------------------------------------------------- Pools that break

    [Fact]
    public void TestOfAPoolWithoutHooksReturns()
    {
        using Pool pool = NewPool(1);
        pool.Test();
    }

    [Fact]
    public void TestThrowsWhatTheInitializerThrew()
    {
        using Pool pool = NewPoolThatCannotBegin();
        var error = Assert.Throws<InitializerException>(pool.Test);
        Assert.EndsWith(" <- bad start", ChainOf(error));
        Assert.IsType<FormatException>(error.InnerException);
    }

    [Fact]
    public void TestThrowsWhatTheFinalizerThrew()
    {
        using Pool pool = NewPoolThatCannotEnd();
        var error = Assert.Throws<FinalizerException>(pool.Test);
        Assert.EndsWith(" <- bad end", ChainOf(error));
    }

    [Fact]
    public void FailedTestDoesNotBreakThePool()
    {
        using Pool pool = NewPoolThatCannotBegin();
        Assert.Throws<InitializerException>(pool.Test);
        Assert.False(pool.IsBroken);
    }

    [Fact]
    public void TestLeavesNoWorker()
    {
        using Pool pool = NewPool(1);
        pool.Test();
        Assert.Equal(0, pool.CountWorkers());
    }

    [Fact]
    public void InitializerThatThrowsBreaksThePool()
    {
        using Pool pool = NewPoolThatCannotBegin();
        pool.SpawnWorkers(1);
        Waiting.Until(() => pool.IsBroken);
    }

    [Fact]
    public async Task BrokenPoolFailsItsPendingTasks()
    {
        using Pool pool = NewPoolThatCannotBegin();
        await Assert.ThrowsAsync<InitializerException>(
            () => pool.SubmitAsync(Square, 3).Soon());
    }

    [Fact]
    public async Task ErrorOfABrokenPoolHasItsCauseNested()
    {
        using Pool pool = NewPoolThatCannotBegin();
        var error = await Assert.ThrowsAsync<InitializerException>(
            () => pool.SubmitAsync(Square, 3).Soon());
        Assert.EndsWith(" <- bad start", ChainOf(error));
        Assert.IsType<FormatException>(error.InnerException);
    }

    private Pool NewSlowPool() =>
        NewPool(new PoolPlan
        {
            Initializer = static () => Thread.Sleep(5000),
            InitializerTimeout =
                TimeSpan.FromMilliseconds(Kind is Processes ? 1000 : 100),
        });

    [Fact]
    public async Task InitializerThatTakesTooLongBreaksThePool()
    {
        using Pool pool = NewSlowPool();
        var error = await Assert.ThrowsAsync<InitializerException>(
            () => pool.SubmitAsync(Square, 3).Soon());
        Assert.IsType<TimeoutException>(error.InnerException);
        Assert.True(pool.IsBroken);
        Assert.Throws<InitializerException>(pool.Check);
    }

    [Fact]
    public async Task InitializerInTimeBreaksNothing()
    {
        using Pool pool = NewPool(new PoolPlan
        {
            Initializer = DoNothing,
            InitializerTimeout = TimeSpan.FromSeconds(30),
        });
        Assert.Equal(9, await pool.SubmitAsync(Square, 3).Soon());
    }

    [Fact]
    public void TestThrowsWhenTheInitializerTakesTooLong()
    {
        using Pool pool = NewSlowPool();
        Assert.Throws<InitializerException>(pool.Test);
        Assert.False(pool.IsBroken);
    }

    [Fact]
    public void NegativeInitializerTimeoutIsRefused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => NewPool(
            new PoolPlan { InitializerTimeout = TimeSpan.FromMilliseconds(-2) }));

    [Fact]
    public async Task EveryUseOfABrokenPoolThrowsItsError()
    {
        using Pool pool = NewPoolThatCannotBegin();
        await Assert.ThrowsAsync<InitializerException>(
            () => pool.SubmitAsync(Square, 3).Soon());
        PoolLifecycleContract.AssertRefusesAllUse<InitializerException>(pool);
        Assert.Contains("pool 'ill'", Assert.Throws<InitializerException>(pool.Check).Message);
    }

    [Fact]
    public async Task TasksOfABrokenPoolAreHandedOut()
    {
        using Pool pool = NewPoolThatCannotBegin();
        await Assert.ThrowsAsync<InitializerException>(
            () => pool.SubmitAsync(Square, 3).Soon());
        Assert.Single(pool.TakeCancelledTasks());
    }

    [Fact]
    public void FinalizerThatThrowsBreaksThePool()
    {
        using Pool pool = NewPoolThatCannotEnd();
        pool.Run(static () => 1);
        Assert.True(pool.Join(Gate.Limit));
        var error = Assert.Throws<FinalizerException>(pool.Check);
        Assert.EndsWith(" <- bad end", ChainOf(error));
    }

    [Fact]
    public async Task ShutdownClosesABrokenPool()
    {
        using Pool pool = NewPoolThatCannotBegin();
        await Assert.ThrowsAsync<InitializerException>(
            () => pool.SubmitAsync(Square, 3).Soon());
        Assert.True(pool.Shutdown());
        Assert.True(pool.IsTerminated);
    }
}

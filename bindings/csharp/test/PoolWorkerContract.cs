using System;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// What every pool says of its workers.
public abstract class PoolWorkerContract
{
    protected abstract Pool NewPool(int workers, TimeSpan? idleTimeout = null, string name = "");

    [Fact]
    public void FreshPoolHasNoWorkers()
    {
        using Pool pool = NewPool(3);
        Assert.Equal(0, pool.CountWorkers());
        Assert.Empty(pool.Workers());
    }

    [Fact]
    public void SpawnWorkersStopsAtTheMaximum()
    {
        using Pool pool = NewPool(3);
        Assert.Equal(2, pool.SpawnWorkers(2));
        Assert.Equal(1, pool.SpawnWorkers(5));
        Assert.Equal(0, pool.SpawnMaxWorkers());
        Assert.Equal(3, pool.CountWorkers());
        Assert.Equal(0, pool.CountBusyWorkers());
    }

    [Fact]
    public void SpawnOfNegativeWorkersIsRefused()
    {
        using Pool pool = NewPool(1);
        var error = Assert.Throws<ArgumentException>(() => pool.SpawnWorkers(-1));
        Assert.Contains("-1", error.Message);
    }

    [Fact]
    public async Task IdleWorkersRetireAfterTheTimeout()
    {
        using Pool pool = NewPool(2, TimeSpan.FromMilliseconds(20));
        await pool.SubmitAsync(static () => 1).Soon();
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
    public void NewIdleTimeoutReachesIdleWorkers()
    {
        using Pool pool = NewPool(2, System.Threading.Timeout.InfiniteTimeSpan);
        Assert.Equal(System.Threading.Timeout.InfiniteTimeSpan, pool.IdleTimeout);
        pool.SpawnMaxWorkers();
        pool.IdleTimeout = TimeSpan.FromMilliseconds(20);
        Assert.Equal(TimeSpan.FromMilliseconds(20), pool.IdleTimeout);
        Waiting.Until(() => pool.CountWorkers() == 0);
    }

    [Fact]
    public void CountsOfAFreshPoolAreZero()
    {
        using Pool pool = NewPool(2);
        Assert.Equal(new PoolStats(0, 0, 0, 0, 0, 0, 0, 0, 0, 0), pool.Stats());
    }

    [Fact]
    public async Task CountsOfTerminatedPoolStay()
    {
        using Pool pool = NewPool(1);
        await pool.SubmitAsync(static () => 1).Soon();
        pool.Shutdown();
        Assert.Equal(new PoolStats(0, 0, 0, 1, 0, 0, 1, 0, 0, 0), pool.Stats());
    }

    [Fact]
    public async Task WorkersAreNumberedAndNamedAfterThePool()
    {
        using Pool pool = NewPool(1, name: "loader");
        await pool.SubmitAsync(static () => 1).Soon();
        WorkerInfo worker = Assert.Single(pool.Workers());
        Assert.Equal(1, worker.Id);
        Assert.StartsWith("loader", worker.Name);
        Assert.EndsWith("1", worker.Name);
        Assert.Equal(1, worker.TasksDone);
    }

    [Fact]
    public void PoolKeepsItsName()
    {
        using Pool pool = NewPool(1, name: "loader");
        Assert.Equal("loader", pool.Name);
        Assert.Contains("loader", pool.ToString());
    }

    [Fact]
    public void PoolIsNamedAfterItsClassByDefault()
    {
        using Pool pool = NewPool(1);
        Assert.Equal(pool.GetType().Name, pool.Name);
    }

    [Fact]
    public void MaximumOfWorkersIsWhatWasAsked()
    {
        using Pool pool = NewPool(3);
        Assert.Equal(3, pool.MaxWorkers);
    }

    [Fact]
    public void BadOptionIsNamedWithItsValue()
    {
        var error = Assert.Throws<ArgumentException>(() => NewPool(-7));
        Assert.Contains("max_workers", error.Message);
        Assert.Contains("-7", error.Message);
    }
}

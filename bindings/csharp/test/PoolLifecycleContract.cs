using System;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// How every pool begins and ends.
public abstract class PoolLifecycleContract
{
    protected abstract Pool NewPool(int workers);

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
    public void EveryUseOfAClosedPoolThrows()
    {
        using Pool pool = NewPool(1);
        pool.Shutdown();
        Assert.Throws<ObjectDisposedException>(pool.Check);
        Assert.Throws<ObjectDisposedException>(() => { pool.SubmitAsync(static () => 1); });
        Assert.Throws<ObjectDisposedException>(() => pool.Run(static () => 1));
        Assert.Throws<ObjectDisposedException>(() => pool.Map(static x => x, [1]));
        Assert.Throws<ObjectDisposedException>(() => pool.SpawnMaxWorkers());
    }

    [Fact]
    public async Task EveryUseOfADisposedPoolThrows()
    {
        Pool pool = NewPool(1);
        await pool.DisposeAsync();
        Assert.Throws<ObjectDisposedException>(pool.Check);
        Assert.Throws<ObjectDisposedException>(() => { pool.SubmitAsync(static () => 1); });
        Assert.Throws<ObjectDisposedException>(() => pool.Map(static x => x, [1]));
        Assert.Throws<ObjectDisposedException>(() => pool.Stats());
        Assert.True(pool.IsClosed);
        Assert.True(pool.IsTerminated);
        Assert.False(pool.Shutdown());
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
    public void TestOfAPoolWithoutHooksReturns()
    {
        using Pool pool = NewPool(1);
        pool.Test();
        Assert.Equal(0, pool.CountWorkers());
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

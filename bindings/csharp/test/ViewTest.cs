using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// Views of thread pools, where these have more than the contract.
public class ViewTest
{
    [Fact]
    public async Task RunForOneBehindInTheSameSerialViewIsAnError()
    {
        using var pool = new ThreadPool(
            new ThreadPoolOptions { MaxWorkers = 2, Name = "p" });
        PoolView view = pool.Serial("mail");
        Task waiter = view.SubmitAsync(
            () => view.Run(
                () => 1, options: new TaskOptions { Name = "second" }),
            options: new TaskOptions { Name = "first" });
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => waiter.Soon());
        Assert.Contains("\"first\" waits for task", error.Message);
        Assert.Contains("\"second\"", error.Message);
        Assert.Contains("serial view 'mail' of pool 'p'", error.Message);
    }

    [Fact]
    public async Task WaitForOneBehindInTheSameSerialViewIsAnError()
    {
        using var pool = new ThreadPool(2);
        PoolView view = pool.Serial();
        Task waiter = view.SubmitAsync(() => view.SubmitAsync(() => 1).Wait());
        var error = await Assert.ThrowsAsync<TaskSchedulerException>(() => waiter.Soon());
        Assert.IsType<InvalidOperationException>(error.InnerException);
        Assert.Equal(2, await view.SubmitAsync(() => 2).Soon());
    }

    [Fact]
    public async Task WaitForAnAsynchronousOneBehindIsAnError()
    {
        using var pool = new ThreadPool(2);
        PoolView view = pool.Serial();
        Task waiter = view.SubmitAsync(() => view.Run(async () => await Task.Yield()));
        await Assert.ThrowsAsync<InvalidOperationException>(() => waiter.Soon());
    }

    [Fact]
    public async Task WaitForOneWithATimeoutBehindIsAnError()
    {
        using var pool = new ThreadPool(2);
        PoolView view = pool.Serial();
        var limited = new TaskOptions { Timeout = TimeSpan.FromMinutes(1) };
        Task waiter = view.SubmitAsync(() => view.Run(() => 1, options: limited));
        await Assert.ThrowsAsync<InvalidOperationException>(() => waiter.Soon());
    }

    [Fact]
    public async Task WaitForOneBehindTheSameKeyIsAnError()
    {
        using var pool = new ThreadPool(2);
        KeyedPool<int> keyed = pool.Keyed<int>();
        Task waiter = keyed.SubmitAsync(7, () => keyed.Run(7, () => 1));
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => waiter.Soon());
        Assert.Contains("the same serial view or key", error.Message);
    }

    [Fact]
    public async Task TaskOfASerialViewMayWaitForAnotherView()
    {
        using var pool = new ThreadPool(1);
        PoolView a = pool.Serial();
        PoolView b = pool.Serial();
        Assert.Equal(
            3, await a.SubmitAsync(() => b.Run(() => 1) + pool.Run(() => 2)).Soon());
    }

    [Fact]
    public async Task TaskOfALimitedViewRunsTheOneItWaitsForInItsPlace()
    {
        using var pool = new ThreadPool(4);
        PoolView view = pool.Limited(2);
        using var both = new Barrier(2);
        bool Outer()
        {
            // Both places are taken, so what is submitted here waits.
            Assert.True(both.SignalAndWait(Gate.Limit));
            int here = Environment.CurrentManagedThreadId;
            bool isHere = view.Run(() => Environment.CurrentManagedThreadId == here);
            // And stay so until both have run.
            Assert.True(both.SignalAndWait(Gate.Limit));
            return isHere;
        }
        Task<bool>[] outer = [view.SubmitAsync(Outer), view.SubmitAsync(Outer)];
        var results = await Task.WhenAll(outer).Soon();
        Assert.Equal([true, true], results);
        Assert.Equal(5, view.Run(() => 5));
    }

    [Fact]
    public async Task AsynchronousFunctionHoldsItsPlaceAcrossAwaits()
    {
        using var pool = new ThreadPool(2);
        PoolView view = pool.Serial();
        var go = new TaskCompletionSource();
        bool isInside = false;
        Task first = view.SubmitAsync(async () =>
        {
            isInside = true;
            await go.Task;
            await Task.Yield();
            isInside = false;
        });
        Task<bool> next = view.SubmitAsync(() => isInside);
        Waiting.Until(() => pool.Stats().Completed == 1);
        // Workers are free, and the first one's native task has ended.
        Assert.Equal(7, pool.Run(() => 7));
        Assert.Equal(1, pool.Stats().Pending);
        Assert.False(next.IsCompleted);
        go.SetResult();
        Assert.False(await next.Soon());
        await first.Soon();
    }

    [Fact]
    public async Task AsynchronousFunctionThatFailsPassesItsPlaceOn()
    {
        using var pool = new ThreadPool(2);
        PoolView view = pool.Serial();
        Task failing = view.SubmitAsync(async () =>
        {
            await Task.Yield();
            throw new FormatException("no");
        });
        Assert.Equal(3, await view.SubmitAsync(() => 3).Soon());
        await Assert.ThrowsAsync<FormatException>(() => failing.Soon());
    }

    [Fact]
    public async Task AsynchronousFunctionsOfAKeyNeverOverlap()
    {
        using var pool = new ThreadPool(3);
        KeyedPool<int> keyed = pool.Keyed<int>();
        int[] inside = new int[4];
        int overlaps = 0;
        await Task.WhenAll(Enumerable.Range(0, 400).Select(i => keyed.SubmitAsync(
            i % 4,
            async () =>
            {
                if (Interlocked.Increment(ref inside[i % 4]) != 1)
                {
                    Interlocked.Increment(ref overlaps);
                }
                await Task.Yield();
                Interlocked.Decrement(ref inside[i % 4]);
            }))).Soon();
        Assert.Equal(0, overlaps);
    }

    [Fact]
    public async Task TaskThatMissedItsTimeoutKeepsItsPlace()
    {
        using var pool = new ThreadPool(2);
        KeyedPool<string> keyed = pool.Keyed<string>();
        using var gate = new Gate();
        bool isInside = false;
        Task slow = keyed.SubmitAsync(
            "a",
            () =>
            {
                isInside = true;
                gate.Pass();
                isInside = false;
            },
            options: new TaskOptions { Timeout = TimeSpan.FromMilliseconds(300) });
        await Assert.ThrowsAsync<TimeoutException>(() => slow.Soon());
        Task<bool> next = keyed.SubmitAsync("a", () => isInside);
        await Task.Delay(20);
        Assert.False(next.IsCompleted && await next);
        gate.Open();
        Assert.False(await next.Soon());
    }

    [Fact]
    public void RunsPostsOfOneThreadInOrderAndNeverTwoAtOnce()
    {
        const int Posts = 20_000;
        using var pool = new ThreadPool(4);
        PoolView view = pool.Serial();
        int inside = 0;
        int next = 0;  // what runs one after the other needs no lock
        int wrong = 0;
        for (int i = 0; i < Posts; ++i)
        {
            int mine = i;
            view.Post(() =>
            {
                if (Interlocked.Increment(ref inside) != 1 || next++ != mine)
                {
                    Interlocked.Increment(ref wrong);
                }
                Interlocked.Decrement(ref inside);
            });
        }
        Assert.True(pool.Join(Gate.Limit));
        Assert.Equal(Posts, next);
        Assert.Equal(0, wrong);
        Assert.Equal(Posts, pool.Stats().Completed);
    }

    [Fact]
    public async Task QuietKeysHoldNoMemory()
    {
        using var pool = new ThreadPool(2);
        KeyedPool<object> keyed = pool.Keyed<object>();
        List<WeakReference> keys = await UseKeys(keyed);
        Waiting.Until(() =>
        {
            GC.Collect();
            return !keys.Exists(static key => key.IsAlive);
        });
        GC.KeepAlive(keyed);
    }

    [System.Runtime.CompilerServices.MethodImpl(
        System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private static async Task<List<WeakReference>> UseKeys(KeyedPool<object> keyed)
    {
        var keys = new List<WeakReference>();
        var tasks = new List<Task>();
        for (int i = 0; i < 100; ++i)
        {
            object key = new();
            keys.Add(new WeakReference(key));
            tasks.Add(keyed.SubmitAsync(key, static () => { }));
            tasks.Add(keyed.SubmitAsync(key, static async () => await Task.Yield()));
        }
        await Task.WhenAll(tasks).Soon();
        return keys;
    }

    [Fact]
    public void ShutdownInTheMiddleEndsEachTask()
    {
        for (int round = 0; round < 30; ++round)
        {
            var tasks = new List<Task<int>>();
            int ran = 0;
            var pool = new ThreadPool(3);
            PoolView view = pool.Serial();
            KeyedPool<int> keyed = pool.Keyed<int>();
            for (int i = 0; i < 50; ++i)
            {
                tasks.Add(view.SubmitAsync(() => Interlocked.Increment(ref ran)));
                tasks.Add(keyed.SubmitAsync(i % 3, () => Interlocked.Increment(ref ran)));
            }
            pool.Shutdown();
            Assert.True(pool.IsTerminated);
            int handedBack = pool.TakeCancelledTasks().Count;
            pool.Dispose();
            Waiting.Until(() => tasks.TrueForAll(static task => task.IsCompleted));
            int cancelled = tasks.Count(static task => task.IsCanceled);
            Assert.Equal(cancelled, handedBack);
            Assert.Equal(tasks.Count, cancelled + ran);
        }
    }
}

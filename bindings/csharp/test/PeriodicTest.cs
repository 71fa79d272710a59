using System;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// Periodic tasks, where a thread pool's have more than the contract, or a test needs to
/// see their objects.
public class PeriodicTest
{
    private readonly FakeTimeProvider _time = new();

    private ThreadPool NewPool(int workers, Action<Exception>? handler = null) =>
        new(new ThreadPoolOptions
        {
            MaxWorkers = workers,
            TimeProvider = _time,
            UnobservedFailureHandler = handler,
        });

    private static TimeSpan Seconds(double count) => TimeSpan.FromSeconds(count);

    [Fact]
    public void HundredThousandRunsDoNotDrift()
    {
        const int Runs = 100_000;
        TimeSpan period = TimeSpan.FromMilliseconds(7);
        using ThreadPool pool = NewPool(1);
        int runs = 0;
        int off = 0;
        Periodic periodic = pool.Every(
            period,
            () =>
            {
                if (_time.GetTimestamp() != runs++ * period.Ticks)
                {
                    ++off;
                }
            });
        // Each step is to the time that the pool has set, so a drift would show.
        for (int run = 1; run <= Runs; ++run)
        {
            var clock = Stopwatch.StartNew();
            while (periodic.Stats().Runs < run || pool.Stats().Delayed != 1)
            {
                Assert.True(clock.Elapsed < Gate.Limit);
                Thread.Yield();
            }
            if (run < Runs)
            {
                _time.AdvanceToNextTimer();
            }
        }
        Assert.Equal(Runs, runs);
        Assert.Equal(0, off);
        Assert.Equal(0, periodic.Stats().Skipped);
    }

    [Fact]
    public void RunThatHasMissedItsTimeoutIsNotOvertaken()
    {
        using ThreadPool pool = NewPool(2, static _ => { });
        using var gate = new Gate();
        Periodic periodic = pool.Every(
            Seconds(1),
            gate.Pass,
            new PeriodicOptions { Task = new TaskOptions { Timeout = Seconds(2) } });
        gate.AwaitEntered();
        _time.Advance(Seconds(5.5));
        Waiting.Until(() => pool.Stats().TimedOut == 1);
        Assert.Equal(0, pool.Stats().Pending);
        Assert.Equal(0, periodic.Stats().Runs);
        gate.Open();
        Waiting.Until(() => pool.Stats().Delayed == 1);
        Waiting.Until(() => periodic.Stats().Runs == 1);
        Assert.Equal(1, periodic.Stats().Failed);
        Assert.Equal(5, periodic.Stats().Skipped);
    }

    [Fact]
    public void AsynchronousRunLastsUntilItsTaskIsDone()
    {
        using ThreadPool pool = NewPool(2);
        var go = new TaskCompletionSource();
        int begun = 0;
        Periodic periodic = pool.Every(
            Seconds(1),
            async stop =>
            {
                Interlocked.Increment(ref begun);
                await go.Task;
            });
        Waiting.Until(() => Volatile.Read(ref begun) == 1);
        // The worker is free, and the run goes on.
        Waiting.Until(() => pool.Stats().Completed == 1);
        _time.Advance(Seconds(3.5));
        Assert.Equal(0, pool.Stats().Pending);
        Assert.True(periodic.Trigger());
        go.SetResult();
        Waiting.Until(() => Volatile.Read(ref begun) == 2);
        Waiting.Until(() => periodic.Stats().Runs == 2);
        Assert.Equal(3, periodic.Stats().Skipped);
    }

    [Fact]
    public async Task RunIsAskedToStopByCancel()
    {
        using ThreadPool pool = NewPool(1);
        using var begun = new ManualResetEventSlim();
        Periodic periodic = pool.Every(
            Seconds(1),
            stop =>
            {
                begun.Set();
                return Task.Delay(Timeout.Infinite, stop);
            });
        Assert.True(begun.Wait(Gate.Limit));
        Assert.True(periodic.Cancel());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => periodic.Done.Soon());
    }

    [Fact]
    public void CancellationByATokenOfItsOwnIsAFailure()
    {
        var failures = new ConcurrentQueue<Exception>();
        using ThreadPool pool = NewPool(1, failures.Enqueue);
        Periodic periodic = pool.Every(
            Seconds(1), () => Task.FromCanceled(new CancellationToken(canceled: true)));
        Waiting.Until(() => periodic.Stats().Failed == 1);
        Waiting.Until(() => pool.Stats().Delayed == 1);
        Assert.IsType<TaskCanceledException>(Assert.Single(failures).InnerException);
        Assert.False(periodic.Done.IsCompleted);
    }

    [Fact]
    public async Task RunMayEndIt()
    {
        using var pool = new ThreadPool(2);
        var self = new TaskCompletionSource<Periodic>();
        int runs = 0;
        self.SetResult(pool.Every(
            TimeSpan.FromMilliseconds(1),
            async () =>
            {
                Periodic periodic = await self.Task;
                if (++runs == 3)
                {
                    Assert.True(periodic.Cancel());
                }
            }));
        Periodic periodic = await self.Task;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => periodic.Done.Soon());
        Assert.Equal(3, runs);
    }

    [Fact]
    public async Task KeepsNothingAfterItsEnd()
    {
        using var pool = new ThreadPool(1);
        WeakReference weak = await RunTwice(pool);
        Waiting.Until(() =>
        {
            GC.Collect();
            return !weak.IsAlive;
        });
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task<WeakReference> RunTwice(ThreadPool pool)
    {
        object held = new();
        var weak = new WeakReference(held);
        await pool.Every(
            TimeSpan.FromMilliseconds(1),
            () => GC.KeepAlive(held),
            new PeriodicOptions { MaxRuns = 2 }).Done.Soon();
        return weak;
    }

    /// Everything at once, from many threads: it ends, and nothing is left.
    [Fact]
    public async Task CallsMayRace()
    {
        for (int round = 0; round < 30; ++round)
        {
            using var pool = new ThreadPool(2);
            int inside = 0;
            int overlaps = 0;
            Periodic periodic = pool.Every(
                TimeSpan.FromMicroseconds(20),
                () =>
                {
                    if (Interlocked.Increment(ref inside) != 1)
                    {
                        Interlocked.Increment(ref overlaps);
                    }
                    Interlocked.Decrement(ref inside);
                });
            Task triggers = Task.Run(() =>
            {
                for (int i = 0; i < 200; ++i)
                {
                    periodic.Trigger();
                }
            });
            Task changes = Task.Run(() =>
            {
                for (int i = 1; i < 200; ++i)
                {
                    periodic.SetPeriod(TimeSpan.FromMicroseconds(i));
                }
            });
            Waiting.Until(() => periodic.Stats().Runs > 10);
            if (round % 2 == 0)
            {
                periodic.Cancel();
            }
            else
            {
                pool.Shutdown();
            }
            await Assert.ThrowsAnyAsync<OperationCanceledException>(
                () => periodic.Done.Soon());
            await Task.WhenAll(triggers, changes).Soon();
            Assert.Equal(0, pool.Stats().Pending);
            Assert.Equal(0, overlaps);
        }
    }

    [Fact]
    public async Task TasksWithoutDelaysRunBesideIt()
    {
        using ThreadPool pool = NewPool(2);
        Periodic periodic = pool.Every(Seconds(1), static () => { });
        Waiting.Until(() => pool.Stats().Delayed == 1);
        Task<int>[] tasks =
            [.. Enumerable.Range(0, 1000).Select(n => pool.SubmitAsync(() => n))];
        Assert.Equal(499_500, (await Task.WhenAll(tasks).Soon()).Sum());
        Assert.Equal(1, pool.Stats().Pending);
        Assert.True(periodic.Cancel());
    }

    [Fact]
    public async Task WaitForADelayedTaskDoesNotRunItEarly()
    {
        using ThreadPool pool = NewPool(1);
        Task<int> delayed = pool.SubmitAfterAsync(Seconds(1), () => 7);
        using var begun = new ManualResetEventSlim();
        Task<int> waiter = pool.SubmitAsync(() =>
        {
            begun.Set();
            return delayed.Result;
        });
        Assert.True(begun.Wait(Gate.Limit));
        Assert.False(waiter.Wait(TimeSpan.FromMilliseconds(50)));
        Assert.False(delayed.IsCompleted);
        _time.Advance(Seconds(1));
        Assert.Equal(7, await waiter.Soon());
    }
}

using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// Many threads submit, cancel, wait and shut down at once: each task ends, and is
/// counted once.
public class HostQueueStressTest
{
    // Much longer than any of them takes.
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    private static readonly TaskOptions Limited = new()
    {
        Timeout = TimeSpan.FromMinutes(5),
        QueueDeadline = TimeSpan.FromMinutes(5),
    };

    private static readonly TaskOptions Named = new() { Name = "named" };

    private static void AssertAddsUp(Pool pool)
    {
        PoolStats stats = pool.Stats();
        string text = stats.ToString();
        long all = stats.Pending + stats.Running + stats.Completed + stats.Failed
            + stats.Cancelled;
        Assert.True(stats.Submitted == all, text);
        Assert.True(stats.Workers == stats.Busy + stats.Idle, text);
        Assert.True(stats is { Pending: >= 0, Running: >= 0, Idle: >= 0 }, text);
    }

    private static Task OnThread(Action body) => Task.Factory.StartNew(
        body, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    [Fact]
    public async Task EveryTaskEndsWhateverIsDoneToIt()
    {
        for (int seed = 0; seed < 10; ++seed)
        {
            using var pool = new ThreadPool(1 + (seed % 4));
            long submitted = 0;
            Task[] threads = [.. Enumerable.Range(0, 3).Select(thread => OnThread(() =>
                Interlocked.Add(
                    ref submitted,
                    SubmitAndCancel(pool, new Random((seed * 100) + thread)))))];
            Task all = Task.WhenAll(threads);
            while (!all.IsCompleted)
            {
                AssertAddsUp(pool);
                Thread.Yield();
            }
            await all;
            Assert.True(pool.Join(Limit));
            PoolStats stats = pool.Stats();
            Assert.Equal(submitted, stats.Submitted);
            Assert.Equal(0, stats.Pending + stats.Running + stats.Workers);
            AssertAddsUp(pool);
        }
    }

    /// Gives how many tasks it has submitted, those inside of tasks among them.
    private static long SubmitAndCancel(ThreadPool pool, Random random)
    {
        const int Tasks = 1000;
        var tasks = new List<Task>();
        var sources = new List<CancellationTokenSource>();
        long inner = 0;
        for (int i = 0; i < Tasks; ++i)
        {
            var source = new CancellationTokenSource();
            sources.Add(source);
            switch (random.Next(6))
            {
                case 0:
                    tasks.Add(pool.SubmitAsync(() => 1, source.Token, Limited));
                    break;
                case 1:
                    tasks.Add(pool.SubmitAsync(() => 1, source.Token, Named));
                    break;
                case 2:  // one that waits for another of the same pool
                    tasks.Add(pool.SubmitAsync(
                        () =>
                        {
                            Interlocked.Increment(ref inner);
                            return pool.SubmitAsync(() => 1).Result;
                        },
                        source.Token));
                    break;
                case 3:
                    tasks.Add(Task.Factory.StartNew(
                        () => 1,
                        CancellationToken.None,
                        TaskCreationOptions.None,
                        pool.AsTaskScheduler()));
                    break;
                default:
                    tasks.Add(pool.SubmitAsync(() => 1, source.Token));
                    break;
            }
            if (random.Next(4) == 0)
            {
                sources[random.Next(sources.Count)].Cancel();
            }
        }
        bool ended = Task.WhenAll(tasks).ContinueWith(static _ => { }).Wait(Limit);
        Assert.True(ended);
        sources.ForEach(static source => source.Dispose());
        return Tasks + Interlocked.Read(ref inner);
    }

    [Fact]
    public void InterruptedWorkersGoOn()
    {
        using var pool = new ThreadPool(4);
        for (int i = 0; i < 20_000; ++i)
        {
            pool.SubmitAsync(() => Thread.CurrentThread.Interrupt());
            pool.SubmitAsync(() => 1);
        }
        Assert.True(pool.Join(Limit));
        Assert.Equal(40_000, pool.Stats().Completed);
    }

    // The first task looked like one more while its worker looked for a successor.
    [Fact]
    public void OneTaskStartsOneWorker()
    {
        for (int round = 0; round < 20; ++round)
        {
            using var pool = new ThreadPool(4);
            using var gate = new Gate();
            pool.SubmitAsync(gate.Pass);
            gate.AwaitEntered();
            Assert.Equal(1, pool.Stats().Workers);
            gate.Open();
        }
    }

    [Fact]
    public void TasksWithOptionsKeepTheirPlace()
    {
        for (int round = 0; round < 20; ++round)
        {
            var random = new Random(round);
            using var pool = new ThreadPool(1);
            using var gate = new Gate();
            pool.SubmitAsync(gate.Pass);
            gate.AwaitEntered();
            var order = new ConcurrentQueue<int>();
            for (int i = 0; i < 100; ++i)
            {
                int n = i;
                switch (random.Next(5))
                {
                    case 0:
                        pool.SubmitAsync(() => order.Enqueue(n), options: Limited);
                        break;
                    case 1:
                        pool.SubmitAsync(() => order.Enqueue(n), options: Named);
                        break;
                    case 2:
                        Task.Factory.StartNew(
                            () => order.Enqueue(n),
                            CancellationToken.None,
                            TaskCreationOptions.None,
                            pool.AsTaskScheduler());
                        break;
                    default:
                        pool.SubmitAsync(() => order.Enqueue(n));
                        break;
                }
            }
            gate.Open();
            Assert.True(pool.Join(Limit));
            Assert.Equal(Enumerable.Range(0, 100), order);
        }
    }

    [Fact]
    public async Task MessagesCallATaskByItsNumberAmongTheTasks()
    {
        using var pool = new ThreadPool(1);
        await pool.SubmitAsync(() => 1).Soon();
        using var gate = new Gate();
        Task running = pool.SubmitAsync(gate.Pass);
        gate.AwaitEntered();
        var late = new TaskOptions { QueueDeadline = TimeSpan.FromMilliseconds(1) };
        var error = await Assert.ThrowsAsync<TimeoutException>(
            () => pool.SubmitAsync(() => 1, options: late).Soon());
        Assert.Contains("task 3 ", error.Message);
        gate.Open();
        await running.Soon();
    }

    [Fact]
    public void WhatAShutdownCancelsIsHandedOutInOrder()
    {
        using var pool = new ThreadPool(1);
        using var gate = new Gate();
        pool.SubmitAsync(gate.Pass);
        gate.AwaitEntered();
        var order = new List<int>();
        for (int i = 0; i < 100; ++i)
        {
            int n = i;
            // At first in .NET; from the first with options on, in native code.
            pool.SubmitAsync(() => order.Add(n), options: i == 50 ? Named : null);
        }
        pool.Shutdown(new ShutdownOptions { Deadline = TimeSpan.Zero });
        foreach (CancelledTask task in pool.TakeCancelledTasks())
        {
            task.Run();
        }
        Assert.Equal(Enumerable.Range(0, 100), order);
        gate.Open();
    }

    [Fact]
    public async Task PoolThatBreaksBesideABusyWorkerFailsWhatIsPending()
    {
        int begun = 0;
        using var pool = new ThreadPool(new ThreadPoolOptions
        {
            MaxWorkers = 2,
            Initializer = () =>
            {
                if (Interlocked.Increment(ref begun) > 1)
                {
                    throw new FormatException("only one");
                }
            },
        });
        using var gate = new Gate();
        Task running = pool.SubmitAsync(gate.Pass);
        gate.AwaitEntered();
        var tasks = new List<Task>();
        try
        {
            for (int i = 0; i < 10; ++i)
            {
                tasks.Add(pool.SubmitAsync(() => 1));
            }
        }
        catch (InitializerException)
        {
            // By now.
        }
        Assert.NotEmpty(tasks);
        foreach (Task task in tasks)
        {
            await Assert.ThrowsAsync<InitializerException>(() => task.Soon());
        }
        Assert.Throws<InitializerException>(() => { pool.SubmitAsync(() => 1); });
        gate.Open();
        await running.Soon();
        Assert.Equal(0, pool.Stats().Pending);
        Assert.Equal(tasks.Count, pool.TakeCancelledTasks().Count);
        AssertAddsUp(pool);
    }

    [Fact]
    public async Task ShutdownAtAnyMomentLosesNoTask()
    {
        for (int seed = 0; seed < 60; ++seed)
        {
            var pool = new ThreadPool(1 + (seed % 3));
            using var started = new CountdownEvent(2);
            int accepted = 0;
            int ran = 0;
            var tasks = new ConcurrentQueue<Task>();
            Task[] threads = [.. Enumerable.Range(0, 2).Select(thread => OnThread(() =>
            {
                var random = new Random((seed * 100) + thread);
                started.Signal();
                try
                {
                    for (int i = 0; i < 20_000; ++i)
                    {
                        tasks.Enqueue(pool.SubmitAsync(
                            () => Interlocked.Increment(ref ran),
                            options: random.Next(20) == 0 ? Limited : null));
                        Interlocked.Increment(ref accepted);
                    }
                }
                catch (ObjectDisposedException)
                {
                    // By now.
                }
            }))];
            Assert.True(started.Wait(Limit));
            Thread.SpinWait(new Random(seed).Next(20_000));
            await pool.ShutdownAsync(new ShutdownOptions
            {
                Mode = seed % 2 == 0 ? ShutdownMode.Drain : ShutdownMode.CancelPending,
            }).WaitAsync(Limit);
            await Task.WhenAll(threads).WaitAsync(Limit);
            Assert.True(pool.IsTerminated);
            PoolStats stats = pool.Stats();
            int returned = pool.TakeCancelledTasks().Count;
            Assert.Equal((seed, accepted), (seed, ran + returned));
            Assert.Equal((seed, accepted), (seed, stats.Submitted));
            Assert.Equal((seed, returned), (seed, stats.Cancelled));
            AssertAddsUp(pool);
            Assert.Equal(returned, tasks.Count(static task => task.IsCanceled));
            Assert.All(tasks, static task => Assert.True(task.IsCompleted));
            pool.Dispose();
        }
    }

    /// Pauses, sizes, priorities and delays change who decides what is next, over and over.
    [Fact]
    public async Task EveryTaskRunsWhileItsPoolIsPausedAndResized()
    {
        for (int seed = 0; seed < 6; ++seed)
        {
            using var pool = new ThreadPool(2);
            long ran = 0;
            long submitted = 0;
            Task[] threads = [.. Enumerable.Range(0, 3).Select(thread => OnThread(() =>
            {
                var random = new Random((seed * 100) + thread);
                for (int i = 0; i < 3000; ++i)
                {
                    Action count = () => Interlocked.Increment(ref ran);
                    switch (random.Next(40))
                    {
                        case 0:
                            pool.Post(count, options: new TaskOptions
                            {
                                Priority = (TaskPriority)random.Next(5),
                            });
                            break;
                        case 1:
                            _ = pool.SubmitAfterAsync(
                                TimeSpan.FromMicroseconds(random.Next(2000)), count);
                            break;
                        default:
                            pool.Post(count);
                            break;
                    }
                    Interlocked.Increment(ref submitted);
                    if (random.Next(100) == 0)
                    {
                        Thread.Yield();
                    }
                }
            }))];
            Task all = Task.WhenAll(threads);
            var changes = new Random(seed);
            while (!all.IsCompleted)
            {
                using ExecutionFence? fence = changes.Next(2) == 0 ? pool.Pause() : null;
                pool.MaxWorkers = 1 + changes.Next(4);
                Thread.SpinWait(changes.Next(20_000));
                AssertAddsUp(pool);
            }
            await all;
            Assert.True(pool.Join(Limit));
            Assert.Equal((seed, submitted), (seed, ran));
            Assert.Equal((seed, submitted), (seed, pool.Stats().Completed));
            AssertAddsUp(pool);
        }
    }
}

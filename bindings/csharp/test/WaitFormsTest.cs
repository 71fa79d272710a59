using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Diagnostics.Tracing;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// The forms of waiting inside a task for another one of its pool, in a pool of one:
/// the documentation of ThreadPool lists which run and which are reported.
public sealed class WaitFormsTest
{
    private static readonly Dictionary<string, Action<ThreadPool, Task<int>>> Run = new()
    {
        ["Wait()"] = (_, task) => task.Wait(),
        ["Result"] = (_, task) => Assert.Equal(1, task.Result),
        ["GetAwaiter().GetResult()"] = (_, task) => task.GetAwaiter().GetResult(),
        ["WaitAll() of one"] = (_, task) => Task.WaitAll(task),
        ["WaitAll() of two"] = (pool, task) => Task.WaitAll(task, pool.SubmitAsync(() => 2)),
        ["Pool.Run()"] = (pool, _) => pool.Run(() => 2),
        ["Pool.Map()"] = (pool, _) => pool.Map(n => n, [1, 2]).ToList(),
    };

    private static readonly Dictionary<string, Action<ThreadPool, Task<int>>> Reported = new()
    {
        ["Wait(timeout)"] = (_, task) => task.Wait(Gate.Limit),
        ["Wait(token)"] = (_, task) =>
        {
            using var source = new CancellationTokenSource();
            task.Wait(source.Token);
        },
        ["WaitAny()"] = (_, task) => Task.WaitAny(task),
        ["WhenAll().Wait()"] = (_, task) => Task.WhenAll(task).Wait(),
        ["WhenAny().Wait()"] = (_, task) => Task.WhenAny(task).Wait(),
        ["ContinueWith().Wait()"] = (_, task) => task.ContinueWith(
            static _ => { }, TaskScheduler.Default).Wait(),
        ["WaitAsync().Wait()"] = (_, task) => task.WaitAsync(Gate.Limit).Wait(),
        ["Wait() for an asynchronous function"] = (pool, task) =>
            pool.SubmitAsync(async () => await Task.Yield()).Wait(),
    };

    public static TheoryData<string> Runs => [.. Run.Keys];

    [Theory]
    [MemberData(nameof(Runs))]
    public async Task PoolOfOneRunsWhatIsWaitedFor(string form)
    {
        using var pool = new ThreadPool(1);
        await pool.SubmitAsync(() => Run[form](pool, pool.SubmitAsync(() => 1))).Soon();
    }

    [Fact]
    public async Task WaitsThatThePoolDoesNotSeeAreReportedOnce()
    {
        using var events = new Events();
        await Task.WhenAll(Reported.Select(async form =>
        {
            var pool = new ThreadPool(
                new ThreadPoolOptions { MaxWorkers = 1, Name = form.Key });
            // At first, so that the pool begins with something that ends.
            await pool.SubmitAsync(() => { }).Soon();
            Task waiting = pool.SubmitAsync(
                () => form.Value(pool, pool.SubmitAsync(() => 1)),
                options: new TaskOptions { Name = "waiter" });
            string report = await events.OfPoolAsync(form.Key);
            Assert.Contains("waiter on ", report);
            Assert.Contains("tasks are pending (", report);
            Assert.False(waiting.IsCompleted);
            // The pending task is cancelled, which ends all of these waits.
            await pool.ShutdownAsync(
                new ShutdownOptions { Deadline = TimeSpan.FromMilliseconds(10) }).Soon();
        }));
        Assert.Equal(Reported.Count, events.Count);
    }

    [Fact]
    public async Task WaitInEveryWorkerIsSeenWhereOneWouldDo()
    {
        using var pool = new ThreadPool(2);
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => pool.SubmitAsync(
            () => pool.SubmitAsync(() => pool.SubmitAsync(() => 1).Result).Result))).Soon();
    }

    /// What this library reports while it exists.
    private sealed class Events : EventListener
    {
        private readonly ConcurrentQueue<string> _messages = new();

        public int Count => _messages.Count;

        public async Task<string> OfPoolAsync(string pool)
        {
            string? message = null;
            await Task.Run(() => Waiting.Until(
                () => (message = _messages.FirstOrDefault(
                    text => text.Contains($"'{pool}'"))) != null)).Soon();
            return message!;
        }

        protected override void OnEventSourceCreated(EventSource source)
        {
            if (source.Name == "Asyncpal")
            {
                EnableEvents(source, EventLevel.Warning);
            }
        }

        protected override void OnEventWritten(EventWrittenEventArgs e) =>
            _messages?.Enqueue((string)e.Payload![0]!);
    }
}

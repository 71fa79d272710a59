using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

public class ThreadPoolTaskContract : PoolTaskContract
{
    protected override Pool NewPool(int workers) => new ThreadPool(workers);
}

public class ThreadPoolLifecycleContract : PoolLifecycleContract
{
    protected override Pool NewPool(int workers) => new ThreadPool(workers);
}

public class ThreadPoolMapContract : PoolMapContract
{
    protected override Pool NewPool(int workers) => new ThreadPool(workers);
}

public class ThreadPoolWorkerContract : PoolWorkerContract
{
    protected override Pool NewPool(int workers, TimeSpan? idleTimeout, string name)
    {
        var options = new ThreadPoolOptions { MaxWorkers = workers, Name = name };
        return new ThreadPool(idleTimeout is { } timeout
            ? options with { IdleTimeout = timeout }
            : options);
    }
}

public class ThreadPoolTest
{
    [Fact]
    public async Task WorkerThreadIsNamedAndInTheBackground()
    {
        using var pool = new ThreadPool(new ThreadPoolOptions { MaxWorkers = 1, Name = "loader" });
        (string? name, bool background) = await pool.SubmitAsync(
            () => (Thread.CurrentThread.Name, Thread.CurrentThread.IsBackground)).Soon();
        Assert.Equal(pool.Workers()[0].Name, name);
        Assert.True(background);
    }

    [Fact]
    public async Task CancelledPendingTaskNeverRuns()
    {
        using var pool = new ThreadPool(1);
        using var gate = new Gate();
        Task running = pool.SubmitAsync(gate.Pass);
        gate.AwaitEntered();
        using var source = new CancellationTokenSource();
        bool ran = false;
        Task<bool> pending = pool.SubmitAsync(() => ran = true, source.Token);
        Assert.Equal(1, pool.CountPendingTasks());
        source.Cancel();
        Assert.True(pending.IsCanceled);
        Assert.Equal(0, pool.CountPendingTasks());
        Assert.Equal(1, pool.Stats().Cancelled);
        var error = await Assert.ThrowsAsync<TaskCanceledException>(() => pending);
        Assert.Equal(source.Token, error.CancellationToken);
        gate.Open();
        await running.Soon();
        pool.Shutdown();
        Assert.False(ran);
    }

    [Fact]
    public async Task RunningTaskThatHeedsItsTokenIsCancelled()
    {
        using var pool = new ThreadPool(1);
        using var gate = new Gate();
        using var source = new CancellationTokenSource();
        Task task = pool.SubmitAsync(
            () =>
            {
                gate.Pass();
                source.Token.ThrowIfCancellationRequested();
            },
            source.Token);
        gate.AwaitEntered();
        source.Cancel();
        Assert.False(task.IsCompleted);
        gate.Open();
        var error = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => task.Soon());
        Assert.Equal(source.Token, error.CancellationToken);
        Assert.True(task.IsCanceled);
        Assert.Equal(1, pool.Stats().Cancelled);
    }

    [Fact]
    public async Task ShutdownCancelsPendingTasks()
    {
        using var pool = new ThreadPool(1);
        using var gate = new Gate();
        Task running = pool.SubmitAsync(gate.Pass);
        gate.AwaitEntered();
        Task<int>[] pending = [.. Enumerable.Range(0, 20).Select(i => pool.SubmitAsync(() => i))];
        using var source = new CancellationTokenSource();
        Task<int> withToken = pool.SubmitAsync(() => 1, source.Token);
        Task<bool> shutdown = pool.ShutdownAsync();
        Assert.All(pending, task => Assert.True(task.IsCanceled));
        Assert.True(withToken.IsCanceled);
        Assert.False(source.IsCancellationRequested);
        await Assert.ThrowsAsync<TaskCanceledException>(() => withToken.Soon());
        Assert.False(running.IsCompleted);
        Assert.False(shutdown.IsCompleted);
        gate.Open();
        Assert.True(await shutdown.Soon());
        Assert.True(running.IsCompletedSuccessfully);
        Assert.Equal(21, pool.Stats().Cancelled);
    }

    [Fact]
    public async Task DrainRunsPendingTasks()
    {
        using var pool = new ThreadPool(1);
        using var gate = new Gate();
        Task running = pool.SubmitAsync(gate.Pass);
        Task<int> pending = pool.SubmitAsync(() => 5);
        Task<bool> shutdown = pool.ShutdownAsync(new ShutdownOptions { Mode = ShutdownMode.Drain });
        gate.Open();
        Assert.Equal(5, await pending.Soon());
        Assert.True(await shutdown.Soon());
        await running;
    }

    [Fact]
    public async Task DrainCancelsWhatIsPendingAtItsDeadline()
    {
        using var pool = new ThreadPool(1);
        using var gate = new Gate();
        Task running = pool.SubmitAsync(gate.Pass);
        gate.AwaitEntered();
        Task<int> pending = pool.SubmitAsync(() => 5);
        Assert.True(await pool.ShutdownAsync(new ShutdownOptions
        {
            Mode = ShutdownMode.Drain,
            Deadline = TimeSpan.FromMilliseconds(20),
        }).Soon());
        await Assert.ThrowsAsync<TaskCanceledException>(() => pending.Soon());
        gate.Open();
        await running.Soon();
    }

    [Fact]
    public async Task ShutdownOnAWorkerDoesNotBlock()
    {
        using var pool = new ThreadPool(1);
        Assert.True(await pool.SubmitAsync(() => pool.Shutdown()).Soon());
        Waiting.Until(() => pool.IsTerminated);
    }

    [Fact]
    public async Task DisposeOnAWorkerDoesNotBlock()
    {
        var pool = new ThreadPool(1);
        await pool.SubmitAsync(pool.Dispose).Soon();
        Waiting.Until(() => pool.IsTerminated);
    }

    [Fact]
    public async Task TaskMayWaitForAnotherInAPoolOfOne()
    {
        using var pool = new ThreadPool(1);
        Assert.Equal(3, await pool.SubmitAsync(() => pool.SubmitAsync(() => 2).Result + 1).Soon());
        Assert.Equal(3, await pool.SubmitAsync(() => pool.Run(() => 2) + 1).Soon());
        Assert.Equal(3, await pool.SubmitAsync(() =>
        {
            Task<int> one = pool.SubmitAsync(() => 1);
            Task<int> two = pool.SubmitAsync(() => 2);
            Task.WaitAll(one, two);
            return one.Result + two.Result;
        }).Soon());
    }

    [Fact]
    public async Task NestedWaitsMayBeDeep()
    {
        using var pool = new ThreadPool(1);
        int Sum(int n) => n == 0 ? 0 : n + pool.SubmitAsync(() => Sum(n - 1)).Result;
        Assert.Equal(500 * 501 / 2, await pool.SubmitAsync(() => Sum(500)).Soon());
    }

    [Fact]
    public async Task TaskMayMapInAPoolOfOne()
    {
        using var pool = new ThreadPool(1);
        Assert.Equal(6, await pool.SubmitAsync(() => pool.Map(x => x, [1, 2, 3]).Sum()).Soon());
        Assert.Equal(
            6, await pool.SubmitAsync(() => pool.MapUnordered(x => x, [1, 2, 3]).Sum()).Soon());
    }

    [Fact]
    public async Task ContinuationsDoNotRunOnWorkers()
    {
        using var pool = new ThreadPool(new ThreadPoolOptions { MaxWorkers = 1, Name = "mine" });
        using var gate = new Gate();
        Task task = pool.SubmitAsync(gate.Pass);
        Task<string?> continuation = task.ContinueWith(
            _ => Thread.CurrentThread.Name, TaskContinuationOptions.ExecuteSynchronously);
        gate.Open();
        string? name = await continuation.Soon();
        Assert.False(name?.StartsWith("mine", StringComparison.Ordinal) ?? false);
        // Nor do those inside a task.
        Assert.Same(
            TaskScheduler.Default, await pool.SubmitAsync(() => TaskScheduler.Current).Soon());
    }

    [Fact]
    public async Task ExecutionContextFlowsToTheTask()
    {
        using var pool = new ThreadPool(1);
        var local = new AsyncLocal<int> { Value = 5 };
        Assert.Equal(5, await pool.SubmitAsync(() => local.Value).Soon());
    }

    [Fact]
    public async Task HooksRunOnEachWorker()
    {
        var hooks = new ConcurrentQueue<string>();
        using (var pool = new ThreadPool(new ThreadPoolOptions
        {
            MaxWorkers = 1,
            Initializer = () => hooks.Enqueue("initializer of " + Thread.CurrentThread.Name),
            Finalizer = () => hooks.Enqueue("finalizer of " + Thread.CurrentThread.Name),
        }))
        {
            string? name = await pool.SubmitAsync(() => Thread.CurrentThread.Name).Soon();
            Assert.Equal(["initializer of " + name], hooks);
        }
        Assert.Equal(2, hooks.Count);
        Assert.StartsWith("finalizer", hooks.Last());
    }

    [Fact]
    public void TestThrowsWhatTheInitializerThrew()
    {
        var cause = new FormatException("no database");
        using var pool = new ThreadPool(new ThreadPoolOptions { Initializer = () => throw cause });
        var error = Assert.Throws<InitializerException>(pool.Test);
        Assert.Same(cause, error.InnerException);
        Assert.False(pool.IsBroken);
    }

    [Fact]
    public async Task InitializerThatThrowsBreaksThePool()
    {
        var cause = new FormatException("no database");
        using var pool = new ThreadPool(new ThreadPoolOptions { Initializer = () => throw cause });
        var error = await Assert.ThrowsAsync<InitializerException>(
            () => pool.SubmitAsync(() => 1).Soon());
        Assert.Same(cause, error.InnerException);
        Assert.True(pool.IsBroken);
        Assert.Throws<InitializerException>(() => { pool.SubmitAsync(() => 1); });
    }

    [Fact]
    public async Task StatsCountEachTaskWhereItIs()
    {
        using var pool = new ThreadPool(1);
        using var gate = new Gate();
        Task running = pool.SubmitAsync(gate.Pass);
        gate.AwaitEntered();
        Task pending = pool.SubmitAsync(() => { });
        Assert.Equal(new PoolStats(1, 1, 0, 2, 1, 1, 0, 0, 0, 0), pool.Stats());
        gate.Open();
        await Task.WhenAll(running, pending).Soon();
        PoolStats stats = pool.Stats();
        Assert.Equal((0, 0, 2), (stats.Pending, stats.Running, stats.Completed));
    }

    [Fact]
    public async Task LeavingALazyMapCancelsWhatHasNotStarted()
    {
        using var pool = new ThreadPool(1);
        using var gate = new Gate();
        var ran = new ConcurrentQueue<int>();
        using (IEnumerator<int> results = pool.Map(
            x =>
            {
                ran.Enqueue(x);
                if (x > 1)
                {
                    gate.Pass();
                }
                return x;
            },
            Enumerable.Range(1, 100),
            new MapOptions { BufferSize = 10 }).GetEnumerator())
        {
            Assert.True(results.MoveNext());
            gate.AwaitEntered();
        }
        gate.Open();
        await pool.ShutdownAsync(new ShutdownOptions { Mode = ShutdownMode.Drain }).Soon();
        Assert.Equal([1, 2], ran);
    }

    [Fact]
    public void TimeoutErrorNamesTheMapAndThePool()
    {
        using var pool = new ThreadPool(new ThreadPoolOptions { MaxWorkers = 1, Name = "slow" });
        using var gate = new Gate();
        var options = new MapOptions { Timeout = TimeSpan.FromMilliseconds(20) };
        var error = Assert.Throws<TimeoutException>(() => pool.MapAll(
            x =>
            {
                gate.Pass();
                return x;
            },
            [1],
            options));
        Assert.Contains("MapAll()", error.Message);
        Assert.Contains("'slow'", error.Message);
    }

    [Fact]
    public async Task UnorderedMapGivesFirstWhatIsDoneFirst()
    {
        using var pool = new ThreadPool(2);
        using var gate = new Gate();
        await using IAsyncEnumerator<int> results = pool.MapUnorderedAsync(
            x =>
            {
                if (x == 1)
                {
                    gate.Pass();
                }
                return x;
            },
            [1, 2]).GetAsyncEnumerator();
        Assert.True(await results.MoveNextAsync().AsTask().Soon());
        Assert.Equal(2, results.Current);
        gate.Open();
        Assert.True(await results.MoveNextAsync().AsTask().Soon());
        Assert.Equal(1, results.Current);
    }

    [Fact]
    public void FixedPoolsHaveTheirSize()
    {
        using ThreadPool one = Executors.NewSingleThreadExecutor();
        using ThreadPool two = Executors.NewDualThreadPool();
        using ThreadPool three = Executors.NewTripleThreadPool();
        using ThreadPool four = Executors.NewQuadThreadPool();
        using ThreadPool seven = Executors.NewFixedThreadPool(7);
        Assert.Equal(
            [1, 2, 3, 4, 7],
            new[] { one, two, three, four, seven }.Select(pool => pool.MaxWorkers));
    }

    [Fact]
    public async Task QueuedTaskSurvivesGarbageCollection()
    {
        using var pool = new ThreadPool(1);
        using var gate = new Gate();
        Task running = pool.SubmitAsync(gate.Pass);
        gate.AwaitEntered();
        var done = new ManualResetEventSlim();
        SubmitAndForget(pool, done);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        gate.Open();
        Assert.True(done.Wait(Gate.Limit));
        await running;
    }

    private static void SubmitAndForget(ThreadPool pool, ManualResetEventSlim done) =>
        pool.SubmitAsync(done.Set);
}

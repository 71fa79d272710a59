using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

public class ThreadPoolChunksContract() : PoolChunksContract(new Threads());

public class ThreadPoolTaskContract() : PoolTaskContract(new Threads());

public class ThreadPoolLifecycleContract() : PoolLifecycleContract(new Threads());

public class ThreadPoolRemainsContract() : PoolRemainsContract(new Threads());

public class ThreadPoolLimitsContract() : PoolLimitsContract(new Threads());

public class ThreadPoolLaterContract() : PoolLaterContract(new Threads());

public class ThreadPoolMapContract() : PoolMapContract(new Threads());

public class ThreadPoolMeasureContract() : PoolMeasureContract(new Threads());

public class ThreadPoolObserverContract() : PoolObserverContract(new Threads());

public class ThreadPoolPauseContract() : PoolPauseContract(new Threads());

public class ThreadPoolPeriodicContract() : PoolPeriodicContract(new Threads());

public class ThreadPoolPriorityContract() : PoolPriorityContract(new Threads());

public class ThreadPoolProgressContract() : PoolProgressContract(new Threads());

public class ThreadPoolRetriesContract() : PoolRetriesContract(new Threads());

public class ThreadPoolSettledContract() : PoolSettledContract(new Threads());

public class ThreadPoolTaskContextContract()
    : PoolTaskContextContract(new Threads());

public class ThreadPoolLogContract() : PoolLogContract(new Threads());

public class ThreadPoolTelemetryContract() : PoolTelemetryContract(new Threads());

public class ThreadPoolAsyncShapesContract() : AsyncShapesContract(new Threads());

public class ThreadPoolViewRetriesContract() : PoolViewRetriesContract(new Threads());

public class ThreadPoolViewsContract() : PoolViewsContract(new Threads());

public class ThreadPoolWorkerContract() : PoolWorkerContract(new Threads());

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

    /// Waits until the token is cancelled; tells when it begins.
    private static int AwaitStop(SemaphoreSlim begun, CancellationToken stop)
    {
        begun.Release();
        Assert.True(stop.WaitHandle.WaitOne(Gate.Limit));
        stop.ThrowIfCancellationRequested();
        return 0;
    }

    [Fact]
    public async Task TimeoutCancelsTheTokenOfTheFunction()
    {
        using var pool = new ThreadPool(1);
        using var begun = new SemaphoreSlim(0);
        var options = new TaskOptions { Timeout = TimeSpan.FromMilliseconds(200) };
        Task<int> task = pool.SubmitAsync(
            stop => AwaitStop(begun, stop), options: options);
        await Assert.ThrowsAsync<TimeoutException>(() => task.Soon());
        // Its worker is free again.
        Assert.Equal(1, await pool.SubmitAsync(() => 1).Soon());
        Assert.Equal((1, 1), (pool.Stats().Failed, pool.Stats().Completed));
    }

    [Fact]
    public async Task TaskThatIgnoresItsTimeoutKeepsItsWorkerButNotItsTask()
    {
        using var pool = new ThreadPool(1);
        using var gate = new Gate();
        var options = new TaskOptions { Timeout = TimeSpan.FromMilliseconds(200) };
        Task task = pool.SubmitAsync(gate.Pass, options: options);
        await Assert.ThrowsAsync<TimeoutException>(() => task.Soon());
        gate.Open();
        Assert.True(pool.Join(Gate.Limit));
        Assert.Equal((1, 0), (pool.Stats().Failed, pool.Stats().Completed));
    }

    [Fact]
    public async Task CallersTokenCancelsThatOfTheFunction()
    {
        using var pool = new ThreadPool(1);
        using var begun = new SemaphoreSlim(0);
        using var source = new CancellationTokenSource();
        Task<int> task = pool.SubmitAsync(stop => AwaitStop(begun, stop), source.Token);
        Assert.True(await begun.WaitAsync(Gate.Limit));
        source.Cancel();
        var error = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => task.Soon());
        Assert.Equal(source.Token, error.CancellationToken);
        Assert.True(task.IsCanceled);
        Assert.Equal(1, pool.Stats().Cancelled);
    }

    [Fact]
    public async Task ShutdownCancelsTheTokenOfTheFunction()
    {
        using var pool = new ThreadPool(1);
        using var begun = new SemaphoreSlim(0);
        Task<int> task = pool.SubmitAsync(stop => AwaitStop(begun, stop));
        Assert.True(await begun.WaitAsync(Gate.Limit));
        Assert.True(await pool.ShutdownAsync().Soon());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => task.Soon());
        Assert.True(task.IsCanceled);
    }

    [Fact]
    public async Task LimitsOfManyTasksMeetTheirEnds()
    {
        using var pool = new ThreadPool(2);
        using var source = new CancellationTokenSource();
        Task<int>[] tasks = [.. Enumerable.Range(0, 2000).Select(i => pool.SubmitAsync(
            stop => i,
            source.Token,
            new TaskOptions { Timeout = TimeSpan.FromMicroseconds(20 + (i / 100)) }))];
        source.CancelAfter(1);
        await Task.WhenAll(tasks).ContinueWith(static _ => { }).Soon();
        Assert.True(pool.Join(Gate.Limit));
        PoolStats stats = pool.Stats();
        Assert.Equal(tasks.Count(task => task.IsCompletedSuccessfully), stats.Completed);
        Assert.Equal(tasks.Count(task => task.IsFaulted), stats.Failed);
        Assert.All(
            tasks.Where(task => task.IsFaulted),
            task => Assert.IsType<TimeoutException>(task.Exception!.InnerException));
    }

    [Fact]
    public async Task TaskWithOptionsMayRunAnotherInAPoolOfOne()
    {
        using var pool = new ThreadPool(1);
        var named = new TaskOptions { Name = "inner" };
        Assert.Equal(2, await pool.SubmitAsync(() => pool.Run(() => 2, options: named)).Soon());
        Assert.Equal(
            3, await pool.SubmitAsync(() => pool.SubmitAsync(() => 3, options: named).Result).Soon());
        var limited = new TaskOptions { Timeout = Gate.Limit };
        Assert.Equal(4, await pool.SubmitAsync(() => pool.Run(() => 4, options: limited)).Soon());
    }

    [Fact]
    public async Task JoinOnAWorkerIsRefused()
    {
        using var pool = new ThreadPool(1);
        await Assert.ThrowsAsync<InvalidOperationException>(
            () => pool.SubmitAsync(() => pool.Join(Gate.Limit)).Soon());
    }

    [Fact]
    public void CancelledTaskOfThreadsDoesNotTravel()
    {
        using var pool = new ThreadPool(1);
        using var gate = new Gate();
        pool.SubmitAsync(gate.Pass);
        gate.AwaitEntered();
        pool.SubmitAsync(() => { });
        pool.Shutdown(new ShutdownOptions { Deadline = TimeSpan.Zero });
        CancelledTask task = Assert.Single(pool.TakeCancelledTasks());
        using var processes = new ProcessPool(1);
        Assert.Throws<SerializationException>(() => processes.Post(task));
        task.Run();
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
    public async Task ContextIsThatOfWhatGoesOnOnAWorker()
    {
        using var pool = new ThreadPool(new ThreadPoolOptions
        {
            MaxWorkers = 1,
            AllowContinuationsOnWorkers = true,
        });
        var outer = new TaskOptions { Name = "outer" };
        Assert.Equal(
            "outer inner outer True",
            await pool.SubmitAsync(() => AwaitInnerAsync(pool), options: outer).Soon());
    }

    private static async Task<string> AwaitInnerAsync(ThreadPool pool)
    {
        string before = TaskContext.Current!.Name;
        var options = new TaskOptions { Name = "inner" };
        string inner =
            await pool.SubmitAsync(() => TaskContext.Current!.Name, options: options);
        return $"{before} {inner} {TaskContext.Current!.Name} "
            + (TaskContext.Current.Id > 0);
    }

    [Fact]
    public async Task ContextOfWhatTheSchedulerIsGivenIsItsOwn()
    {
        using var pool = new ThreadPool(1);
        var outer = new TaskOptions { Name = "outer" };
        Assert.Equal(
            "new other, outer",
            await pool.SubmitAsync(() => StartOnSchedulerAsync(pool), options: outer).Soon());
    }

    private static async Task<string> StartOnSchedulerAsync(ThreadPool pool)
    {
        long mine = TaskContext.Current!.Id;
        string started = await Task.Factory.StartNew(
            () => TaskContext.Current!.Id == mine ? "same" : "other",
            CancellationToken.None,
            TaskCreationOptions.None,
            pool.AsTaskScheduler());
        return $"new {started}, {TaskContext.Current!.Name}";
    }

    [Fact]
    public async Task ContinuationsRunOnWorkersWhereThatIsAllowed()
    {
        using var pool = new ThreadPool(new ThreadPoolOptions
        {
            MaxWorkers = 1,
            Name = "mine",
            AllowContinuationsOnWorkers = true,
        });
        using var gate = new Gate();
        Task<string?> afterwards = NameAfterAsync(pool.SubmitAsync(gate.Pass));
        gate.AwaitEntered();
        gate.Open();
        Assert.StartsWith("mine", await afterwards.Soon());
        // Those of a task that the pool has dropped run elsewhere.
        using var closed = new Gate();
        Task running = pool.SubmitAsync(closed.Pass);
        closed.AwaitEntered();
        Task<string?> dropped = NameAfterAsync(pool.SubmitAsync(() => { }));
        Task<bool> shutdown = pool.ShutdownAsync();
        Assert.DoesNotContain("mine", await dropped.Soon() ?? "");
        closed.Open();
        await shutdown.Soon();
        await running.Soon();
    }

    private static async Task<string?> NameAfterAsync(Task task)
    {
        await task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return Thread.CurrentThread.Name;
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

using System;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// What .NET's own classes do with AsTaskScheduler().
public sealed class TaskSchedulerTest : IDisposable
{
    private readonly ThreadPool _pool =
        new(new ThreadPoolOptions { MaxWorkers = 2, Name = "mine" });

    public void Dispose() => _pool.Dispose();

    private static bool OnWorker() =>
        Thread.CurrentThread.Name?.StartsWith("mine", StringComparison.Ordinal) ?? false;

    private static Task<T> Start<T>(Func<T> function, ThreadPool pool) =>
        Task.Factory.StartNew(
            function,
            CancellationToken.None,
            TaskCreationOptions.None,
            pool.AsTaskScheduler());

    [Fact]
    public async Task StartNewRunsOnWorkers()
    {
        Assert.True(await Start(OnWorker, _pool).Soon());
        Waiting.Until(() => _pool.Stats().Completed == 1);
    }

    [Fact]
    public async Task TaskIsAnActivityWhoseParentIsTheSubmitters()
    {
        var stopped = new ConcurrentBag<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Asyncpal",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) =>
                ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = stopped.Add,
        };
        ActivitySource.AddActivityListener(listener);
        using var parent = new Activity("test").SetIdFormat(ActivityIdFormat.W3C).Start();
        // What it starts belongs to the submitter's.
        Assert.Equal(parent.Id, await Start(() => Activity.Current?.Id, _pool).Soon());
        await Assert.ThrowsAsync<FormatException>(
            () => Start<int>(() => throw new FormatException("no number"), _pool).Soon());
        // The await inside goes on here, which is no further task of a submitter's.
        await Start(AwaitAsync, _pool).Unwrap().Soon();
        Waiting.Until(() => stopped.Count(one => one.TraceId == parent.TraceId) == 3);
        Activity[] mine = [.. stopped.Where(one => one.TraceId == parent.TraceId)];
        Assert.All(mine, one =>
        {
            Assert.Equal("Asyncpal.Task", one.OperationName);
            Assert.Equal(parent.SpanId, one.ParentSpanId);
            Assert.Equal("mine", one.GetTagItem("asyncpal.pool.name"));
        });
        Assert.Single(mine, one => one.Status == ActivityStatusCode.Error);
        Assert.Same(parent, Activity.Current);
    }

    private static async Task<int> AwaitAsync()
    {
        await Task.Delay(20);
        return 1;
    }

    [Fact]
    public async Task ParallelForEachAsyncRunsOnWorkers()
    {
        var where = new ConcurrentBag<bool>();
        var options = new ParallelOptions { TaskScheduler = _pool.AsTaskScheduler() };
        await Parallel.ForEachAsync(Enumerable.Range(0, 100), options, (_, _) =>
        {
            where.Add(OnWorker());
            return ValueTask.CompletedTask;
        }).Soon();
        Assert.Equal(100, where.Count);
        Assert.All(where, Assert.True);
    }

    [Fact]
    public async Task ParallelForRunsOnWorkers()
    {
        var where = new ConcurrentBag<bool>();
        var options = new ParallelOptions { TaskScheduler = _pool.AsTaskScheduler() };
        await Task.Run(() => Parallel.For(0, 100, options, _ => where.Add(OnWorker()))).Soon();
        Assert.Equal(100, where.Count);
        Assert.All(where, Assert.True);
    }

    [Fact]
    public async Task ContinuationsRunOnWorkers()
    {
        Assert.True(await Task.CompletedTask.ContinueWith(
            _ => OnWorker(),
            CancellationToken.None,
            TaskContinuationOptions.None,
            _pool.AsTaskScheduler()).Soon());
    }

    [Fact]
    public async Task AwaitInATaskContinuesOnWorkers()
    {
        Task<bool> task = await Start(
            async () =>
            {
                await Task.Yield();
                return OnWorker();
            },
            _pool).Soon();
        Assert.True(await task.Soon());
    }

    [Fact]
    public async Task WaitInATaskRunsWhatIsPending()
    {
        using var pool = new ThreadPool(1);
        Assert.Equal(3, await Start(() => Start(() => 2, pool).Result + 1, pool).Soon());
        Waiting.Until(() => pool.Stats().Completed == 2);
    }

    [Fact]
    public async Task CancelledPendingTaskNeverRuns()
    {
        using var pool = new ThreadPool(1);
        using var gate = new Gate();
        Task running = pool.SubmitAsync(gate.Pass);
        gate.AwaitEntered();
        using var source = new CancellationTokenSource();
        // StartNew() leaves a cancelled task in the queue, whatever the scheduler.
        var pending = new Task(() => { }, source.Token);
        pending.Start(pool.AsTaskScheduler());
        source.Cancel();
        Assert.True(pending.IsCanceled);
        Assert.Equal(1, pool.Stats().Cancelled);
        gate.Open();
        await running.Soon();
    }

    [Fact]
    public async Task TaskOfAClosedPoolDoesNotWaitForEver()
    {
        using var pool = new ThreadPool(1);
        using var gate = new Gate();
        Task running = pool.SubmitAsync(gate.Pass);
        gate.AwaitEntered();
        Task<bool> pending = Start(OnWorker, pool);
        Task<bool> shutdown = pool.ShutdownAsync();
        Assert.False(await pending.Soon());
        gate.Open();
        await shutdown.Soon();
        await running;
    }

    [Fact]
    public async Task TaskThatComesToAClosedPoolRunsElsewhere()
    {
        _pool.Shutdown();
        Assert.False(await Start(OnWorker, _pool).Soon());
        _pool.Dispose();
        Assert.False(await Start(OnWorker, _pool).Soon());
    }

    [Fact]
    public async Task TaskThatComesToABrokenPoolRunsElsewhere()
    {
        using var pool = new ThreadPool(new ThreadPoolOptions
        {
            Initializer = () => throw new FormatException("bad start"),
        });
        await Assert.ThrowsAnyAsync<BrokenPoolException>(() => pool.SubmitAsync(OnWorker).Soon());
        Assert.False(await Start(OnWorker, pool).Soon());
    }

    [Fact]
    public async Task WorkAtAnAwaitGoesOnWhenThePoolIsDisposedOf()
    {
        using var pool = new ThreadPool(2);
        var begun = new CountdownEvent(2);
        var go = new TaskCompletionSource();
        var options = new ParallelOptions { TaskScheduler = pool.AsTaskScheduler() };
        int done = 0;
        Task loop = Parallel.ForEachAsync(new[] { 1, 2 }, options, async (_, _) =>
        {
            begun.Signal();
            await go.Task;
            Interlocked.Increment(ref done);
        });
        Task<int> started = await Start(
            async () =>
            {
                await go.Task;
                return 1;
            },
            pool).Soon();
        Assert.True(begun.Wait(Gate.Limit));
        pool.Dispose();
        go.SetResult();
        await loop.Soon();
        Assert.Equal(2, done);
        Assert.Equal(1, await started.Soon());
    }

    [Fact]
    public async Task LoopThatYieldsGoesOnWhenThePoolIsDisposedOf()
    {
        using var pool = new ThreadPool(2);
        using var source = new CancellationTokenSource();
        var options = new ParallelOptions
        {
            TaskScheduler = pool.AsTaskScheduler(),
            CancellationToken = source.Token,
        };
        int turns = 0;
        Task loop = Parallel.ForEachAsync(
            Enumerable.Range(0, int.MaxValue), options, async (_, _) =>
            {
                await Task.Yield();
                Interlocked.Increment(ref turns);
            });
        Waiting.Until(() => Volatile.Read(ref turns) > 100);
        pool.Dispose();
        int before = Volatile.Read(ref turns);
        Waiting.Until(() => Volatile.Read(ref turns) > before + 100);
        source.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => loop.Soon());
    }

    [Fact]
    public async Task LongRunningTaskGetsAThreadOfItsOwn()
    {
        using var gate = new Gate();
        Task[] tasks = [.. Enumerable.Range(0, 3).Select(_ => Task.Factory.StartNew(
            gate.Pass,
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            _pool.AsTaskScheduler()))];
        gate.AwaitEntered(3);
        Assert.Equal(0, _pool.Stats().Submitted);
        gate.Open();
        await Task.WhenAll(tasks).Soon();
    }

    [Fact]
    public void MaximumConcurrencyIsThatOfThePool() =>
        Assert.Equal(2, _pool.AsTaskScheduler().MaximumConcurrencyLevel);
}

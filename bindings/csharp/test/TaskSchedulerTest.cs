using System;
using System.Collections.Concurrent;
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
    public void ClosedPoolRefusesTasks()
    {
        _pool.Shutdown();
        var error = Assert.Throws<TaskSchedulerException>(() =>
        {
            Start(OnWorker, _pool);
        });
        Assert.IsType<ObjectDisposedException>(error.InnerException);
    }

    [Fact]
    public void MaximumConcurrencyIsThatOfThePool() =>
        Assert.Equal(2, _pool.AsTaskScheduler().MaximumConcurrencyLevel);
}

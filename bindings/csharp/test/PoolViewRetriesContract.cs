using System;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// Tasks of views that are tried again.
public abstract class PoolViewRetriesContract(PoolKind kind) : PoolContract(kind), IDisposable
{
    private readonly SharedGate _gate = new();

    public void Dispose()
    {
        _gate.Dispose();
        GC.SuppressFinalize(this);
    }

    private static int SucceedAtAttempt(string folder, int n)
    {
        int attempt = TaskContext.Current!.Attempt;
        Record(folder, attempt);
        return attempt == n ? attempt : throw new FormatException($"attempt {attempt}");
    }

    private static async Task<int> SucceedAtAttemptAsync(string folder, int n)
    {
        await Task.Yield();
        return SucceedAtAttempt(folder, n);
    }

    private static int Record(string folder, int n)
    {
        File.AppendAllText(Path.Combine(folder, "order"), $"{n} ");
        return n;
    }

    private static string OrderIn(string folder) =>
        File.ReadAllText(Path.Combine(folder, "order")).TrimEnd();

    private static int ReportAtSecondAttempt(string folder)
    {
        TaskContext mine = TaskContext.Current!;
        mine.ReportProgress(0.5, $"attempt {mine.Attempt}");
        return mine.Attempt > 1
            ? SharedGate.Pass(folder, 1)
            : throw new FormatException("again");
    }

    [Fact]
    public async Task TaskOfAViewIsTriedUntilItSucceeds()
    {
        using Pool pool = NewPool(2);
        foreach (PoolView view in new[]
        {
            pool.Serial(), pool.Limited(2), pool.Keyed<string>().Key("a"),
        })
        {
            Assert.Equal(
                3,
                await view.SubmitAsync(SucceedAtAttempt, _gate.Folder, 3, options: Trying(5))
                    .Soon());
            Assert.Equal(
                2,
                await view
                    .SubmitAsync(SucceedAtAttemptAsync, _gate.Folder, 2, options: Trying(5))
                    .Soon());
        }
        Assert.True(pool.Join(Gate.Limit));
        AssertAttempts(pool, submitted: 3 * 5, retried: 3 * 3);
    }

    [Fact]
    public async Task LastFailureOfAViewsTaskIsTheFutures()
    {
        using Pool pool = NewPool(1);
        var error = await Assert.ThrowsAsync<FormatException>(
            () => pool.Serial()
                .SubmitAsync(SucceedAtAttempt, _gate.Folder, 9, options: Trying(5))
                .Soon());
        Assert.Equal("attempt 5", error.Message);
    }

    [Fact]
    public async Task FurtherAttemptGoesToTheBackOfTheView()
    {
        var time = new FakeTimeProvider();
        using Pool pool = NewPool(new PoolPlan { MaxWorkers = 2, TimeProvider = time });
        PoolView view = pool.Serial();
        Task<int> retried =
            view.SubmitAsync(SucceedAtAttempt, _gate.Folder, 2, options: TryingSlowly);
        Assert.Equal(10, await view.SubmitAsync(Record, _gate.Folder, 10).Soon());
        Waiting.Until(() => pool.Stats().Delayed == 1);
        AssertAttempts(pool, submitted: 3, retried: 1, delayed: 1);
        time.Advance(TimeSpan.FromHours(1));
        Assert.Equal(2, await retried.Soon());
        Assert.Equal("1 10 2", OrderIn(_gate.Folder));
        AssertAttemptsEnded(pool, submitted: 3, retried: 1, completed: 2);
    }

    [Fact]
    public async Task ClockMayMoveWhileAViewsTaskBeginsToWait()
    {
        var time = new FakeTimeProvider();
        using Pool pool = NewPool(new PoolPlan { MaxWorkers = 1, TimeProvider = time });
        time.JumpBeforeTimerOf(TimeSpan.FromHours(1));
        Assert.Equal(
            2,
            await pool.Serial()
                .SubmitAsync(SucceedAtAttempt, _gate.Folder, 2, options: TryingSlowly)
                .Soon());
    }

    [Fact]
    public async Task AttemptsOfASerialViewNeverOverlap()
    {
        using Pool pool = NewPool(3);
        PoolView view = pool.Serial();
        var tasks = Enumerable.Range(0, 8).Select(
            i => view.SubmitAsync(TakeTheOnlyPlace, _gate.Folder, i, options: Trying(5)));
        await Task.WhenAll(tasks).Soon();
        Assert.Equal(8, pool.Stats().Retried);
    }

    /// Fails once; throws something else if another runs.
    private static int TakeTheOnlyPlace(string folder, int n)
    {
        string place = Path.Combine(folder, "place");
        using (new FileStream(place, FileMode.CreateNew))
        {
            Thread.Yield();
        }
        File.Delete(place);
        return TaskContext.Current!.Attempt > 1 ? n : throw new FormatException("again");
    }

    [Fact]
    public async Task ShutdownEndsTheWaitOfAViewsTask()
    {
        using Pool pool = NewPool(1);
        Task<int> task = pool.Serial().SubmitAsync(
            SucceedAtAttempt, _gate.Folder, 9, options: TryingSlowly);
        Waiting.Until(() => pool.Stats().Delayed == 1);
        pool.Shutdown();
        var error = await Assert.ThrowsAsync<FormatException>(() => task.Soon());
        Assert.Equal("attempt 1", error.Message);
        Waiting.Until(() => pool.IsTerminated);
    }

    [Fact]
    public async Task TokenEndsTheWaitOfAViewsTask()
    {
        using Pool pool = NewPool(1);
        using var source = new CancellationTokenSource();
        Task<int> task = pool.Serial().SubmitAsync(
            SucceedAtAttempt, _gate.Folder, 9, source.Token, TryingSlowly);
        Waiting.Until(() => pool.Stats().Delayed == 1);
        Assert.False(pool.Join(Instant));
        source.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => task.Soon());
        Assert.True(pool.Join(Gate.Limit));
        PoolStats stats = pool.Stats();
        Assert.Equal(0, stats.Delayed);
        Assert.Equal(1, stats.Cancelled);
        Assert.Equal(2, stats.Submitted);
    }

    [Fact]
    public async Task KeyHoldsNoMemoryDuringAWait()
    {
        using Pool pool = NewPool(1);
        KeyedPool<string> keyed = pool.Keyed<string>();
        Task<int> task = keyed.SubmitAsync(
            "a", SucceedAtAttempt, _gate.Folder, 9, options: TryingSlowly);
        Waiting.Until(() => pool.Stats().Delayed == 1);
        Assert.Equal(9, await keyed.SubmitAsync("a", Square, 3).Soon());
        Assert.False(task.IsCompleted);
    }

    [Fact]
    public async Task CallerHasTheProgressOfTheViewsAttemptThatRuns()
    {
        using Pool pool = NewPool(1);
        Task<int> task = pool.Serial().SubmitAsync(
            ReportAtSecondAttempt, _gate.Folder, options: Trying(5));
        Waiting.Until(() => TaskProgress.Of(task) is { Text: "attempt 2" });
        _gate.Open();
        await task.Soon();
        Assert.Null(TaskProgress.Of(task));
    }

    [Fact]
    public void BadPolicyIsRefusedByViews()
    {
        using Pool pool = NewPool(1);
        var error = Assert.ThrowsAny<ArgumentException>(() =>
        {
            _ = pool.Serial().SubmitAsync(
                Square,
                2,
                options: new TaskOptions { Retry = new RetryPolicy { MaxAttempts = 0 } });
        });
        Assert.Contains("MaxAttempts is 0; it must be at least 1", error.Message);
        Assert.Equal(0, pool.Stats().Submitted);
    }

    [Fact]
    public void ViewOfAClosedPoolRefusesRetriedTasks()
    {
        using Pool pool = NewPool(1);
        PoolView view = pool.Serial();
        pool.Shutdown();
        Assert.Throws<ObjectDisposedException>(
            () => { _ = view.SubmitAsync(Square, 2, options: Trying(5)); });
    }
}

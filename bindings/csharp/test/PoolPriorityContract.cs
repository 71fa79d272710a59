using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// Which task comes first, and what a shutdown does with which.
public abstract class PoolPriorityContract(PoolKind kind) : PoolContract(kind), IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly SharedGate _gate = new();

    public void Dispose()
    {
        _gate.Dispose();
        GC.SuppressFinalize(this);
    }

    private static TimeSpan Seconds(double count) => TimeSpan.FromSeconds(count);

    private static TaskOptions With(TaskPriority priority) => new() { Priority = priority };

    private static TaskOptions With(AtShutdown atShutdown) => new() { AtShutdown = atShutdown };

    /// Of one worker, which is busy until the gate opens.
    private Pool NewBusyPool(PoolPlan? plan = null)
    {
        Pool pool = NewPool((plan ?? new PoolPlan()) with { TimeProvider = _time });
        Occupy(pool, _gate);
        return pool;
    }

    private static void Write(string folder, char letter) =>
        File.AppendAllText(Path.Combine(folder, "order"), letter.ToString());

    private void Note(Pool pool, char letter, TaskOptions? options = null) =>
        pool.Post(Write, _gate.Folder, letter, options: options);

    /// The letters in the order in which their tasks ran.
    private string Order(Pool pool)
    {
        _gate.Open();
        Assert.True(pool.Join(Gate.Limit));
        return File.ReadAllText(Path.Combine(_gate.Folder, "order"));
    }

    [Fact]
    public void BadOptionsAreRefusedByName()
    {
        var error = Assert.ThrowsAny<ArgumentException>(
            () => NewPool(new PoolPlan { PriorityStep = TimeSpan.Zero }));
        Assert.Contains("PriorityStep is 00:00:00; it must be positive", error.Message);
        using Pool pool = NewPool(1);
        error = Assert.ThrowsAny<ArgumentException>(
            () => { _ = pool.SubmitAsync(DoNothing, options: With((TaskPriority)7)); });
        Assert.Contains("Priority is 7, which is no TaskPriority", error.Message);
        error = Assert.ThrowsAny<ArgumentException>(
            () => { _ = pool.SubmitAsync(DoNothing, options: With((AtShutdown)9)); });
        Assert.Contains("AtShutdown is 9, which is no AtShutdown", error.Message);
        Assert.Equal(0, pool.Stats().Submitted);
    }

    [Fact]
    public void HigherClassesBeginFirst()
    {
        using Pool pool = NewBusyPool();
        char letter = 'a';
        foreach (TaskPriority priority in Enum.GetValues<TaskPriority>())
        {
            Note(pool, letter++, With(priority));
        }
        Assert.Equal("edcba", Order(pool));
    }

    [Fact]
    public void ClassesKeepTheOrderOfSubmission()
    {
        using Pool pool = NewBusyPool();
        Note(pool, 'a', With(TaskPriority.High));
        Note(pool, 'n');
        Note(pool, 'b', With(TaskPriority.High));
        Note(pool, 'o');
        Note(pool, 'c', With(TaskPriority.High));
        Assert.Equal("abcno", Order(pool));
    }

    [Fact]
    public void HigherClassGoesBeforeWhatHasNoOptions()
    {
        using Pool pool = NewBusyPool();
        foreach (char letter in "nopq")
        {
            Note(pool, letter);
        }
        Note(pool, 'u', With(TaskPriority.Urgent));
        Assert.Equal("unopq", Order(pool));
    }

    [Fact]
    public void TaskGrowsOlderUntilItGoesFirst()
    {
        using Pool pool = NewBusyPool();
        Note(pool, 'b', With(TaskPriority.Background));
        _time.Advance(Seconds(3.999));
        Note(pool, 'u', With(TaskPriority.Urgent));
        _time.Advance(Seconds(0.002));
        Note(pool, 'v', With(TaskPriority.Urgent));
        Assert.Equal("ubv", Order(pool));
    }

    [Fact]
    public void InfiniteStepIsStrict()
    {
        using Pool pool =
            NewBusyPool(new PoolPlan { PriorityStep = Timeout.InfiniteTimeSpan });
        Note(pool, 'l', With(TaskPriority.Low));
        _time.Advance(TimeSpan.FromHours(1000));
        Note(pool, 'n', With(TaskPriority.Normal));
        Note(pool, 'h', With(TaskPriority.High));
        Assert.Equal("hnl", Order(pool));
    }

    [Fact]
    public void CancelledTaskOfAClassNeverRuns()
    {
        using Pool pool = NewBusyPool();
        using var source = new CancellationTokenSource();
        Task cancelled = pool.SubmitAsync(
            DoNothing, source.Token, With(TaskPriority.High));
        Note(pool, 'h', With(TaskPriority.High));
        source.Cancel();
        Assert.Equal("h", Order(pool));
        Assert.True(cancelled.IsCanceled);
        Assert.Equal(1, pool.Stats().Cancelled);
        Assert.Equal(2, pool.Stats().Completed);
    }

    [Fact]
    public void TasksOfClassesAreHandedBackInOrder()
    {
        using Pool pool = NewBusyPool();
        _ = pool.SubmitAsync(
            DoNothing, options: new TaskOptions { Name = "a", Priority = TaskPriority.Low });
        _ = pool.SubmitAsync(DoNothing, options: new TaskOptions { Name = "b" });
        _ = pool.SubmitAsync(
            DoNothing,
            options: new TaskOptions { Name = "c", Priority = TaskPriority.Urgent });
        Assert.Equal(3, pool.Stats().Pending);
        pool.Shutdown(AtOnce);
        Assert.Equal(["a", "b", "c"], pool.TakeCancelledTasks().Select(task => task.Name));
        _gate.Open();
    }

    [Fact]
    public void DelayedTaskKeepsItsPriority()
    {
        using Pool pool = NewBusyPool();
        Note(pool, 'n');
        _ = pool.SubmitAfterAsync(
            TimeSpan.FromMilliseconds(1),
            Write,
            _gate.Folder,
            'u',
            options: With(TaskPriority.Urgent));
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal("un", Order(pool));
    }

    [Fact]
    public async Task FullPoolDropsTheOldestOfAllClasses()
    {
        using Pool pool = NewBusyPool(
            new PoolPlan { MaxPending = 2, WhenFull = WhenFull.DropOldest });
        Task urgent = pool.SubmitAsync(DoNothing, options: With(TaskPriority.Urgent));
        _time.Advance(Seconds(1));
        Note(pool, 'l', With(TaskPriority.Low));
        Note(pool, 'h', With(TaskPriority.High));
        await Assert.ThrowsAsync<RejectedException>(() => urgent.Soon());
        Assert.Equal("hl", Order(pool));
    }

    // --- At shutdown ---

    [Fact]
    public void DrainSkipsWhatIsToBeSkipped()
    {
        using Pool pool = NewBusyPool();
        Task skipped = pool.SubmitAsync(DoNothing, options: With(AtShutdown.Skip));
        Task also = pool.SubmitAsync(
            DoNothing,
            options: new TaskOptions
            {
                Priority = TaskPriority.Low,
                AtShutdown = AtShutdown.Skip,
            });
        Task<int> run = pool.SubmitAsync(Add, 1, 2);
        pool.Shutdown(Drain with { Deadline = TimeSpan.Zero });
        Waiting.Until(() => skipped.IsCanceled && also.IsCanceled);
        Waiting.Until(() => run.IsCanceled);  // the deadline has passed
        Assert.Equal(3, pool.TakeCancelledTasks().Count);
        _gate.Open();
    }

    [Fact]
    public async Task DrainRunsTheOthers()
    {
        using Pool pool = NewBusyPool();
        Task skipped = pool.SubmitAsync(DoNothing, options: With(AtShutdown.Skip));
        Task<int> run = pool.SubmitAsync(Add, 1, 2);
        Task closed = pool.ShutdownAsync(Drain);
        Waiting.Until(() => skipped.IsCanceled);
        _gate.Open();
        await closed.Soon();
        Assert.Equal(3, await run.Soon());
        Assert.Equal(1, pool.Stats().Cancelled);
    }

    [Fact]
    public async Task ShutdownRunsWhatIsToFinish()
    {
        using Pool pool = NewBusyPool();
        Task<int> first = pool.SubmitAsync(Add, 1, 2, options: With(AtShutdown.Finish));
        Task<int> cancelled = pool.SubmitAsync(Add, 1, 2);
        Task<int> last = pool.SubmitAsync(
            Add,
            2,
            2,
            options: new TaskOptions
            {
                Priority = TaskPriority.High,
                AtShutdown = AtShutdown.Finish,
            });
        Task closed = pool.ShutdownAsync();
        Waiting.Until(() => cancelled.IsCanceled);
        _gate.Open();
        await closed.Soon();
        Assert.Equal(3, await first.Soon());
        Assert.Equal(4, await last.Soon());
        Assert.True(pool.IsTerminated);
    }

    [Fact]
    public void DeadlineEndsWhatIsToFinish()
    {
        using Pool pool = NewBusyPool();
        Task<int> task = pool.SubmitAsync(Add, 1, 2, options: With(AtShutdown.Finish));
        pool.Shutdown(new ShutdownOptions { Deadline = TimeSpan.FromMilliseconds(5) });
        Waiting.Until(() => task.IsCanceled);
        _gate.Open();
    }

    [Fact]
    public void KillBeatsWhatIsToFinish()
    {
        using Pool pool = NewBusyPool();
        Task<int> task = pool.SubmitAsync(Add, 1, 2, options: With(AtShutdown.Finish));
        pool.Shutdown(
            new ShutdownOptions { Mode = ShutdownMode.Kill, Deadline = TimeSpan.Zero });
        Waiting.Until(() => task.IsCanceled);
        _gate.Open();
    }

    [Fact]
    public async Task DelayedTaskThatIsToFinishRunsAtItsTime()
    {
        using Pool pool = NewPool(new PoolPlan { TimeProvider = _time });
        Task<int> task = pool.SubmitAfterAsync(
            Seconds(1), Add, 1, 2, options: With(AtShutdown.Finish));
        Task<int> other = pool.SubmitAfterAsync(Seconds(1), Add, 1, 2);
        Task closed = pool.ShutdownAsync(Drain);
        Waiting.Until(() => other.IsCanceled);
        Assert.False(task.IsCompleted);
        _time.Advance(Seconds(1));
        await closed.Soon();
        Assert.Equal(3, await task.Soon());
    }

    [Fact]
    public async Task NobodyWaitsForAnAbandonedTask()
    {
        using Pool pool = NewPool(1);
        Task<int> running = pool.SubmitAsync(
            SharedGate.Pass, _gate.Folder, 1, options: With(AtShutdown.Abandon));
        _gate.AwaitArrivals(1);
        Task pending = pool.SubmitAsync(DoNothing, options: With(AtShutdown.Abandon));
        Assert.True(pool.Shutdown(Drain with { Deadline = Seconds(20) }));
        Assert.True(pool.IsTerminated);
        Waiting.Until(() => pending.IsCanceled);
        Assert.False(running.IsCompletedSuccessfully);
        _gate.Open();
        await running.Soon().ContinueWith(static _ => { });
        Assert.True(running.IsCompleted);
    }
}

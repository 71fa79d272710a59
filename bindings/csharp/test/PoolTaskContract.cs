using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// What every pool does with one task. Claims of C++ that are not here:
/// - TaskThatThrowsNoExceptionTypeFails: whatever C# throws is an Exception.
/// - CancelOfAPendingTaskReturnsTrue, CancelOfARunningTaskReturnsFalse,
///   CancelOfARunningTaskIsRemembered: it is a token that is cancelled, and tells
///   nothing; see CancelledPendingTaskNeverRuns.
/// - KillOfAPendingTaskCancelsIt: a token is all that there is to cancel by.
/// - EmptyFunctionPointerIsRefused: see NullFunctionIsRefused.
public abstract class PoolTaskContract(PoolKind kind) : PoolContract(kind)
{
    private static readonly TaskOptions TooShort = new() { Timeout = Instant };

    private static readonly TaskOptions TooLate = new() { QueueDeadline = Instant };

    private static int ThrowWithCause() =>
        throw new InvalidOperationException("outer", new FormatException("inner"));

    private static int ThrowCancellation() => throw new OperationCanceledException();

    private static void Throw() => throw new FormatException("thrown by a posted task");

    // ------------------------------------------------------- Results and errors

    [Fact]
    public async Task SubmitGivesTheResult()
    {
        using Pool pool = NewPool(2);
        Assert.Equal(42, await pool.SubmitAsync(static () => 6 * 7).Soon());
    }

    [Fact]
    public async Task SubmitPassesTheArguments()
    {
        using Pool pool = NewPool(2);
        Assert.Equal(5, await pool.SubmitAsync(Math.Max, 5, 3).Soon());
        Assert.Equal(
            "HI", await pool.SubmitAsync(static text => text.ToUpperInvariant(), "hi").Soon());
    }

    [Fact]
    public async Task SubmitPassesContainers()
    {
        using Pool pool = NewPool(2);
        List<int> reversed = await pool.SubmitAsync(
            static numbers => numbers.AsEnumerable().Reverse().ToList(),
            new List<int> { 1, 2, 3 }).Soon();
        Assert.Equal([3, 2, 1], reversed);
    }

    [Fact]
    public async Task TaskWithoutResultCompletes()
    {
        using Pool pool = NewPool(1);
        Task task = pool.SubmitAsync(static () => { });
        await task.Soon();
        Assert.True(task.IsCompletedSuccessfully);
    }

    [Fact]
    public async Task AsynchronousTaskGivesTheResult()
    {
        using Pool pool = NewPool(1);
        Assert.Equal(7, await pool.SubmitAsync(static async () =>
        {
            await Task.Yield();
            return 7;
        }).Soon());
        Assert.Equal(8, await pool.SubmitAsync(
            static async () =>
            {
                await Task.Yield();
                return 8;
            },
            options: new TaskOptions { Name = "x" }).Soon());
        Assert.Equal(9, await pool.SubmitAsync(static async stop =>
        {
            await Task.Delay(1, stop);
            return 9;
        }).Soon());
    }

    [Fact]
    public void RunReturnsTheResult()
    {
        using Pool pool = NewPool(1);
        Assert.Equal(3, pool.Run(static () => 3));
        Assert.Equal(4, pool.Run(Square, 2, options: new TaskOptions { Name = "x" }));
    }

    [Fact]
    public void RunThrowsWhatTheTaskThrew()
    {
        using Pool pool = NewPool(1);
        var error = Assert.Throws<FormatException>(
            () => pool.Run(ThrowFormatException));
        Assert.Equal("no number", error.Message);
        Assert.Contains(nameof(ThrowFormatException), error.StackTrace);
    }

    [Fact]
    public async Task FutureKeepsWhatTheTaskThrew()
    {
        using Pool pool = NewPool(1);
        Task<int> task = pool.SubmitAsync(ThrowWithCause);
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => task.Soon());
        Assert.Equal("outer", error.Message);
        Assert.Equal("inner", Assert.IsType<FormatException>(error.InnerException).Message);
        Assert.True(task.IsFaulted);
    }

    [Fact]
    public async Task FailedTaskHurtsNoOther()
    {
        using Pool pool = NewPool(1);
        Task<int> bad = pool.SubmitAsync(ThrowFormatException);
        Task<int> good = pool.SubmitAsync(static () => 1);
        await Assert.ThrowsAsync<FormatException>(() => bad.Soon());
        Assert.Equal(1, await good.Soon());
    }

    [Fact]
    public void PostedTaskRuns()
    {
        using Pool pool = NewPool(1);
        pool.Post(DoNothing);
        Assert.True(pool.Join(Gate.Limit));
        Assert.Equal(1, pool.Stats().Completed);
    }

    [Fact]
    public async Task PostedTaskThatThrowsIsCountedAsFailed()
    {
        var error = new TaskCompletionSource<Exception>();
        using Pool pool = NewPool(new PoolPlan { UnobservedFailureHandler = error.SetResult });
        pool.Post(Throw);
        Assert.True(pool.Join(Gate.Limit));
        Assert.Equal(1, pool.Stats().Failed);
        Assert.Equal("thrown by a posted task", (await error.Task.Soon()).Message);
    }

    [Fact]
    public async Task ManyTasksEachGiveTheirOwnResult()
    {
        using Pool pool = NewPool(2);
        Task<int>[] tasks = Enumerable.Range(0, 500)
            .Select(i => pool.SubmitAsync(static n => n * n, i)).ToArray();
        int[] results = await Task.WhenAll(tasks).Soon();
        Assert.Equal(Enumerable.Range(0, 500).Select(i => i * i), results);
    }

    [Fact]
    public async Task OneWorkerRunsTasksInTheOrderOfSubmission()
    {
        using Pool pool = NewPool(1);
        Task<long>[] tasks = [.. Enumerable.Range(0, 20)
            .Select(_ => pool.SubmitAsync(static () => Environment.TickCount64))];
        long[] times = await Task.WhenAll(tasks).Soon();
        Assert.Equal(times.Order(), times);
    }

    // ------------------------------------------------------------------- States

    [Fact]
    public void TaskBehindBusyWorkersIsPending()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Occupy(pool, gate);
        Assert.False(pool.SubmitAsync(DoNothing).IsCompleted);
        Assert.Equal(1, pool.Stats().Pending);
    }

    [Fact]
    public void TaskThatWorksIsRunning()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Assert.False(Busy(pool, gate).IsCompleted);
        Assert.Equal(1, pool.Stats().Running);
    }

    [Fact]
    public async Task TaskThatReturnedIsCompleted()
    {
        using Pool pool = NewPool(1);
        Task<int> task = pool.SubmitAsync(Square, 3);
        await task.Soon();
        Assert.True(task.IsCompletedSuccessfully);
    }

    [Fact]
    public async Task TaskThatThrewIsFailed()
    {
        using Pool pool = NewPool(1);
        Task<int> task = pool.SubmitAsync(ThrowFormatException);
        await Assert.ThrowsAsync<FormatException>(() => task.Soon());
        Assert.True(task.IsFaulted);
    }

    [Fact]
    public async Task CollectTimesOutWhileTheTaskRuns()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Task<int> busy = Busy(pool, gate);
        Assert.False(busy.Wait(Instant));
        await Assert.ThrowsAsync<TimeoutException>(() => busy.WaitAsync(Instant));
    }

    [Fact]
    public async Task TaskGoesOnAfterATimedOutCollect()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Task<int> busy = pool.SubmitAsync(SharedGate.Pass, gate.Folder, 7);
        Assert.False(busy.Wait(Instant));
        gate.Open();
        Assert.Equal(7, await busy.Soon());
    }

    /// Tasks have no numbers of the pool's, but its list of workers tells them.
    [Fact]
    public async Task TaskIdsCountFromOne()
    {
        using Pool pool = NewPool(1);
        for (int i = 1; i <= 3; ++i)
        {
            using var gate = new SharedGate();
            Task<int> busy = Busy(pool, gate);
            Assert.Equal($"task {i}", pool.Workers()[0].CurrentTask);
            gate.Open();
            await busy.Soon();
        }
    }

    [Fact]
    public void EachPoolHasItsOwnTaskIds()
    {
        using Pool first = NewPool(1);
        using Pool second = NewPool(1);
        first.Run(static () => 1);
        using var gate = new SharedGate();
        Occupy(second, gate);
        Assert.Equal("task 1", second.Workers()[0].CurrentTask);
    }

    [Fact]
    public async Task CallbackRunsWhenTheTaskIsDone()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Task<int> called = Busy(pool, gate).ContinueWith(static task => task.Result + 1);
        Assert.False(called.IsCompleted);
        gate.Open();
        Assert.Equal(1, await called.Soon());
    }

    [Fact]
    public async Task ResultOutlivesThePool()
    {
        Task<int> task;
        using (Pool pool = NewPool(1))
        {
            task = pool.SubmitAsync(static () => 9);
            await task.Soon();
        }
        Assert.Equal(9, await task);
    }

    // --------------------------------------------------------------- Cancelling

    [Fact]
    public async Task CancelledPendingTaskNeverRuns()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        using var source = new CancellationTokenSource();
        Occupy(pool, gate);
        Task task = pool.SubmitAsync(SharedGate.Touch, gate.Folder, 1, source.Token);
        source.Cancel();
        gate.Open();
        Assert.True(pool.Join(Gate.Limit));
        await Assert.ThrowsAsync<TaskCanceledException>(() => task.Soon());
        Assert.Equal(0, gate.CountArrivals());
        Assert.Equal(1, pool.Stats().Cancelled);
    }

    [Fact]
    public async Task CancelledTaskCollectsACancelledError()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        using var source = new CancellationTokenSource();
        Occupy(pool, gate);
        Task<int> task = pool.SubmitAsync(Square, 3, source.Token);
        source.Cancel();
        var error = await Assert.ThrowsAsync<TaskCanceledException>(() => task.Soon());
        Assert.Equal(source.Token, error.CancellationToken);
        Assert.True(task.IsCanceled);
    }

    [Fact]
    public async Task CancelOfADoneTaskReturnsFalse()
    {
        using Pool pool = NewPool(1);
        using var source = new CancellationTokenSource();
        Task<int> task = pool.SubmitAsync(Square, 3, source.Token);
        await task.Soon();
        source.Cancel();
        Assert.True(task.IsCompletedSuccessfully);
        Assert.Equal(0, pool.Stats().Cancelled);
    }

    [Fact]
    public async Task TokenThatIsCancelledAlreadySubmitsNothing()
    {
        using Pool pool = NewPool(1);
        var token = new CancellationToken(canceled: true);
        var error = await Assert.ThrowsAsync<TaskCanceledException>(
            () => pool.SubmitAsync(static () => 1, token).Soon());
        Assert.Equal(token, error.CancellationToken);
        Assert.Equal(0, pool.Stats().Submitted);
    }

    [Fact]
    public async Task ExceptionThatTheTaskCancelledItselfWithIsKept()
    {
        using Pool pool = NewPool(1);
        await Assert.ThrowsAsync<OperationCanceledException>(
            () => pool.SubmitAsync(ThrowCancellation).Soon());
    }

    // -------------------------------------------------------------- TaskOptions

    [Fact]
    public async Task TaskWithinItsLimitsCompletes()
    {
        using Pool pool = NewPool(1);
        var options = new TaskOptions { Timeout = Gate.Limit, QueueDeadline = Gate.Limit };
        Assert.Equal(3, await pool.SubmitAsync(Add, 1, 2, options: options).Soon());
        Assert.Equal(9, await pool.SubmitAsync(static stop => 9, options: options).Soon());
    }

    [Fact]
    public async Task TaskThatMissesItsQueueDeadlineFails()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Occupy(pool, gate);
        var error = await Assert.ThrowsAsync<TimeoutException>(
            () => pool.SubmitAsync(Square, 3, options: TooLate).Soon());
        Assert.Contains("QueueDeadline", error.Message);
    }

    [Fact]
    public async Task TaskThatMissesItsQueueDeadlineNeverRuns()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Occupy(pool, gate);
        await AssertTimesOut(pool.SubmitAsync(
            SharedGate.Touch, gate.Folder, 1, options: TooLate));
        gate.Open();
        Assert.True(pool.Join(Gate.Limit));
        Assert.Equal(0, gate.CountArrivals());
    }

    [Fact]
    public async Task TaskThatOutrunsItsTimeoutFails()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        var error = await Assert.ThrowsAsync<TimeoutException>(
            () => pool.SubmitAsync(
                SharedGate.Pass, gate.Folder, 7, options: TooShort).Soon());
        Assert.Contains("timeout", error.Message);
        Assert.Equal(1, pool.Stats().Failed);
    }

    [Fact]
    public async Task PoolGoesOnAfterATimeout()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        await AssertTimesOut(pool.SubmitAsync(
            SharedGate.Pass, gate.Folder, 7, options: TooShort));
        gate.Open();
        Assert.Equal(9, await pool.SubmitAsync(Square, 3).Soon());
    }

    [Fact]
    public async Task TimeoutErrorNamesTheTask()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        var error = await Assert.ThrowsAsync<TimeoutException>(() => pool.SubmitAsync(
            SharedGate.Pass,
            gate.Folder,
            7,
            options: TooShort with { Name = "slow one" }).Soon());
        Assert.Contains("slow one", error.Message);
    }

    [Fact]
    public void PostTakesTaskOptions()
    {
        using Pool pool = NewPool(1);
        pool.Post(DoNothing, options: new TaskOptions { Name = "posted" });
        Assert.True(pool.Join(Gate.Limit));
        Assert.Equal(1, pool.Stats().Completed);
    }

    [Fact]
    public void BadTaskOptionIsNamedWithItsValue()
    {
        using Pool pool = NewPool(1);
        (TaskOptions Options, string Message)[] cases = [
            (new() { Timeout = TimeSpan.FromSeconds(-1) }, "Timeout is -00:00:01"),
            (new() { QueueDeadline = TimeSpan.FromSeconds(-2) }, "QueueDeadline is -00:00:02"),
            (new() { MaxAttempts = 0 }, "MaxAttempts is 0"),
            (new() { MaxAttempts = -3 }, "MaxAttempts is -3"),
        ];
        foreach ((TaskOptions options, string message) in cases)
        {
            var error = Assert.Throws<ArgumentOutOfRangeException>(
                () => { pool.SubmitAsync(DoNothing, options: options); });
            Assert.Contains(message, error.Message);
        }
    }

    [Fact]
    public void TaskWithABadOptionWasNotSubmitted()
    {
        using Pool pool = NewPool(1);
        Assert.Throws<ArgumentOutOfRangeException>(
            () => { pool.SubmitAsync(DoNothing, options: new TaskOptions { MaxAttempts = 0 }); });
        Assert.Equal(0, pool.Stats().Submitted);
    }

    [Fact]
    public void NullFunctionIsRefused()
    {
        using Pool pool = NewPool(1);
        Assert.Throws<ArgumentNullException>(() => { pool.SubmitAsync((Func<int>)null!); });
        Assert.Throws<ArgumentNullException>(() => { pool.SubmitAsync((Action)null!); });
        Assert.Throws<ArgumentNullException>(() => pool.Post((Action)null!));
        Assert.Throws<ArgumentNullException>(() => pool.Run((Func<Task>)null!));
    }
}

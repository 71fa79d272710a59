using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// What every pool does with tasks. The names are those of the claims that C++
/// and Java make. Tasks here are such that processes can run them, too.
public abstract class PoolTaskContract
{
    protected abstract Pool NewPool(int workers);

    private static int ThrowFormatException() =>
        throw new FormatException("no number");

    private static int ThrowWithCause() =>
        throw new InvalidOperationException("outer", new FormatException("inner"));

    private static int ThrowCancellation() => throw new OperationCanceledException();

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
    }

    [Fact]
    public void RunReturnsTheResult()
    {
        using Pool pool = NewPool(1);
        Assert.Equal(3, pool.Run(static () => 3));
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
    public async Task ManyTasksEachGiveTheirOwnResult()
    {
        using Pool pool = NewPool(2);
        Task<int>[] tasks = Enumerable.Range(0, 500)
            .Select(i => pool.SubmitAsync(static n => n * n, i)).ToArray();
        int[] results = await Task.WhenAll(tasks).Soon();
        Assert.Equal(Enumerable.Range(0, 500).Select(i => i * i), results);
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

    [Fact]
    public void NullFunctionIsRefused()
    {
        using Pool pool = NewPool(1);
        Assert.Throws<ArgumentNullException>(() => { pool.SubmitAsync((Func<int>)null!); });
        Assert.Throws<ArgumentNullException>(() => { pool.SubmitAsync((Action)null!); });
    }

    [Fact]
    public async Task FinishedTaskIsCountedWhenItsFutureIsDone()
    {
        using Pool pool = NewPool(1);
        for (int i = 1; i <= 100; ++i)
        {
            await pool.SubmitAsync(static () => 1).Soon();
            Assert.Equal(i, pool.Stats().Completed);
        }
        await Assert.ThrowsAsync<FormatException>(
            () => pool.SubmitAsync(ThrowFormatException).Soon());
        Assert.Equal(1, pool.Stats().Failed);
    }
}

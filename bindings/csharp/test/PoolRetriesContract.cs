using System;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// Tasks that are tried again.
public abstract class PoolRetriesContract(PoolKind kind) : PoolContract(kind), IDisposable
{
    private readonly SharedGate _gate = new();

    public void Dispose()
    {
        _gate.Dispose();
        GC.SuppressFinalize(this);
    }

    private static int CountRun(string folder)
    {
        SharedGate.Touch(folder, 0);
        return Directory.EnumerateFiles(folder, "*.arrival").Count();
    }

    /// Throws in all but the n-th run.
    private static int SucceedAt(string folder, int n)
    {
        int run = CountRun(folder);
        return run == n ? run : throw new FormatException($"run {run}");
    }

    private static async Task<int> SucceedAtAsync(string folder, int n)
    {
        await Task.Yield();
        return SucceedAt(folder, n);
    }

    private static int SucceedAtAttempt(int n)
    {
        int attempt = TaskContext.Current!.Attempt;
        return attempt == n ? attempt : throw new FormatException("again");
    }

    private static int FailAs(string folder, int kind)
    {
        CountRun(folder);
        throw kind == 0
            ? new OperationCanceledException("c")
            : new SerializationException("s");
    }

    /// The first run waits at the gate.
    private static int HangFirst(string folder)
    {
        int run = CountRun(folder);
        return run == 1 ? SharedGate.Pass(folder, run) : run;
    }

    [Fact]
    public async Task RetriesUntilItSucceeds()
    {
        using Pool pool = NewPool(1);
        Assert.Equal(
            3,
            await pool.SubmitAsync(SucceedAt, _gate.Folder, 3, options: Trying(5)).Soon());
        Assert.True(pool.Join(Gate.Limit));
        AssertAttemptsEnded(pool, submitted: 3, retried: 2, completed: 1);
    }

    [Fact]
    public async Task JoinWaitsForTheLastAttempt()
    {
        using Pool pool = NewPool(1);
        Task<int> task = pool.SubmitAsync(SucceedAt, _gate.Folder, 5, options: Trying(5));
        Assert.True(pool.Join(Gate.Limit));
        AssertAttemptsEnded(pool, submitted: 5, retried: 4, completed: 1);
        Assert.Equal(5, await task.Soon());
    }

    [Fact]
    public async Task AsynchronousFunctionIsRetried()
    {
        using Pool pool = NewPool(1);
        Assert.Equal(
            3,
            await pool.SubmitAsync(SucceedAtAsync, _gate.Folder, 3, options: Trying(5))
                .Soon());
    }

    [Fact]
    public async Task LastFailureIsTheFutures()
    {
        using Pool pool = NewPool(1);
        var error = await Assert.ThrowsAsync<FormatException>(
            () => pool.SubmitAsync(SucceedAt, _gate.Folder, 9, options: Trying(3)).Soon());
        Assert.Equal("run 3", error.Message);
    }

    [Fact]
    public async Task DoesNotRetryWhatCanNotBeMended()
    {
        using Pool pool = NewPool(1);
        for (int kind = 0; kind < 2; ++kind)
        {
            using var gate = new SharedGate();
            Task<int> task = pool.SubmitAsync(FailAs, gate.Folder, kind, options: Trying(3));
            await Assert.ThrowsAnyAsync<Exception>(() => task.Soon());
            Assert.Equal(1, gate.CountArrivals());
        }
    }

    [Fact]
    public async Task RetryIfDecides()
    {
        using Pool pool = NewPool(1);
        TaskOptions options = Trying(5);
        options = options with
        {
            Retry = options.Retry! with { RetryIf = error => error.Message != "run 2" },
        };
        var error = await Assert.ThrowsAsync<FormatException>(
            () => pool.SubmitAsync(SucceedAt, _gate.Folder, 9, options: options).Soon());
        Assert.Equal("run 2", error.Message);
    }

    [Fact]
    public async Task TimeoutIsThatOfOneAttempt()
    {
        var time = new FakeTimeProvider();
        using Pool pool = NewPool(new PoolPlan { MaxWorkers = 2, TimeProvider = time });
        Task<int> task = pool.SubmitAsync(
            HangFirst,
            _gate.Folder,
            options: Trying(2) with { Timeout = TimeSpan.FromSeconds(2) });
        _gate.AwaitArrivals(2);
        time.Advance(TimeSpan.FromSeconds(2));
        Waiting.Until(() => pool.Stats().Delayed == 1);
        time.Advance(TimeSpan.FromSeconds(1));
        await task.Soon();
        Assert.Equal(1, pool.Stats().TimedOut);
        Assert.Equal(1, pool.Stats().Retried);
        _gate.Open();
    }

    [Fact]
    public async Task WaitHoldsNoWorker()
    {
        using Pool pool = NewPool(1);
        using var source = new CancellationTokenSource();
        Task<int> task = pool.SubmitAsync(
            SucceedAt, _gate.Folder, 9, source.Token, TryingSlowly);
        Waiting.Until(() => pool.Stats().Retried == 1);
        Assert.Equal(9, pool.Run(Square, 3));
        Assert.False(task.IsCompleted);
        source.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => task.Soon());
        Waiting.Until(() => pool.Stats().Pending == 0);
    }

    [Fact]
    public async Task TotalIsMeasuredByThePoolsClock()
    {
        var time = new FakeTimeProvider();
        using Pool pool = NewPool(new PoolPlan { TimeProvider = time });
        Task<int> task = pool.SubmitAsync(
            SucceedAt,
            _gate.Folder,
            9,
            options: new TaskOptions
            {
                Retry = new RetryPolicy
                {
                    MaxAttempts = 9,
                    Backoff = TimeSpan.FromHours(1),
                    Multiplier = 1,
                    MaxBackoff = TimeSpan.FromHours(1),
                    Jitter = 0,
                    Total = TimeSpan.FromMinutes(150),
                },
            });
        for (int wait = 1; wait <= 2; ++wait)
        {
            Waiting.Until(() => pool.Stats().Delayed == 1);
            time.Advance(TimeSpan.FromHours(1));
        }
        // A fourth one would be due after three hours.
        var error = await Assert.ThrowsAsync<FormatException>(() => task.Soon());
        Assert.Equal("run 3", error.Message);
    }

    [Fact]
    public async Task ShutdownEndsAWaitWithTheLastFailure()
    {
        using Pool pool = NewPool(1);
        Task<int> task = pool.SubmitAsync(SucceedAt, _gate.Folder, 9, options: TryingSlowly);
        Waiting.Until(() => pool.Stats().Retried == 1);
        pool.Shutdown();
        var error = await Assert.ThrowsAsync<FormatException>(() => task.Soon());
        Assert.Equal("run 1", error.Message);
    }

    [Fact]
    public async Task CancellingEndsTheRetries()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        using var source = new CancellationTokenSource();
        Occupy(pool, gate);
        Task<int> task = pool.SubmitAsync(
            SucceedAt, _gate.Folder, 9, source.Token, Trying(3));
        source.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => task.Soon());
        Assert.Equal(0, pool.Stats().Pending);
        gate.Open();
        Assert.True(pool.Join(Gate.Limit));
        Assert.Equal(0, _gate.CountArrivals());
    }

    [Fact]
    public void BadPolicyIsRefusedBeforeAnythingStarts()
    {
        using Pool pool = NewPool(1);
        void Refuses(string message, RetryPolicy policy) => Assert.Contains(
            message,
            Assert.ThrowsAny<ArgumentException>(() =>
            {
                _ = pool.SubmitAsync(
                    Square, 2, options: new TaskOptions { Retry = policy });
            }).Message);
        Refuses("MaxAttempts is 0; it must be at least 1", new() { MaxAttempts = 0 });
        Refuses("Multiplier is 0.5; it must be at least 1", new() { Multiplier = 0.5 });
        Refuses("Jitter is 1; it must be in [0, 1)", new() { Jitter = 1 });
        Refuses(
            "Backoff is -00:00:01; it must not be negative",
            new() { Backoff = TimeSpan.FromSeconds(-1) });
        Assert.Equal(0, pool.Stats().Submitted);
    }

    [Fact]
    public async Task TaskKnowsWhichAttemptItIs()
    {
        using Pool pool = NewPool(1);
        Assert.Equal(
            3, await pool.SubmitAsync(SucceedAtAttempt, 3, options: Trying(5)).Soon());
        Assert.Equal(2, pool.Stats().Retried);
    }

    [Fact]
    public void ClosedPoolRefuses()
    {
        using Pool pool = NewPool(1);
        pool.Shutdown();
        Assert.Throws<ObjectDisposedException>(
            () => { _ = pool.SubmitAsync(Square, 2, options: Trying(3)); });
    }
}

using System;
using System.Diagnostics;
using System.Threading;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// What a task can know of itself, and tell of itself.
public abstract class PoolTaskContextContract(PoolKind kind) : PoolContract(kind)
{
    private const string Trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    private const string TraceId = "0af7651916cd43dd8448eb211c80319c";

    private bool InThreads => Kind.ClassName == nameof(ThreadPool);

    private static TaskContext Mine => TaskContext.Current!;

    private static string NameOf() => Mine.Name;

    private static int AttemptOf() => Mine.Attempt;

    private static long IdOf() => Mine.Id;

    private static string TraceOf() => Mine.Traceparent;

    private static string? ActivityOf() => Activity.Current?.Id;

    private static bool AgreesWithActivity() => Mine.Traceparent == Activity.Current!.Id;

    private static bool HasNone() => TaskContext.Current == null;

    private static bool HasNoneElsewhere() => Task.Run(HasNone).GetAwaiter().GetResult();

    private static TaskOptions Traced(string traceparent) => new() { Traceparent = traceparent };

    [Fact]
    public async Task TaskKnowsItsNameAndAttempt()
    {
        using Pool pool = NewPool(1);
        var options = new TaskOptions { Name = "resize" };
        Assert.Equal("resize", await pool.SubmitAsync(NameOf, options: options).Soon());
        Assert.Equal("", await pool.SubmitAsync(NameOf).Soon());
        Assert.Equal(1, await pool.SubmitAsync(AttemptOf).Soon());
        Assert.Equal("", await pool.SubmitAsync(TraceOf).Soon());
    }

    [Fact]
    public async Task EachTaskHasAnIdOfItsOwn()
    {
        using Pool pool = NewPool(1);
        long first = await pool.SubmitAsync(IdOf).Soon();
        long second =
            await pool.SubmitAsync(IdOf, options: new TaskOptions { Name = "two" }).Soon();
        Assert.NotEqual(0, first);
        Assert.True(second > first, $"{second} after {first}");
    }

    [Fact]
    public async Task ObservedTaskKnowsItself()
    {
        using Pool pool = NewPool(new PoolPlan { Histograms = true });
        Assert.NotEqual(0, await pool.SubmitAsync(IdOf).Soon());
        var options = new TaskOptions { Name = "resize", Timeout = TimeSpan.FromMinutes(2) };
        Assert.Equal("resize", await pool.SubmitAsync(NameOf, options: options).Soon());
    }

    [Fact]
    public async Task NobodyElseHasAContext()
    {
        Assert.Null(TaskContext.Current);
        using Pool pool = NewPool(new PoolPlan { Initializer = ThrowIfThereIsOne });
        Assert.True(await pool.SubmitAsync(HasNoneElsewhere).Soon());
        Assert.Null(TaskContext.Current);
    }

    private static void ThrowIfThereIsOne()
    {
        if (TaskContext.Current != null)
        {
            throw new InvalidOperationException("an initializer has a context");
        }
    }

    // ------------------------------------------------------- Asynchronous functions

    [Fact]
    public async Task AsynchronousFunctionHasItThroughItsAwaits()
    {
        using Pool pool = NewPool(1);
        var options = new TaskOptions { Name = "resize" };
        Assert.Equal(
            "resize resize resize True",
            await pool.SubmitAsync(NamesAsync, options: options).Soon());
        var limited = options with { Timeout = TimeSpan.FromMinutes(2) };
        Assert.Equal(
            "resize resize resize True",
            await pool.SubmitAsync(NamesAsync, options: limited).Soon());
        Assert.NotEqual(0, await pool.SubmitAsync(IdOfValueTask).Soon());
        Assert.Null(TaskContext.Current);
        Assert.Equal("", await pool.SubmitAsync(NameOf).Soon());
    }

    private static async Task<string> NamesAsync()
    {
        TaskContext first = Mine;
        await Task.Yield();
        TaskContext second = Mine;
        await Task.Delay(1).ConfigureAwait(false);
        bool isSame = first.Id == second.Id && first.Id == Mine.Id;
        return $"{first.Name} {second.Name} {Mine.Name} {isSame}";
    }

    private static async ValueTask<long> IdOfValueTask()
    {
        await Task.Yield();
        return Mine.Id;
    }

    [Fact]
    public async Task AsynchronousFunctionOfAMapHasIt()
    {
        using Pool pool = NewPool(1);
        long[] ids = [.. pool.MapAll(
            IdOfAsync, [1, 2, 3, 4], new MapOptions { ChunkSize = 2 })];
        Assert.Equal(ids[0], ids[1]);
        Assert.NotEqual(ids[1], ids[2]);
        await pool.DisposeAsync();
    }

    private static async Task<long> IdOfAsync(int input)
    {
        await Task.Yield();
        return Mine.Id;
    }

    [Fact]
    public async Task WhatAnAsynchronousFunctionSubmitsHasItsOwn()
    {
        using Pool pool = NewPool(1);
        var options = new TaskOptions { Name = "outer" };
        Assert.Equal(
            "inner inner outer",
            await pool.SubmitAsync(SubmitFromAsync, options: options).Soon());
    }

    private static async Task<string> SubmitFromAsync()
    {
        await Task.Yield();
        using var pool = new ThreadPool(1);
        var options = new TaskOptions { Name = "inner" };
        Task<string> first = pool.SubmitAsync(NameOf, options: options);
        Task<string> second = pool.SubmitAsync(NameOfAsync, options: options);
        return $"{await first} {await second} {Mine.Name}";
    }

    private static async Task<string> NameOfAsync()
    {
        await Task.Yield();
        return Mine.Name;
    }

    [Fact]
    public async Task CallerHasTheProgressOfAnAsynchronousFunction()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Task<int> task = pool.SubmitAsync(ReportAsync, gate.Folder);
        Waiting.Until(() => TaskProgress.Of(task) is { Fraction: 0.75, Text: "later" });
        gate.Open();
        await task.Soon();
        Assert.Null(TaskProgress.Of(task));
    }

    private static async Task<int> ReportAsync(string folder)
    {
        Mine.ReportProgress(0.25, "at once");
        await Task.Yield();
        Mine.ReportProgress(0.75, "later");
        return await Task.Run(() => SharedGate.Pass(folder, 1));
    }

    [Fact]
    public async Task CallerHasTheProgressOfTheAttemptThatRuns()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        var options = new TaskOptions
        {
            Retry = new RetryPolicy { Backoff = TimeSpan.FromMilliseconds(1) },
        };
        Task<int> task =
            pool.SubmitAsync(ReportAtSecondAttempt, gate.Folder, options: options);
        Waiting.Until(() => TaskProgress.Of(task) is { Text: "attempt 2" });
        gate.Open();
        await task.Soon();
        Assert.Null(TaskProgress.Of(task));
    }

    private static int ReportAtSecondAttempt(string folder)
    {
        Mine.ReportProgress(0.5, $"attempt {Mine.Attempt}");
        return Mine.Attempt > 1
            ? SharedGate.Pass(folder, 1)
            : throw new FormatException("again");
    }

    [Fact]
    public async Task CallerHasWhatWasReportedBeforeItHadTheTask()
    {
        using Pool pool = NewPool(1);
        for (int i = 0; i < 20; ++i)
        {
            using var gate = new SharedGate();
            Task<int> task = pool.SubmitAsync(ReportOnceAsync, gate.Folder);
            Waiting.Until(() => TaskProgress.Of(task) is { Fraction: 0.25 });
            gate.Open();
            await task.Soon();
        }
    }

    private static async Task<int> ReportOnceAsync(string folder)
    {
        Mine.ReportProgress(0.25, "at once");
        return await Task.Run(() => SharedGate.Pass(folder, 1));
    }

    // --------------------------------------------------------------------- Traces

    [Fact]
    public async Task TaskBelongsToTheTraceOfItsOptions()
    {
        using Pool pool = NewPool(1);
        string seen = await pool.SubmitAsync(TraceOf, options: Traced(Trace)).Soon();
        Assert.StartsWith($"00-{TraceId}-", seen, StringComparison.Ordinal);
        Assert.True(
            await pool.SubmitAsync(AgreesWithActivity, options: Traced(Trace)).Soon());
        Assert.Null(await pool.SubmitAsync(ActivityOf).Soon());
    }

    [Fact]
    public async Task OptionsGoBeforeTheCurrentActivity()
    {
        using Pool pool = NewPool(1);
        using Activity parent =
            new Activity("test").SetIdFormat(ActivityIdFormat.W3C).Start();
        string seen = await pool.SubmitAsync(TraceOf, options: Traced(Trace)).Soon();
        Assert.Contains(TraceId, seen, StringComparison.Ordinal);
        seen = await pool.SubmitAsync(TraceOf).Soon();
        Assert.Contains(parent.TraceId.ToHexString(), seen, StringComparison.Ordinal);
        Assert.Same(parent, Activity.Current);
    }

    [Fact]
    public async Task WhatATaskSubmitsBelongsToItsTrace()
    {
        using Pool pool = NewPool(1);
        string seen = await pool.SubmitAsync(TraceOfInner, options: Traced(Trace)).Soon();
        Assert.Contains(TraceId, seen, StringComparison.Ordinal);
    }

    private static string TraceOfInner()
    {
        using var inner = new ThreadPool(1);
        return inner.Run(TraceOf);
    }

    [Theory]
    [InlineData("x")]
    [InlineData("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01")]
    [InlineData("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]
    public async Task TraceparentIsChecked(string traceparent)
    {
        using Pool pool = NewPool(1);
        var error = await Assert.ThrowsAsync<ArgumentException>(
            () => pool.SubmitAsync(TraceOf, options: Traced(traceparent)));
        Assert.Contains($"traceparent is \"{traceparent}\"", error.Message);
        Assert.Equal(0, pool.Stats().Submitted);
    }

    // ------------------------------------------------------------------- Progress

    [Fact]
    public async Task FutureHasWhatItsTaskReports()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Task<int> task = pool.SubmitAsync(ReportAQuarter, gate.Folder);
        Waiting.Until(() => TaskProgress.Of(task) != null);
        Assert.Equal(new TaskProgress(0.25, "a quarter"), TaskProgress.Of(task));
        gate.Open();
        await task.Soon();
        Assert.Null(TaskProgress.Of(task));
    }

    private static int ReportAQuarter(string folder)
    {
        Mine.ReportProgress(0.25, "a quarter");
        return SharedGate.Pass(folder, 1);
    }

    [Fact]
    public async Task OtherThreadsMayReport()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Task<int> task = pool.SubmitAsync(ReportElsewhere, gate.Folder);
        Waiting.Until(() => TaskProgress.Of(task) is { Fraction: 0.5 });
        gate.Open();
        await task.Soon();
    }

    private static int ReportElsewhere(string folder)
    {
        TaskContext mine = Mine;
        Task.Run(() => mine.ReportProgress(0.5)).Wait();
        return SharedGate.Pass(folder, 1);
    }

    [Fact]
    public async Task TaskThatIsAskedForItsProgressCanBeCancelled()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        using var source = new CancellationTokenSource();
        Task<int> task = pool.SubmitAsync(ReportAQuarter, gate.Folder, source.Token);
        Waiting.Until(() => TaskProgress.Of(task) != null);
        bool stop = false;
        Task asking = Task.Run(() =>
        {
            while (!Volatile.Read(ref stop))
            {
                TaskProgress.Of(task);
            }
        });
        source.Cancel();
        if (InThreads)
        {
            gate.Open();
            await task.Soon();
        }
        else
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => task.Soon());
        }
        Volatile.Write(ref stop, true);
        await asking.Soon();
    }

    [Fact]
    public async Task TaskThatReportsNothingHasNoProgress()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Task<int> busy = Busy(pool, gate);
        Task<int> pending = pool.SubmitAsync(Square, 3);
        Assert.Null(TaskProgress.Of(busy));
        Assert.Null(TaskProgress.Of(pending));
        Assert.Null(TaskProgress.Of(new TaskCompletionSource().Task));
        gate.Open();
        await pending.Soon();
    }

    [Theory]
    [InlineData(-0.1)]
    [InlineData(1.1)]
    [InlineData(double.NaN)]
    public async Task FractionIsChecked(double fraction)
    {
        using Pool pool = NewPool(1);
        var error = await Assert.ThrowsAsync<ArgumentOutOfRangeException>(
            () => pool.SubmitAsync(Report, $"{fraction}").Soon());
        Assert.Contains("it must be between 0 and 1", error.Message);
    }

    private static void Report(string fraction) => Mine.ReportProgress(double.Parse(fraction));
}

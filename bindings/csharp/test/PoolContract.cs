using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Asyncpal.Tests;

/// One of the two kinds of pools that the contract is for.
public abstract class PoolKind
{
    public abstract string ClassName { get; }

    public abstract int DefaultMaxWorkers { get; }

    /// What WorkerInfo.ProcessId is, inside a worker.
    public abstract Func<long> WorkerId { get; }

    public abstract Pool Make(PoolPlan plan);

    public abstract Pool MakeDefault();

    /// Those of Executors, of one to four workers.
    public abstract Pool[] MakeFixed();
}

/// What both kinds have options for.
public sealed record PoolPlan
{
    public int MaxWorkers { get; init; } = 1;

    public string Name { get; init; } = "";

    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(60);

    public Action? Initializer { get; init; }

    public Action? Finalizer { get; init; }

    public int MaxTasksPerWorker { get; init; }

    public long MaxPending { get; init; }

    public WhenFull WhenFull { get; init; }

    public TimeSpan InitializerTimeout { get; init; } = Timeout.InfiniteTimeSpan;

    public Action<Exception>? UnobservedFailureHandler { get; init; }

    public TimeSpan StallThreshold { get; init; } = Timeout.InfiniteTimeSpan;

    public PoolObserver? Observer { get; init; }

    public bool Histograms { get; init; }

    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    public TimeSpan PriorityStep { get; init; } = TimeSpan.FromSeconds(1);

    public int MinWorkers { get; init; }

    public TimeSpan MaxWorkerAge { get; init; } = Timeout.InfiniteTimeSpan;

    public ILoggerFactory? LoggerFactory { get; init; }
}

public sealed class Threads : PoolKind
{
    public override string ClassName => nameof(ThreadPool);

    public override int DefaultMaxWorkers => Environment.ProcessorCount + 5;

    // /proc/<pid>/task/<tid>
    public override Func<long> WorkerId => static () => long.Parse(
        Path.GetFileName(new FileInfo("/proc/thread-self").LinkTarget!));

    public override Pool Make(PoolPlan plan) => new ThreadPool(new ThreadPoolOptions
    {
        MaxWorkers = plan.MaxWorkers,
        Name = plan.Name,
        IdleTimeout = plan.IdleTimeout,
        Initializer = plan.Initializer,
        Finalizer = plan.Finalizer,
        MaxTasksPerWorker = plan.MaxTasksPerWorker,
        MaxPending = plan.MaxPending,
        WhenFull = plan.WhenFull,
        InitializerTimeout = plan.InitializerTimeout,
        UnobservedFailureHandler = plan.UnobservedFailureHandler,
        StallThreshold = plan.StallThreshold,
        Observer = plan.Observer,
        Histograms = plan.Histograms,
        TimeProvider = plan.TimeProvider,
        PriorityStep = plan.PriorityStep,
        MinWorkers = plan.MinWorkers,
        MaxWorkerAge = plan.MaxWorkerAge,
        LoggerFactory = plan.LoggerFactory,
    });

    public override Pool MakeDefault() => new ThreadPool();

    public override Pool[] MakeFixed() => [
        Executors.NewSingleThreadExecutor(),
        Executors.NewDualThreadPool(),
        Executors.NewTripleThreadPool(),
        Executors.NewQuadThreadPool()];
}

public sealed class Processes : PoolKind
{
    public override string ClassName => nameof(ProcessPool);

    public override int DefaultMaxWorkers => Environment.ProcessorCount;

    public override Func<long> WorkerId => static () => Environment.ProcessId;

    public override Pool Make(PoolPlan plan) => new ProcessPool(new ProcessPoolOptions
    {
        MaxWorkers = plan.MaxWorkers,
        Name = plan.Name,
        IdleTimeout = plan.IdleTimeout,
        Initializer = plan.Initializer,
        Finalizer = plan.Finalizer,
        MaxTasksPerWorker = plan.MaxTasksPerWorker,
        MaxPending = plan.MaxPending,
        WhenFull = plan.WhenFull,
        InitializerTimeout = plan.InitializerTimeout,
        UnobservedFailureHandler = plan.UnobservedFailureHandler,
        StallThreshold = plan.StallThreshold,
        Observer = plan.Observer,
        Histograms = plan.Histograms,
        TimeProvider = plan.TimeProvider,
        PriorityStep = plan.PriorityStep,
        MinWorkers = plan.MinWorkers,
        MaxWorkerAge = plan.MaxWorkerAge,
        LoggerFactory = plan.LoggerFactory,
    });

    public override Pool MakeDefault() => new ProcessPool();

    public override Pool[] MakeFixed() => [
        Executors.NewSingleProcessExecutor(),
        Executors.NewDualProcessPool(),
        Executors.NewTripleProcessPool(),
        Executors.NewQuadProcessPool()];
}

/// What every kind of pool promises, as one suite in four parts: this class has
/// what they share. A test's name is the claim's, which is that in C++ and Java,
/// where it can be made in C#; the claims that can't are listed with each part.
/// Tasks here are such that processes can run them, too.
public abstract class PoolContract(PoolKind kind)
{
    protected static readonly TimeSpan Instant = TimeSpan.FromMilliseconds(1);

    protected static readonly ShutdownOptions AtOnce = new() { Deadline = TimeSpan.Zero };

    protected static readonly ShutdownOptions Drain = new() { Mode = ShutdownMode.Drain };

    protected PoolKind Kind => kind;

    protected Pool NewPool(int workers) =>
        kind.Make(new PoolPlan { MaxWorkers = workers, Name = "p" });

    protected Pool NewPool(PoolPlan plan) => kind.Make(plan);

    protected Pool NewPoolThatCannotBegin() =>
        kind.Make(new PoolPlan { Name = "ill", Initializer = ThrowAtStart });

    protected Pool NewPoolThatCannotEnd() =>
        kind.Make(new PoolPlan { Finalizer = ThrowAtEnd });

    protected static int Add(int a, int b) => a + b;

    protected static int Square(int n) => n * n;

    protected static void DoNothing()
    {
    }

    protected static int ThrowFormatException() => throw new FormatException("no number");

    /// Keeps a worker busy until the gate opens.
    protected static void Occupy(Pool pool, SharedGate gate) => _ = Busy(pool, gate);

    /// The same, with the task.
    protected static Task<int> Busy(Pool pool, SharedGate gate)
    {
        Task<int> busy = pool.SubmitAsync(SharedGate.Pass, gate.Folder, 0);
        gate.AwaitArrivals(1);
        return busy;
    }

    /// "outer <- cause <- its cause", the messages.
    protected static string ChainOf(Exception error) =>
        error.InnerException == null
            ? error.Message
            : $"{error.Message} <- {ChainOf(error.InnerException)}";

    /// Policies that differ in how long they wait.
    protected static TaskOptions Trying(int maxAttempts) => new()
    {
        Retry = new RetryPolicy
        {
            MaxAttempts = maxAttempts,
            Backoff = TimeSpan.FromMilliseconds(1),
            Multiplier = 1,
        },
    };

    // Each wait is an hour.
    protected static TaskOptions TryingSlowly => new()
    {
        Retry = new RetryPolicy
        {
            Backoff = TimeSpan.FromHours(1),
            MaxBackoff = TimeSpan.FromHours(1),
            Jitter = 0,
        },
    };

    /// Of tasks that were tried again: what was submitted, each attempt by itself, and waits.
    protected static void AssertAttempts(
        Pool pool, int submitted, int retried, int delayed = 0)
    {
        PoolStats stats = pool.Stats();
        Assert.Equal(
            (submitted, retried, delayed, delayed),
            (stats.Submitted, stats.Retried, stats.Delayed, stats.Pending));
    }

    /// The same where all have ended, each failed attempt but the last with another one.
    protected static void AssertAttemptsEnded(
        Pool pool, int submitted, int retried, int completed)
    {
        Waiting.Until(() => pool.Stats().Completed == completed);
        AssertAttempts(pool, submitted, retried);
        Assert.Equal(retried, pool.Stats().Failed);
    }

    protected static Task AssertTimesOut(Task task) =>
        Assert.ThrowsAsync<TimeoutException>(() => task.Soon());

    private static void ThrowAtStart() => throw new FormatException("bad start");

    private static void ThrowAtEnd() => throw new FormatException("bad end");
}

/// As a Gate, for tasks in other processes, too: a folder that they leave marks in.
public sealed class SharedGate : IDisposable
{
    private int _awaited;

    public string Folder { get; } =
        Directory.CreateTempSubdirectory("asyncpal-gate-").FullName;

    /// The task: comes to the gate, waits until it is open, and returns the value.
    public static int Pass(string folder, int value)
    {
        Touch(folder, value);
        var clock = Stopwatch.StartNew();
        while (Directory.Exists(folder) && !File.Exists(Path.Combine(folder, "open")))
        {
            if (clock.Elapsed > Gate.Limit)
            {
                throw new TimeoutException("the gate stays closed");
            }
            Thread.Sleep(2);
        }
        return value;
    }

    /// A task that leaves a mark, and does not wait.
    public static int Touch(string folder, int value)
    {
        File.WriteAllText(Path.Combine(folder, $"{Guid.NewGuid()}.arrival"), "");
        return value;
    }

    /// Waits until this many more have come.
    public void AwaitArrivals(int count)
    {
        _awaited += count;
        Waiting.Until(() => Count() >= _awaited);
    }

    /// How many have come that AwaitArrivals() was not told of.
    public int CountArrivals() => Count() - _awaited;

    public void Open() => File.WriteAllText(Path.Combine(Folder, "open"), "");

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private int Count() => Directory.EnumerateFiles(Folder, "*.arrival").Count();
}

using System;
using System.Collections.Generic;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.Extensions.Logging;

namespace Asyncpal;

/// <summary>The options that both kinds of pools have.</summary>
public abstract record PoolOptions
{
    private protected PoolOptions()
    {
    }

    /// <summary>
    /// How many workers there may be at once. 0, the default: as many as the CPUs
    /// that this process may use, and five more in a pool of threads.
    /// </summary>
    public int MaxWorkers { get; set; }

    /// <summary>Whether <see cref="MaxWorkers"/> stays.</summary>
    internal bool HasFixedSize { get; init; }

    /// <summary>For messages and thread names; by default the name of the class.</summary>
    public string Name { get; set; } = "";

    /// <summary>
    /// A worker that has been idle for this long ends; by default 60 seconds.
    /// <see cref="Timeout.InfiniteTimeSpan"/>: never.
    /// </summary>
    public TimeSpan IdleTimeout { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// Runs on each worker before its first task. What it throws breaks the pool.
    /// In a process pool it must be a static method or a lambda without captures.
    /// </summary>
    public Action? Initializer { get; set; }

    /// <summary>
    /// Runs on each worker after its last task. What it throws breaks the pool. In
    /// a process pool it must be a static method or a lambda without captures.
    /// </summary>
    public Action? Finalizer { get; set; }

    /// <summary>
    /// A worker is replaced by a new one after this many tasks; 0, the default:
    /// never.
    /// </summary>
    public int MaxTasksPerWorker { get; set; }

    /// <summary>
    /// Gets what a function that was posted (<see cref="TaskRunner.Post(Action,
    /// CancellationToken, TaskOptions)"/> and its other forms) has thrown, on a
    /// thread of the .NET thread pool; what it throws itself is unobserved, as in
    /// any task. By default an error of the <see cref="LoggerFactory"/>, of the event
    /// source <c>Asyncpal</c>, or else on stderr.
    /// </summary>
    public Action<Exception>? UnobservedFailureHandler { get; set; }

    /// <summary>
    /// How many tasks may wait for a worker; a task for which one is free does not
    /// count. 0, the default: no limit.
    /// </summary>
    public long MaxPending { get; set; }

    /// <summary>What a submission to a full pool does.</summary>
    public WhenFull WhenFull { get; set; }

    /// <summary>
    /// An initializer that takes longer breaks the pool, with an
    /// <see cref="InitializerException"/> whose inner exception is a
    /// <see cref="TimeoutException"/>. A worker that is a process is killed; a
    /// thread can't be, so it is left behind, and a warning names it, as that of a
    /// <see cref="StallThreshold"/>. By default there is no limit.
    /// </summary>
    public TimeSpan InitializerTimeout { get; set; } = Timeout.InfiniteTimeSpan;

    /// <summary>
    /// A task that runs longer is reported once, while it runs: to the
    /// <see cref="Observer"/>, and by a warning of the <see cref="LoggerFactory"/>, of the
    /// event source <c>Asyncpal</c>, or else on stderr. By default none is. A thread pool with a threshold has the costs
    /// of an observer.
    /// </summary>
    public TimeSpan StallThreshold { get; set; } = Timeout.InfiniteTimeSpan;

    /// <summary>Is told what happens in the pool; by default nobody is.</summary>
    public PoolObserver? Observer { get; set; }

    /// <summary>
    /// Whether <see cref="PoolStats.Wait"/> and <see cref="PoolStats.Run"/> are
    /// measured, and the meter's histograms; false by default. An observer does so,
    /// too, and a thread pool with histograms has the costs of one.
    /// </summary>
    public bool Histograms { get; set; }

    /// <summary>
    /// What tells the time for tasks: it drives the delays of
    /// <c>SubmitAfterAsync()</c> and <c>Every()</c>, and the limits in
    /// <see cref="TaskOptions"/>. By default the system's; one for tests moves by hand.
    /// Other times, such as <see cref="IdleTimeout"/>, are always those of the system.
    /// </summary>
    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;

    /// <summary>
    /// How much earlier a task counts as submitted for each class of
    /// <see cref="TaskOptions.Priority"/>; by default a second. Infinite: a class waits
    /// until no higher one does.
    /// </summary>
    public TimeSpan PriorityStep { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// How many workers are started in the background with the pool, stay when they are
    /// idle, and are replaced when they end. 0, the default: none.
    /// </summary>
    public int MinWorkers { get; set; }

    /// <summary>
    /// A worker that is this old, by a tenth more or less, ends between two tasks, and is
    /// replaced first where there is work for another. By default there is no limit.
    /// </summary>
    public TimeSpan MaxWorkerAge { get; set; } = Timeout.InfiniteTimeSpan;

    /// <summary>
    /// Makes the logger, of the category <c>Asyncpal</c>, that gets what the pool has to
    /// say, in place of the event source <c>Asyncpal</c> and stderr: tasks that run for
    /// too long, workers that all wait for each other, threads that are left behind, what
    /// posted tasks and the <see cref="Observer"/> throw. It is called on the thread that
    /// has the message; what it throws becomes an event, as does the message then. Worker
    /// processes have none.
    /// </summary>
    public ILoggerFactory? LoggerFactory { get; set; }
}

/// <summary>Options for a <see cref="ThreadPool"/>, which copies them.</summary>
public sealed record ThreadPoolOptions : PoolOptions
{
    /// <summary>
    /// Whether what awaits a task, or continues it with
    /// <see cref="TaskContinuationOptions.ExecuteSynchronously"/>, may continue at
    /// once on the worker that has run the task. By default it continues on another
    /// thread, which is most of a task's cost if tasks are awaited one by one. If
    /// this is allowed, the continuation must be short, or submit its work in turn:
    /// until it returns or awaits again, the worker runs no other task. It always
    /// continues elsewhere when the task has a timeout, its function takes a token,
    /// or the pool has dropped it.
    /// </summary>
    public bool AllowContinuationsOnWorkers { get; set; }

    /// <summary>
    /// The size of the workers' stacks in bytes, for tasks that recurse deeply;
    /// rounded up to what a thread needs. 0, the default: the system's size.
    /// </summary>
    public long StackSize { get; set; }
}

/// <summary>Options for a <see cref="ProcessPool"/>, which copies them.</summary>
public sealed record ProcessPoolOptions : PoolOptions
{
    /// <summary>
    /// Arguments or results larger than this many bytes are refused; by default 4
    /// GiB.
    /// </summary>
    public long MaxPayloadBytes { get; set; } = 4L << 30;

    /// <summary>
    /// The program that workers run, and its arguments. By default this program,
    /// started by the same host. A C++ program runs the tasks of
    /// <see cref="ProcessPool.CallAsync{T}"/>.
    /// </summary>
    public IReadOnlyList<string>? WorkerCommand { get; set; }

    /// <summary>
    /// How long a new worker process may take to become a worker; by default a
    /// minute. One that takes longer is killed, and counts as one that could not be
    /// started. The initializer has its own limit.
    /// </summary>
    public TimeSpan? HandshakeTimeout { get; set; }

    /// <summary>
    /// Whether programs that tasks start are denied the privileges of their files
    /// (set-user-ID, capabilities), so that <c>sudo</c>, <c>ping</c>,
    /// <c>newuidmap</c>, <c>sendmail</c> and the like fail in workers
    /// (PR_SET_NO_NEW_PRIVS).
    /// </summary>
    public bool NoNewPrivileges { get; set; }

    /// <summary>
    /// How many bytes of encoded arguments may wait;
    /// <see cref="PoolOptions.WhenFull"/> applies to them, too, and a call that
    /// exceeds the limit by itself is rejected. 0, the default: no limit.
    /// </summary>
    public long MaxPendingBytes { get; set; }

    /// <summary>
    /// The pool breaks when more workers than this die within
    /// <see cref="RestartWindow"/> while they run no task, and none finishes one. A
    /// task that ends its worker never breaks a pool. 0, the default: twice the
    /// number of workers, and 8 at least.
    /// </summary>
    public int MaxRestarts { get; set; }

    /// <summary>The time within which <see cref="MaxRestarts"/> counts; by default
    /// 5 seconds.</summary>
    public TimeSpan RestartWindow { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// A worker that has more resident memory of its own after a task, shared memory
    /// aside, is replaced, in bytes. 0, the default: no limit. One below what a new process
    /// takes is said once, and then ignored.
    /// </summary>
    public long MaxWorkerBytes { get; set; }

    /// <summary>
    /// The contracts of the types that travel, such as a context that the compiler
    /// has generated (<c>JsonSerializerContext</c>), with its options; types that
    /// it does not know are treated as if there were none. Workers make one of
    /// their own by its public parameterless constructor, or have the one that was
    /// passed to
    /// <see cref="ProcessPool.RunWorkerIfAsked(string[], IJsonTypeInfoResolver)"/>,
    /// which is the default here, too.
    /// </summary>
    public IJsonTypeInfoResolver? JsonTypeInfoResolver { get; set; }

    /// <summary>
    /// Several resolvers and converters, in place of
    /// <see cref="JsonTypeInfoResolver"/>. Only these are taken from the options,
    /// because only this pool reads what it has written. Workers make each by its
    /// public parameterless constructor, or have the same options as were passed to
    /// <see cref="ProcessPool.RunWorkerIfAsked(string[], JsonSerializerOptions)"/>.
    /// A converter must be able to read what it writes: nothing is checked for its
    /// types.
    /// </summary>
    public JsonSerializerOptions? JsonSerializerOptions { get; set; }
}

/// <summary>
/// What a submission does when the pool is full, that is, when as many tasks wait
/// as <c>MaxPending</c> allows.
/// </summary>
/// <remarks>
/// On a thread of the pool's own, <see cref="Block"/> never blocks: a thread pool
/// runs the task at once, on that thread, and a process pool accepts it beyond the
/// limit. Maps, and what reaches <see cref="ThreadPool.AsTaskScheduler"/> from
/// elsewhere, wait for room in every mode.
/// </remarks>
public enum WhenFull
{
    /// <summary>
    /// The call blocks until there is room; the <c>Task</c> that it returns stands
    /// for the result only. Asynchronous callers await
    /// <see cref="Pool.WaitForRoomAsync"/> first. It ends with an exception when
    /// the pool is closed or breaks, and with a <see cref="RejectedException"/>
    /// when the task's queue deadline passes.
    /// </summary>
    Block,

    /// <summary>The call throws a <see cref="RejectedException"/>.</summary>
    Reject,

    /// <summary>
    /// The task runs on the calling thread, before the call returns. For thread
    /// pools only.
    /// </summary>
    CallerRuns,

    /// <summary>
    /// The task that has waited longest makes room: it fails with a
    /// <see cref="RejectedException"/>, and is not among the cancelled tasks.
    /// </summary>
    DropOldest,
}

/// <summary>What happens to tasks when a pool is shut down.</summary>
public enum ShutdownMode
{
    /// <summary>Pending tasks are cancelled; running ones end by
    /// themselves.</summary>
    CancelPending,

    /// <summary>Everything that was submitted runs.</summary>
    Drain,

    /// <summary>Pending tasks are cancelled, and workers that are processes are
    /// killed.</summary>
    Kill,
}

/// <summary>How a pool is shut down.</summary>
public sealed record ShutdownOptions
{
    /// <summary>What happens to tasks.</summary>
    public ShutdownMode Mode { get; init; } = ShutdownMode.CancelPending;

    /// <summary>
    /// How long to wait for tasks. After that, pending tasks are cancelled, worker
    /// processes are killed, and tasks on threads are no longer waited for.
    /// </summary>
    public TimeSpan Deadline { get; init; } = Timeout.InfiniteTimeSpan;
}

/// <summary>How a map cuts its input into tasks.</summary>
public sealed record MapOptions
{
    /// <summary>
    /// How many inputs make one task, by default 1; more are faster for short calls. 0: the
    /// map finds out by the time that its calls take. A task is then to take some 20 times
    /// what it costs by itself, and no more than a third of a worker's share of what is left;
    /// no more than 16 tasks for each worker are ahead; and inputs that come one by one, from
    /// an <see cref="IAsyncEnumerable{T}"/>, are not waited for to fill a task.
    /// </summary>
    public int ChunkSize { get; init; } = 1;

    /// <summary>
    /// How many tasks a lazy map may be ahead of its reader; 0, the default: twice
    /// the pool's <see cref="Pool.MaxWorkers"/>.
    /// </summary>
    public int BufferSize { get; init; }

    /// <summary>
    /// How long the whole map may take; after that it throws a
    /// <see cref="TimeoutException"/>.
    /// </summary>
    public TimeSpan Timeout { get; init; } = System.Threading.Timeout.InfiniteTimeSpan;

    /// <summary>
    /// Is told how far the map is: at its beginning, and after each chunk, one at a
    /// time. <see cref="Progress{T}"/> calls back on the context that it was made on;
    /// any other is called on a thread of the .NET thread pool, the first time by the
    /// caller, and must be quick: the chunk's results come after that. What it throws
    /// ends the map.
    /// </summary>
    public IProgress<MapProgress>? Progress { get; init; }

    /// <summary>
    /// What a call that fails does to the map. <c>MapSettled()</c> and its like give
    /// failures as results, and take no other than <see cref="OnError.Raise"/>.
    /// </summary>
    public OnError OnError { get; init; }
}

/// <summary>What a call of a map that fails does to the map.</summary>
public enum OnError
{
    /// <summary>
    /// What it has thrown comes out in the place of its result, and ends the map.
    /// </summary>
    Raise,

    /// <summary>
    /// Its result is left out, and the map goes on. <see cref="MapOptions.Progress"/> is
    /// told how many have failed. A result that can't be sent back costs itself, a lost
    /// worker the call that ran and the results of its last 10 ms or so.
    /// </summary>
    Skip,
}

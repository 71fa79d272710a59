using System;
using System.Collections.Generic;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Threading;
using System.Threading.Tasks;

namespace Asyncpal;

/// <summary>What both kinds of pools can be told.</summary>
public abstract record PoolOptions
{
    private protected PoolOptions()
    {
    }

    /// <summary>
    /// How many workers there may be at once. 0, the default: the CPUs that this
    /// process may use, in a pool of threads plus five.
    /// </summary>
    public int MaxWorkers { get; set; }

    /// <summary>For messages and thread names; by default the name of the class.</summary>
    public string Name { get; set; } = "";

    /// <summary>
    /// After which a worker with nothing to do goes; by default 60 seconds.
    /// <see cref="Timeout.InfiniteTimeSpan"/>: never.
    /// </summary>
    public TimeSpan IdleTimeout { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// Runs on each worker before its first task. What it throws breaks the pool.
    /// For processes a static method, or a lambda without captures.
    /// </summary>
    public Action? Initializer { get; set; }

    /// <summary>
    /// Runs on each worker after its last task. What it throws breaks the pool.
    /// For processes a static method, or a lambda without captures.
    /// </summary>
    public Action? Finalizer { get; set; }

    /// <summary>
    /// After how many tasks a worker is replaced by a new one; 0: never.
    /// </summary>
    public int MaxTasksPerWorker { get; set; }

    /// <summary>
    /// Gets what a function that was posted (<see cref="Pool.Post(Action,
    /// CancellationToken, TaskOptions)"/> and its other forms) has thrown, on a
    /// thread of the .NET thread pool; what it throws itself is unobserved, as in
    /// any task. By default an error of the event source <c>Asyncpal</c>, or else one line
    /// on stderr.
    /// </summary>
    public Action<Exception>? UnobservedFailureHandler { get; set; }

    /// <summary>
    /// How many tasks may wait; those for which a worker is free do not count. 0,
    /// the default: no limit.
    /// </summary>
    public long MaxPending { get; set; }

    /// <summary>What a submission to a full pool does.</summary>
    public WhenFull WhenFull { get; set; }

    /// <summary>
    /// An initializer that takes longer breaks the pool, with an
    /// <see cref="InitializerException"/> that has a <see cref="TimeoutException"/>
    /// inside. A worker that is a process is killed; a thread can't be, so it is left
    /// behind, and an event of the source <c>Asyncpal</c> names it, or else stderr. By
    /// default there is no limit.
    /// </summary>
    public TimeSpan InitializerTimeout { get; set; } = Timeout.InfiniteTimeSpan;
}

/// <summary>How a <see cref="ThreadPool"/> is made, which copies them.</summary>
public sealed record ThreadPoolOptions : PoolOptions
{
    /// <summary>
    /// Whether what awaits a task, or continues it with
    /// <see cref="TaskContinuationOptions.ExecuteSynchronously"/>, may go on at once on
    /// the worker that has run the task. By default not: it goes on elsewhere, which
    /// costs most of what a task costs if tasks are awaited one by one. Where it may,
    /// it must be short, or submit its work in its turn: until it returns or awaits
    /// again, the worker runs no other task. It always goes on elsewhere when the task
    /// has a timeout, its function takes a token, or the pool has dropped it.
    /// </summary>
    public bool AllowContinuationsOnWorkers { get; set; }

    /// <summary>
    /// Of the workers' stacks, in bytes, for tasks that recurse deeply; rounded up to
    /// what a thread needs. 0, the default: the system's size.
    /// </summary>
    public long StackSize { get; set; }
}

/// <summary>How a <see cref="ProcessPool"/> is made, which copies them.</summary>
public sealed record ProcessPoolOptions : PoolOptions
{
    /// <summary>
    /// Larger arguments or results are refused; by default 4 GiB.
    /// </summary>
    public long MaxPayloadBytes { get; set; } = 4L << 30;

    /// <summary>
    /// The program that workers run, and its arguments. By default this program,
    /// by its host. A C++ program runs the tasks of
    /// <see cref="ProcessPool.CallAsync{T}"/>.
    /// </summary>
    public IReadOnlyList<string>? WorkerCommand { get; set; }

    /// <summary>
    /// How long a new worker process may take to become a worker; by default a
    /// minute. One that takes longer is killed, and counts as one that can't be
    /// started. The initializer has its own limit.
    /// </summary>
    public TimeSpan? HandshakeTimeout { get; set; }

    /// <summary>
    /// Whether what tasks start gets no rights of its file, so that <c>sudo</c>,
    /// <c>ping</c>, <c>newuidmap</c>, <c>sendmail</c> and the like fail in workers
    /// (PR_SET_NO_NEW_PRIVS).
    /// </summary>
    public bool NoNewPrivileges { get; set; }

    /// <summary>
    /// How many bytes of encoded arguments may wait; <see cref="PoolOptions.WhenFull"/> applies
    /// to them, too, and a call that is larger alone is rejected. 0, the default: no
    /// limit.
    /// </summary>
    public long MaxPendingBytes { get; set; }

    /// <summary>
    /// The pool breaks when more workers than this die within
    /// <see cref="RestartWindow"/> while they run no task, and none finishes one. A
    /// task that ends its worker never breaks a pool. 0, the default: twice the
    /// number of workers, and 8 at least.
    /// </summary>
    public int MaxRestarts { get; set; }

    /// <summary>For <see cref="MaxRestarts"/>; by default 5 seconds.</summary>
    public TimeSpan RestartWindow { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// The contracts of the types that travel, such as a context that the compiler
    /// has generated (<c>JsonSerializerContext</c>), with its options; types that it
    /// does not know are taken as without it. Workers make one of their own, by its
    /// public constructor without parameters, or have the one that was passed to
    /// <see cref="ProcessPool.RunWorkerIfAsked(string[], IJsonTypeInfoResolver)"/>, which
    /// is the default here, too.
    /// </summary>
    public IJsonTypeInfoResolver? JsonTypeInfoResolver { get; set; }

    /// <summary>
    /// Instead of <see cref="JsonTypeInfoResolver"/>, several resolvers, and converters:
    /// these of the options count, and nothing else that they say, as only this pool
    /// reads what it has written. Workers make each by its public constructor without
    /// parameters, or have the same options as were passed to
    /// <see cref="ProcessPool.RunWorkerIfAsked(string[], JsonSerializerOptions)"/>. What a
    /// converter writes it must read again: for its types nothing is checked.
    /// </summary>
    public JsonSerializerOptions? JsonSerializerOptions { get; set; }
}

/// <summary>
/// What a submission to a full pool does: one where as many tasks wait as
/// <c>MaxPending</c> allows.
/// </summary>
/// <remarks>
/// On a thread of the pool's own, <see cref="Block"/> never blocks: a thread pool
/// runs the task there and then, a process pool takes it above the limit. Maps, and
/// what reaches <see cref="ThreadPool.AsTaskScheduler"/> from elsewhere, wait for
/// room in every mode.
/// </remarks>
public enum WhenFull
{
    /// <summary>
    /// The call blocks until there is room: its <c>Task</c> is the result's, not the
    /// room's. Asynchronous callers await <see cref="Pool.WaitForRoomAsync"/> first.
    /// It ends with an exception when the pool is closed or breaks, and with a
    /// <see cref="RejectedException"/> when the task's queue deadline passes.
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

/// <summary>What becomes of tasks when a pool is shut down.</summary>
public enum ShutdownMode
{
    /// <summary>Pending tasks are cancelled, running ones end by themselves.</summary>
    CancelPending,

    /// <summary>Everything that was submitted runs.</summary>
    Drain,

    /// <summary>Pending tasks are cancelled, workers that are processes killed.</summary>
    Kill,
}

/// <summary>How a pool is shut down.</summary>
public sealed record ShutdownOptions
{
    /// <summary>What becomes of tasks.</summary>
    public ShutdownMode Mode { get; init; } = ShutdownMode.CancelPending;

    /// <summary>
    /// How long to wait before sterner measures: pending tasks are cancelled,
    /// then processes killed, and tasks on threads no longer waited for.
    /// </summary>
    public TimeSpan Deadline { get; init; } = Timeout.InfiniteTimeSpan;
}

/// <summary>How a map cuts its input into tasks.</summary>
public sealed record MapOptions
{
    /// <summary>How many inputs make one task; more for short calls.</summary>
    public int ChunkSize { get; init; } = 1;

    /// <summary>
    /// How many tasks a lazy map may be ahead of its reader; 0, the default: twice
    /// the pool's <see cref="Pool.MaxWorkers"/>.
    /// </summary>
    public int BufferSize { get; init; }

    /// <summary>
    /// How long the whole map may take; then it throws a
    /// <see cref="TimeoutException"/>.
    /// </summary>
    public TimeSpan Timeout { get; init; } = System.Threading.Timeout.InfiniteTimeSpan;
}

using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;
using Asyncpal.Internal;

namespace Asyncpal;

/// <summary>Runs functions on a pool of threads.</summary>
/// <remarks>
/// <code>
/// using var pool = new Asyncpal.ThreadPool(4);
/// Task&lt;string&gt; page = pool.SubmitAsync(LoadAsync, "index.html");
/// string other = pool.Run(() => Load("about.html"));
/// </code>
/// <para>Workers start with tasks and end when they have been idle, so one pool may
/// live as long as the program. They are background threads.</para>
/// <para>A task may submit tasks to its own pool and block for them, even in a pool
/// of one, where the pool sees that: by <c>Wait()</c> without limit or token,
/// <c>Result</c>, <c>GetAwaiter().GetResult()</c>, <c>Task.WaitAll()</c> of one or
/// several, <c>Run()</c>, and by reading a map. The worker runs a task that is
/// still pending itself; otherwise another worker stands in for it.</para>
/// <para>A pool can't detect other waits, because .NET does not report them:
/// <c>Wait()</c> with a timeout or a token, <c>Task.WaitAny()</c>, waits for what
/// <c>Task.WhenAll()</c>, <c>Task.WhenAny()</c>, <c>ContinueWith()</c> or
/// <c>WaitAsync()</c> return, and for the task of an asynchronous function. A task
/// should await these. When all workers are blocked, tasks are pending and none has
/// ended for a moment (a second at first, longer each time that it was no more than
/// slow tasks), the pool reports it once, as a warning that says what its workers run
/// and for how long: to its <see cref="PoolOptions.LoggerFactory"/>, or else the event
/// source <c>Asyncpal</c>; if nobody listens to that, it goes to stderr.</para>
/// <para>A file that also imports <c>System.Threading</c>, as ImplicitUsings do,
/// has to say which pool it means: <c>using ThreadPool =
/// Asyncpal.ThreadPool;</c>.</para>
/// </remarks>
public sealed class ThreadPool : Pool
{
    private readonly NativeThreadPool _native;
    private readonly PoolScheduler _scheduler;

    // Ask functions that take a token to stop: what a mode says, what is to finish, and
    // what nobody waits for.
    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationTokenSource _stopAll = new();
    private readonly CancellationTokenSource _abandon = new();

    /// <summary>Makes a pool with the default options.</summary>
    public ThreadPool()
        : this(new ThreadPoolOptions())
    {
    }

    /// <summary>Makes a pool of at most <paramref name="maxWorkers"/>
    /// workers.</summary>
    public ThreadPool(int maxWorkers)
        : this(new ThreadPoolOptions { MaxWorkers = maxWorkers })
    {
    }

    /// <summary>Makes a pool. Workers start when there are tasks.</summary>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public ThreadPool(ThreadPoolOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        Log = new PoolLog(options);
        _native = ThreadPoolHost.NewPool(
            this, options, out _scheduler, out ObserverCalls? observer);
        Name = _native.Name();
        InitMaxWorkers();
        HasFixedSize = options.HasFixedSize;
        TimeProvider = options.TimeProvider;
        UnobservedFailureHandler = options.UnobservedFailureHandler;
        Register(observer);
    }

    /// <summary>One that is forgotten runs what was submitted.</summary>
    ~ThreadPool() => _scheduler?.Host.Abandon();

    internal PoolScheduler Scheduler => _scheduler;

    internal bool AreWorkersBlocked() => _scheduler.AreWorkersBlocked;

    internal override string Kind => "threads";

    internal override double MapTaskCost => 4_000;

    private protected override NativePool Native => _native;

    internal override bool IsOnWorker => _scheduler.IsOnWorker;

    private protected override long CountStalls() => _scheduler.CountStalls();

    // Threads can't be killed.
    private protected override TimeSpan KillGracePeriod => TimeSpan.Zero;

    /// <summary>
    /// Returns the pool as a scheduler, for whatever takes one:
    /// <c>Task.Factory.StartNew</c>, <c>Parallel.ForEachAsync</c>,
    /// <c>ContinueWith</c>.
    /// </summary>
    /// <remarks>
    /// <para>A scheduler can't cancel what it is given. So tasks that are queued
    /// when the pool is shut down, and those that come later, such as what follows
    /// an await, run on the .NET thread pool, so nothing waits for them in
    /// vain.</para>
    /// <para><see cref="TaskCreationOptions.LongRunning"/> gives a task a thread of
    /// its own, which the pool neither counts nor waits for.</para>
    /// </remarks>
    public TaskScheduler AsTaskScheduler() => _scheduler;

    /// <inheritdoc/>
    public override string ToString() => $"ThreadPool '{Name}'";

    internal override CancellationToken StopToken => _stop.Token;

    internal override Task<T> Submit<T>(
        Call<T> call, TaskOptions? options, CancellationToken token)
    {
        if (options?.Retry != null)
        {
            return Retry(call, options, token);
        }
        call = TaskTracing.Follow(this, call, options);
        // A task has a context of its own.
        TaskContext? outer = TaskContext.Flow(null);
        try
        {
            return call.Stoppable != null || options is { HasTimeout: true }
                ? LimitedTask<T>.Start(
                    this,
                    call,
                    options ?? new TaskOptions(),
                    token,
                    TokenOf(options?.AtShutdown ?? AtShutdown.AsPool))
                : PoolTask<T>.Start(_scheduler, call.Invoke, token, options);
        }
        finally
        {
            TaskContext.Flow(outer);
        }
    }

    internal override Task<T> SubmitAsynchronous<T>(
        Call<Task<T>> call, TaskOptions? options, CancellationToken token)
    {
        if (options?.Retry != null)
        {
            return RetryAsynchronous(call, options, token);
        }
        var flowing = new AsyncCall<T>(KeptPlace.Keep(call, options));
        Task<T> task = Submit(flowing.Flowing, options, token).Unwrap();
        flowing.Returns(task);
        return task;
    }

    private protected override Task Submit(CancelledTask task)
    {
        Action work = task.Take();
        return SubmitAsync(work, options: new TaskOptions { Name = task.Name });
    }

    private protected override PoolStats ToStats(PoolStats ofNative) =>
        _scheduler.Queued == null ? ofNative : _scheduler.Host.ToStats(ofNative);

    private protected override WorkerInfo ToInfo(WorkerInfo ofNative) =>
        _scheduler.Queued == null ? ofNative : _scheduler.Host.ToInfo(ofNative);

    private protected override bool CloseNative(CloseMode mode) =>
        _scheduler.Host.Close(mode);

    private protected override void OnResized(int maxWorkers) =>
        _scheduler.Queued?.Queue.SetMaxWorkers(maxWorkers);

    private protected override void SetHeld(bool isHeld)
    {
        if (isHeld)
        {
            _scheduler.Queued?.Hold();
        }
        else
        {
            _scheduler.Queued?.Counts.Release();
            _scheduler.Watch();
        }
    }

    private protected override void OnReleased() => _scheduler.StopWatching();

    private protected override void OnClosed(ShutdownMode mode)
    {
        _abandon.CancelAsync();
        if (mode != ShutdownMode.Drain)
        {
            _stop.CancelAsync();
        }
        if (mode == ShutdownMode.Kill)
        {
            _stopAll.CancelAsync();
        }
    }

    private CancellationToken TokenOf(AtShutdown atShutdown) => atShutdown switch
    {
        AtShutdown.Finish => _stopAll.Token,
        AtShutdown.Abandon => _abandon.Token,
        _ => _stop.Token,
    };

    internal override Task<IReadOnlyList<TOut>> SubmitChunk<TIn, TOut>(
        MapFunction<TIn, TOut> function,
        IReadOnlyList<TIn> inputs,
        ChunkTimer? timer,
        CancellationToken token,
        TaskOptions? options)
    {
        TaskContext? outer = TaskContext.Flow(null);
        try
        {
            if (function.CallOneAsync == null)
            {
                Func<IReadOnlyList<TOut>> calls = () => function.CallEach(inputs, token);
                return StartChunk(timer?.Measuring(calls) ?? calls, token, options);
            }
            Func<Task<IReadOnlyList<TOut>>> rest =
                () => function.CallEachAsync(inputs, token);
            return StartChunk(
                new AsyncCall<IReadOnlyList<TOut>>(KeptPlace.Keep(
                    timer?.Measuring(rest) ?? rest, options)).Invoke,
                token,
                options).Unwrap();
        }
        finally
        {
            TaskContext.Flow(outer);
        }
    }

    private Task<T> StartChunk<T>(
        Func<T> function, CancellationToken token, TaskOptions? options) =>
        PoolTask<T>.Start(
            _scheduler, TaskTracing.Follow(this, function), token, options, isOfMap: true);

    internal override bool WaitOn(Task task, TimeSpan timeout) =>
        _scheduler.WaitOn(task, timeout);
}

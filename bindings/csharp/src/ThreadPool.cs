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
/// Task&lt;string&gt; page = pool.SubmitAsync(() => Load("index.html"));
/// string other = pool.Run(() => Load("about.html"));
/// </code>
/// <para>Workers come with tasks and go when they have been idle, so one pool may
/// live as long as the program. They are background threads.</para>
/// <para>A task may submit tasks to its own pool and wait for them
/// (<c>Wait()</c>, <c>Result</c>, <c>Task.WaitAll()</c>), even in a pool of one:
/// the waiting worker runs what is still pending itself, and otherwise another
/// stands in for it. For a task of an asynchronous function it must not block,
/// but await it.</para>
/// <para>A file that imports <c>System.Threading</c>, too, as ImplicitUsings do,
/// says which pool it means:
/// <c>using ThreadPool = Asyncpal.ThreadPool;</c>.</para>
/// </remarks>
public sealed class ThreadPool : Pool
{
    private readonly NativeThreadPool _native;
    private readonly PoolScheduler _scheduler;

    // Asks functions that take a token to stop.
    private readonly CancellationTokenSource _stop = new();

    /// <summary>Makes a pool with the default options.</summary>
    public ThreadPool()
        : this(new ThreadPoolOptions())
    {
    }

    /// <summary>Makes a pool that has so many workers at most.</summary>
    public ThreadPool(int maxWorkers)
        : this(new ThreadPoolOptions { MaxWorkers = maxWorkers })
    {
    }

    /// <summary>Makes a pool. Workers start when there are tasks.</summary>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public ThreadPool(ThreadPoolOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _native = ThreadPoolHost.NewPool(this, options, out _scheduler);
        Name = _native.Name();
        MaxWorkers = _native.MaxWorkers();
        UnobservedFailureHandler = options.UnobservedFailureHandler;
    }

    internal NativeThreadPool NativeThreads => _native;

    private protected override NativePool Native => _native;

    private protected override bool IsOnWorker => _scheduler.IsOnWorker;

    // Threads can't be killed.
    private protected override TimeSpan TimeToDie => TimeSpan.Zero;

    /// <summary>
    /// The pool for whatever takes a scheduler: <c>Task.Factory.StartNew</c>,
    /// <c>Parallel.ForEachAsync</c>, <c>ContinueWith</c>.
    /// </summary>
    /// <remarks>
    /// Tasks that are queued when the pool is shut down can't be cancelled by a
    /// scheduler; they run on the .NET thread pool, so that who waits for them
    /// does not wait for ever. Later ones are refused.
    /// </remarks>
    public TaskScheduler AsTaskScheduler() => _scheduler;

    /// <inheritdoc/>
    public override string ToString() => $"ThreadPool '{Name}'";

    private protected override Task<T> Submit<T>(
        Call<T> call, CancellationToken token) =>
        PoolTask<T>.Start(_scheduler, call.Invoke, token);

    private protected override Task<T> Submit<T>(
        Call<T> call, TaskOptions? options, CancellationToken token)
    {
        options ??= new TaskOptions();
        if (options.HasTimeout || call.Stoppable != null)
        {
            return LimitedTask<T>.Start(this, call, options, token, _stop.Token);
        }
        return PoolTask<T>.Start(_scheduler, call.Invoke, token, options);
    }

    private protected override Task<T> SubmitAsynchronous<T>(
        Call<Task<T>> call, CancellationToken token) =>
        PoolTask<Task<T>>.Start(_scheduler, call.Invoke, token).Unwrap();

    private protected override Task<T> SubmitAsynchronous<T>(
        Call<Task<T>> call, TaskOptions? options, CancellationToken token) =>
        Submit(call, options, token).Unwrap();

    private protected override Task Submit(CancelledTask task)
    {
        Action work = task.Take();
        return SubmitAsync(new TaskOptions { Name = task.Name }, work);
    }

    private protected override void OnClosed(ShutdownMode mode)
    {
        if (mode != ShutdownMode.Drain)
        {
            _stop.CancelAsync();
        }
    }

    internal override Task<IReadOnlyList<TOut>> SubmitChunk<TIn, TOut>(
        MapFunction<TIn, TOut> function,
        IReadOnlyList<TIn> inputs,
        CancellationToken token) =>
        PoolTask<IReadOnlyList<TOut>>.Start(
            _scheduler,
            () => CallEach(function.Call, inputs),
            token,
            PoolTask<IReadOnlyList<TOut>>.PartOfMap);

    internal override bool WaitOn(Task task, TimeSpan timeout) =>
        _scheduler.WaitOn(task, timeout);

    private static List<TOut> CallEach<TIn, TOut>(
        Func<TIn, TOut> function, IReadOnlyList<TIn> inputs)
    {
        var results = new List<TOut>(inputs.Count);
        foreach (TIn input in inputs)
        {
            try
            {
                results.Add(function(input));
            }
            catch (Exception e) when (results.Count > 0)
            {
                throw new ChunkException<List<TOut>>(results, e);
            }
        }
        return results;
    }
}

using System;
using System.Runtime.ExceptionServices;
using System.Threading;
using System.Threading.Tasks;

namespace Asyncpal.Internal;

/// <summary>
/// A task that SubmitAsync() has made: one object for all there is to it, since
/// the garbage collector is what many tasks cost most.
/// </summary>
internal sealed class PoolTask<T> : Task<T>, IWorkItem
{
    // The pool is not what a task's own tasks run on by default.
    private const TaskCreationOptions Options =
        TaskCreationOptions.DenyChildAttach
        | TaskCreationOptions.HideScheduler;

    // The one whose body starts next on this thread: a task's body is not told
    // which task it belongs to.
    [ThreadStatic]
    private static PoolTask<T>? t_starting;

    private readonly PoolScheduler _scheduler;
    private readonly CancellationToken _token;
    private NativeShare _share;

    // What few tasks have: their TaskOptions, without a timeout; that they are
    // part of a map, and nobody else could do their work; at last, the exception
    // for which they are not run. One field, as there are many tasks.
    private object? _extra;

    private PoolTask(
        PoolScheduler scheduler,
        Func<T> function,
        CancellationToken token,
        object? extra)
        : base(
            static function => t_starting!.Invoke((Func<T>)function!),
            function,
            token,
            Options | scheduler.ContinuationOptions)
    {
        _scheduler = scheduler;
        _token = token;
        _extra = extra;
    }

    /// <summary>Instead of the options of a task that is part of a map.</summary>
    public static object PartOfMap { get; } = new();

    /// <summary>Submits a function, or throws.</summary>
    /// <param name="scheduler">Of the pool.</param>
    /// <param name="function">What to run.</param>
    /// <param name="token">The caller's.</param>
    /// <param name="extra">
    /// <see cref="TaskOptions"/> without a timeout, or <see cref="PartOfMap"/>.
    /// </param>
    public static Task<T> Start(
        PoolScheduler scheduler,
        Func<T> function,
        CancellationToken token,
        object? extra = null)
    {
        if (token.IsCancellationRequested)
        {
            return FromCanceled<T>(token);
        }
        var task = new PoolTask<T>(scheduler, function, token, extra);
        try
        {
            task.Start(scheduler);
        }
        catch (TaskSchedulerException e) when (e.InnerException != null)
        {
            ExceptionDispatchInfo.Throw(e.InnerException);
        }
        catch (InvalidOperationException) when (task.IsCanceled)
        {
            // The token was faster.
        }
        return task;
    }

    /// <inheritdoc/>
    public void Enqueue(NativeThreadPool pool)
    {
        using TaskSettings? settings = (_extra as TaskOptions)?.ToNative();
        _share.Enqueue(this, pool, settings, waitsForRoom: _extra == PartOfMap);
    }

    /// <inheritdoc/>
    public bool Run()
    {
        Execute();
        if (IsCanceled)
        {
            // Before it came to its body, perhaps.
            NativeThreadPool.Settle((int)TaskOutcome.TaskCancelled);
        }
        return _share.Finish();
    }

    /// <inheritdoc/>
    public bool Drop(Exception? why)
    {
        bool result = _share.Finish();
        if (_extra != PartOfMap && why is not (TimeoutException or RejectedException))
        {
            string name = (_extra as TaskOptions)?.Name ?? "";
            _scheduler.Pool.Keep(
                new CancelledTask(name, Work.Of((Func<T>)AsyncState!)));
        }
        _extra = why ?? new TaskCanceledException(
            $"{_scheduler.Pool} was closed before the task had begun", null, _token);
        if (why == null)
        {
            TaskCancellation.Request(this);
        }
        if (_scheduler.ContinuationOptions == TaskCreationOptions.None)
        {
            // This thread is not a worker, or has other things to do.
            System.Threading.ThreadPool.UnsafeQueueUserWorkItem(
                static task => task.Execute(), this, preferLocal: false);
        }
        else
        {
            Execute();
        }
        return result;
    }

    /// <inheritdoc/>
    public bool Cancel() => _share.Cancel();

    /// <inheritdoc/>
    public bool RunInline() => _share.RunInline();

    private void Execute()
    {
        // What sees its context change may wait for another task before that.
        PoolTask<T>? outer = t_starting;
        t_starting = this;
        _scheduler.Execute(this);
        t_starting = outer;
    }

    private T Invoke(Func<T> function)
    {
        if (_extra is Exception dropped)
        {
            throw dropped;
        }
        T result;
        try
        {
            result = function();
        }
        catch (OperationCanceledException e)
            when (e.CancellationToken == _token && _token.IsCancellationRequested)
        {
            NativeThreadPool.Settle((int)TaskOutcome.TaskCancelled);
            throw;
        }
        catch
        {
            NativeThreadPool.Settle((int)TaskOutcome.TaskFailed);
            throw;
        }
        // Whoever has the result finds it counted.
        NativeThreadPool.Settle((int)TaskOutcome.TaskCompleted);
        return result;
    }
}

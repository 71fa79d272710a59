using System;
using System.Threading;
using System.Threading.Tasks;

namespace Asyncpal.Internal;

/// <summary>A task that SubmitAsync() has made.</summary>
internal sealed class PoolTask<T> : WorkItem
{
    // The continuations of a caller do not run on a worker, nor is the pool what
    // a task's own tasks run on by default.
    private const TaskCreationOptions Options =
        TaskCreationOptions.DenyChildAttach
        | TaskCreationOptions.HideScheduler
        | TaskCreationOptions.RunContinuationsAsynchronously;

    private readonly Func<T> _function;
    private readonly CancellationToken _token;
    private readonly bool _isOfMap;
    private Exception? _dropped;

    private PoolTask(
        PoolScheduler scheduler, Func<T> function, CancellationToken token, bool isOfMap)
        : base(scheduler)
    {
        _function = function;
        _token = token;
        _isOfMap = isOfMap;
    }

    /// <summary>Submits a function, or throws.</summary>
    /// <param name="scheduler">Of the pool.</param>
    /// <param name="function">What to run.</param>
    /// <param name="token">The caller's.</param>
    /// <param name="options">Without a timeout.</param>
    /// <param name="isOfMap">Whether nobody else could do its work.</param>
    public static Task<T> Start(
        PoolScheduler scheduler,
        Func<T> function,
        CancellationToken token,
        TaskOptions? options = null,
        bool isOfMap = false)
    {
        if (token.IsCancellationRequested)
        {
            return System.Threading.Tasks.Task.FromCanceled<T>(token);
        }
        // Without a token of the caller's, the pool itself can cancel the task.
        token = token.CanBeCanceled ? token : scheduler.CloseToken;
        var item = new PoolTask<T>(scheduler, function, token, isOfMap)
        {
            Limits = options,
        };
        var task = new Task<T>(
            static item => ((PoolTask<T>)item!).Invoke(), item, token, Options);
        try
        {
            task.Start(scheduler);
        }
        catch (TaskSchedulerException e) when (e.InnerException != null)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(
                e.InnerException);
        }
        catch (InvalidOperationException) when (task.IsCanceled)
        {
            // The token was faster.
            ObjectDisposedException.ThrowIf(
                scheduler.CloseToken.IsCancellationRequested, scheduler.Pool);
        }
        return task;
    }

    /// <inheritdoc/>
    protected override void OnDropped(Exception? why)
    {
        if (!_isOfMap && why is not TimeoutException)
        {
            Scheduler.Pool.Keep(
                new CancelledTask(Limits?.Name ?? "", Work.Of(_function)));
        }
        if (why == null && _token == Scheduler.CloseToken)
        {
            // Where it was requested, Execute() does no more than cancel.
            Scheduler.RequestCancellation();
        }
        _dropped = why ?? new TaskCanceledException(
            $"{Scheduler.Pool} was closed before the task had begun", null, _token);
        Scheduler.Execute(Task!);
    }

    private T Invoke()
    {
        if (_dropped != null)
        {
            throw _dropped;
        }
        T result;
        try
        {
            result = _function();
        }
        catch (OperationCanceledException e)
            when (e.CancellationToken == _token && _token.IsCancellationRequested)
        {
            Settle(TaskOutcome.TaskCancelled);
            throw;
        }
        catch
        {
            Settle(TaskOutcome.TaskFailed);
            throw;
        }
        // Who has the result finds it counted.
        Settle(TaskOutcome.TaskCompleted);
        return result;
    }
}

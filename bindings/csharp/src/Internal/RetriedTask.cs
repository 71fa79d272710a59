using System;
using System.Threading;
using System.Threading.Tasks;

namespace Asyncpal.Internal;

/// <summary>
/// What whoever has a task that is tried again finds of it: the attempt that was made
/// last. It keeps nothing else alive.
/// </summary>
internal sealed class LastAttempt
{
    private volatile Task? _task;

    /// <summary>It may be over; null: all is.</summary>
    public Task? Task
    {
        get => _task;
        set => _task = value;
    }
}

/// <summary>
/// A task that is tried again when it fails: an asynchronous loop submits attempts, each
/// of which is a task of the pool, and awaits them.
/// </summary>
/// <remarks>Errors: those of the first submission are <see cref="Start"/>'s.</remarks>
internal sealed class RetriedTask<T>
{
    private readonly LastAttempt _last = new();
    private readonly TaskCompletionSource<T> _result;
    private readonly TaskRunner _runner;
    private readonly Asyncpal.Pool _pool;
    private readonly TaskOptions _options;
    private readonly CancellationToken _token;
    private readonly Func<TaskOptions, Task<T>> _submit;
    private readonly RetryWaits _waits;
    private readonly long _start;

    private RetriedTask(
        TaskRunner runner,
        TaskOptions options,
        CancellationToken token,
        Func<TaskOptions, Task<T>> submit)
    {
        _runner = runner;
        _pool = runner.Owner;
        _options = options;
        _token = token;
        _submit = submit;
        _waits = options.Retry!.NewWaits();
        _start = _pool.ClockNow();
        _result = new TaskCompletionSource<T>(
            _last, TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>Submits the first attempt, or throws.</summary>
    /// <param name="runner">What runs it.</param>
    /// <param name="options">With the policy.</param>
    /// <param name="token">The caller's.</param>
    /// <param name="submit">Submits an attempt.</param>
    public static Task<T> Start(
        TaskRunner runner,
        TaskOptions options,
        CancellationToken token,
        Func<TaskOptions, Task<T>> submit)
    {
        var task = new RetriedTask<T>(runner, options, token, submit);
        Task<T> first = task.Submit(
            runner.TakesTasksForLater ? null : new TaskTiming { IsAttempt = true });
        task._pool.AddSeries(task._result.Task);
        _ = task.RunAsync(first);
        return task._result.Task;
    }

    private async Task RunAsync(Task<T>? attempt)
    {
        Exception? failure = null;
        try
        {
            while (attempt != null)
            {
                _last.Task = attempt;
                await ((Task)attempt).ConfigureAwait(
                    ConfigureAwaitOptions.SuppressThrowing
                        | ConfigureAwaitOptions.ForceYielding);
                if (attempt.IsCompletedSuccessfully)
                {
                    _result.TrySetResult(attempt.Result);
                    break;
                }
                if (attempt.IsCanceled)
                {
                    EndCancelled(attempt, failure);
                    break;
                }
                failure = attempt.Exception!.InnerException!;
                attempt = await TryAgain(failure).ConfigureAwait(false);
            }
        }
        catch (Exception)
        {
            // The pool is closed or broken.
            _result.TrySetException(failure!);
        }
        _last.Task = null;
        _pool.RemoveSeries(_result.Task);
        _waits.Dispose();
    }

    private void EndCancelled(Task<T> attempt, Exception? failure)
    {
        if (_token.IsCancellationRequested)
        {
            _result.TrySetCanceled(_token);
        }
        else if (failure != null && _pool.IsClosed)
        {
            _result.TrySetException(failure);
        }
        else
        {
            _result.TrySetCanceled(new TaskCanceledException(attempt).CancellationToken);
        }
    }

    /// <summary>The next attempt; null: that was the last one.</summary>
    private async Task<Task<T>?> TryAgain(Exception failure)
    {
        long now = _pool.ClockNow();
        long wait = IsRetriable(failure) ? _waits.Next(now - _start) : -1;
        if (wait < 0 || !Wishes(failure))
        {
            _result.TrySetException(failure);
            return null;
        }
        long due = wait > long.MaxValue - now ? long.MaxValue : now + wait;
        int number = _waits.Attempts();
        if (_runner.TakesTasksForLater)
        {
            Task<T> next = Submit(new TaskTiming { NextDue = due, Attempt = number });
            _pool.CountRetry();
            return next;
        }
        _pool.CountRetry();
        if (await _pool.WaitForRetryAsync(due, _token).ConfigureAwait(false))
        {
            return Submit(new TaskTiming { IsAttempt = true, Attempt = number });
        }
        if (_token.IsCancellationRequested)
        {
            _result.TrySetCanceled(_token);
        }
        else
        {
            _result.TrySetException(failure);
        }
        return null;
    }

    private Task<T> Submit(TaskTiming? timing) =>
        _submit(_options with { Retry = null, Timing = timing });

    private bool Wishes(Exception failure)
    {
        if (_options.Retry!.RetryIf is not { } asks)
        {
            return true;
        }
        try
        {
            return asks(failure);
        }
        catch (Exception)
        {
            return false;
        }
    }

    private static bool IsRetriable(Exception failure) =>
        failure is not (OperationCanceledException
            or RejectedException
            or SerializationException
            or BrokenPoolException);
}

using System;
using System.Threading;
using System.Threading.Tasks;

namespace Asyncpal.Internal;

/// <summary>
/// A task of a thread pool that has a timeout, or whose function takes a token. It
/// is a promise, since its end need not be that of its function.
/// </summary>
/// <remarks>
/// It is settled by who has run, dropped or cancelled it, or by its timeout, and
/// native code lets only one of them. Its number is good until then; that of one
/// that expires, until both Run() and Expire() were called, in whatever order.
/// </remarks>
internal sealed class LimitedTask<T> : INativeItem, ITimedTask
{
    private readonly TaskCompletionSource<T> _result =
        new(TaskCreationOptions.RunContinuationsAsynchronously);

    private readonly Asyncpal.ThreadPool _pool;
    private readonly Call<T> _call;
    private readonly TaskOptions _options;
    private readonly CancellationToken _token;

    // Cancelled by the caller's token, by the pool, and by the timeout.
    private readonly CancellationTokenSource _stop;

    // That of the source, which a disposed one does not give.
    private readonly CancellationToken _stopToken;
    private readonly ExecutionContext? _context = ExecutionContext.Capture();

    private CancellationTokenRegistration _registration;
    private NativeShare _share;

    // Null: nobody asks when the function has returned.
    private readonly TaskCompletionSource? _gone;

    // Of an expired task: its function has returned, its token is cancelled.
    private int _ends;

    private LimitedTask(
        Asyncpal.ThreadPool pool,
        Call<T> call,
        TaskOptions options,
        CancellationToken token,
        CancellationToken close)
    {
        _pool = pool;
        _call = call;
        _options = options;
        _token = token;
        _stop = CancellationTokenSource.CreateLinkedTokenSource(token, close);
        _stopToken = _stop.Token;
        if (options.Timing is { WantsGone: true } timing)
        {
            _gone = new TaskCompletionSource(
                TaskCreationOptions.RunContinuationsAsynchronously);
            timing.Gone = _gone;
        }
    }

    /// <summary>Submits a function, or throws.</summary>
    /// <param name="pool">What runs it.</param>
    /// <param name="call">The function.</param>
    /// <param name="options">Its name and limits.</param>
    /// <param name="token">The caller's.</param>
    /// <param name="close">Cancelled when the pool asks its tasks to stop.</param>
    public static Task<T> Start(
        Asyncpal.ThreadPool pool,
        Call<T> call,
        TaskOptions options,
        CancellationToken token,
        CancellationToken close)
    {
        if (token.IsCancellationRequested)
        {
            return Task.FromCanceled<T>(token);
        }
        var task = new LimitedTask<T>(pool, call, options, token, close);
        pool.Scheduler.Enqueue(task);
        return task._result.Task;
    }

    /// <inheritdoc/>
    public string Name => _options.Name;

    /// <inheritdoc/>
    public int Attempt => _options.Timing?.Attempt ?? 1;

    /// <inheritdoc/>
    public Task Task => _result.Task;

    /// <inheritdoc/>
    public CancellationToken StopToken => _stopToken;

    /// <inheritdoc/>
    public long Number => _share.Number;

    /// <inheritdoc/>
    bool ITimedTask.HasNotBegun => _share.HasNotBegun();

    /// <inheritdoc/>
    public void Enqueue(PoolScheduler scheduler)
    {
        try
        {
            using NativeTaskOptions settings = _options.ToNative();
            _share.Enqueue(this, scheduler.Host, settings, timing: _options.Timing);
        }
        catch
        {
            _stop.Dispose();
            throw;
        }
        if (_options.Timing is { } timing)
        {
            timing.Task = this;
        }
        if (_token.CanBeCanceled)
        {
            _registration = _token.UnsafeRegister(
                static task => ((LimitedTask<T>)task!).Cancel(), this);
            if (_share.IsFinished)
            {
                _registration.Unregister();
            }
        }
    }

    /// <inheritdoc/>
    public bool Run()
    {
        bool othersRelease = _share.Leave();
        _share.Begin(this);
        if (_context == null)
        {
            Invoke();
        }
        else
        {
            ExecutionContext.Run(_context, static task => ((LimitedTask<T>)task!).Invoke(), this);
        }
        return othersRelease;
    }

    /// <inheritdoc/>
    public bool Drop(Exception? why)
    {
        _share.EndElsewhere(why == null ? Outcome.Cancelled : Outcome.Failed);
        bool othersRelease = _share.Finish();
        if (why is not (TimeoutException or RejectedException))
        {
            _pool.Keep(
                new CancelledTask(_options.Name, Work.Of(TaskTracing.Unfollow(_call.Invoke))),
                isLater: _options.Timing is { IsLater: true });
        }
        if (why == null)
        {
            _result.SetCanceled();
        }
        else
        {
            _result.SetException(why);
        }
        Settled();
        _gone?.SetResult();
        return othersRelease;
    }

    /// <inheritdoc/>
    public bool Cancel(PoolScheduler scheduler) => Cancel();

    private bool Cancel()
    {
        // Gives the number up, too.
        bool cancelled = _share.Cancel();
        if (cancelled)
        {
            _result.SetCanceled(_token);
            Settled();
            _gone?.SetResult();
        }
        return cancelled;
    }

    /// <inheritdoc/>
    bool ITimedTask.MoveDelayed(long due) =>
        _share.MoveDelayed(_pool.Scheduler.Host.Native, due);

    /// <inheritdoc/>
    public bool RunInline(PoolScheduler scheduler) => _share.RunInline();

    /// <inheritdoc/>
    public void Expire(Exception why)
    {
        _share.EndElsewhere(Outcome.Failed);
        _registration.Unregister();
        _result.SetException(why);
        // What is registered with the token runs elsewhere, as it may throw.
        _stop.CancelAsync().ContinueWith(
            static (_, task) => ((LimitedTask<T>)task!).EndExpired(),
            this,
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
    }

    private void Invoke()
    {
        T result = default!;
        Exception? error = null;
        try
        {
            result = _call.Stoppable == null ? _call.Invoke() : _call.Stoppable(_stop.Token);
        }
        catch (Exception e)
        {
            error = e;
        }
        bool cancelled = _stop.IsCancellationRequested
            && error is OperationCanceledException { CancellationToken: var token }
            && (token == _stop.Token || token == _token);
        if (!_share.Settle(
            cancelled ? Outcome.Cancelled
            : error != null ? Outcome.Failed
            : Outcome.Completed))
        {
            EndExpired();
            Leave(result as Task);
            return;
        }
        _share.Free();
        // Whoever has the result finds it counted.
        if (cancelled)
        {
            _result.SetCanceled(_token.IsCancellationRequested ? _token : _stop.Token);
        }
        else if (error != null)
        {
            _result.SetException(error);
        }
        else
        {
            _result.SetResult(result);
        }
        Settled(result as Task);
        Leave(result as Task);
    }

    /// <summary>The function has returned.</summary>
    private void Leave(Task? rest)
    {
        if (_gone == null)
        {
            return;
        }
        if (rest == null || rest.IsCompleted)
        {
            _gone.SetResult();
            return;
        }
        rest.ContinueWith(
            static (_, gone) => ((TaskCompletionSource)gone!).SetResult(),
            _gone,
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
    }

    /// <param name="rest">What of an asynchronous function still runs.</param>
    private void Settled(Task? rest = null)
    {
        // Not Dispose(): the cancellation that is being carried out may be the
        // one that has ended this task.
        _registration.Unregister();
        if (rest == null || rest.IsCompleted)
        {
            _stop.Dispose();
            return;
        }
        rest.ContinueWith(
            static (_, stop) => ((CancellationTokenSource)stop!).Dispose(),
            _stop,
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
    }

    private void EndExpired()
    {
        if (Interlocked.Increment(ref _ends) == 2)
        {
            _share.Free();
            _stop.Dispose();
        }
    }
}

/// <summary>What a cancelled task does after all.</summary>
internal static class Work
{
    /// <summary>Calls the function, and waits for it if it is asynchronous.</summary>
    public static Action Of<T>(Func<T> function) => () =>
    {
        if (function() is Task task)
        {
            task.GetAwaiter().GetResult();
        }
    };
}

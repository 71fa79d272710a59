using System;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Threading;
using System.Threading.Tasks;

namespace Asyncpal.Internal;

/// <summary>
/// A task that SubmitAsync() has made: one object for all there is to it, since
/// the garbage collector is what many tasks cost most.
/// </summary>
/// <remarks>
/// Its state says who acts on it: whoever ends that it is pending has claimed it. If
/// native code has it, what it has there does.
/// </remarks>
internal sealed class PoolTask<T> : Task<T>, IQueuedItem, ITimedTask
{
    // The pool is not what a task's own tasks run on by default.
    private const TaskCreationOptions Options =
        TaskCreationOptions.DenyChildAttach
        | TaskCreationOptions.HideScheduler;

    private const int Created = 0;
    private const int Pending = 1;  // in .NET's queue
    private const int Claimed = 2;  // from there
    private const int Settled = 3;
    private const int Dropped = 4;  // it fails with its work, which is an exception
    private const int PhaseMask = 7;
    private const int OfMap = 8;  // nobody else could do its work

    // Its Func<T>; a NativePart; an exception; null when it is done. So it is small,
    // and lets go of what it holds: many tasks live long enough to be copied.
    private object? _work;
    private int _state;
    private int _number;

    private PoolTask(
        PoolScheduler scheduler, object work, CancellationToken token, int state)
        : base(
            static () =>
            {
                Worker? worker = Worker.Current;
                return Unsafe.As<PoolTask<T>>(Starting.On(worker))!.Invoke(worker);
            },
            token,
            Options | scheduler.ContinuationOptions)
    {
        _work = work;
        _state = state;
    }

    /// <inheritdoc/>
    public string Name => (_work as NativePart)?.Options?.Name ?? "";

    /// <inheritdoc/>
    public long Number =>
        _work is NativePart part ? part.Share.Number : (uint)_number;

    int IWorkItem.Attempt => (_work as NativePart)?.Options?.Timing?.Attempt ?? 1;

    Task IWorkItem.Task => this;

    CancellationToken IWorkItem.StopToken => Token;

    /// <inheritdoc/>
    public bool IsPending => (Volatile.Read(ref _state) & PhaseMask) == Pending;

    /// <inheritdoc/>
    bool ITimedTask.HasNotBegun => (_work as NativePart)?.Share.HasNotBegun() ?? false;

    private bool IsOfMap => (_state & OfMap) != 0;

    private int Phase
    {
        get => _state & PhaseMask;
        set => _state = (_state & OfMap) | value;
    }

    /// <summary>The caller's.</summary>
    private CancellationToken Token => new TaskCanceledException(this).CancellationToken;

    /// <summary>Submits a function, or throws.</summary>
    /// <param name="scheduler">Of the pool.</param>
    /// <param name="function">What to run.</param>
    /// <param name="token">The caller's.</param>
    /// <param name="options">Without a timeout.</param>
    /// <param name="isOfMap">Nobody else could do its work.</param>
    public static Task<T> Start(
        PoolScheduler scheduler,
        Func<T> function,
        CancellationToken token,
        TaskOptions? options = null,
        bool isOfMap = false)
    {
        if (token.IsCancellationRequested)
        {
            return FromCanceled<T>(token);
        }
        object work = options == null ? function : new NativePart(function, options);
        var task = new PoolTask<T>(
            scheduler, work, token, isOfMap ? Created | OfMap : Created);
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
    public void Enqueue(PoolScheduler scheduler)
    {
        QueuedTasks? queued = scheduler.Queued;
        if (queued is not { TakesTasks: true } || _work is NativePart)
        {
            EnqueueNatively(scheduler);
            return;
        }
        _number = (int)queued.Counts.Number();
        Phase = Pending;
        queued.Push(this);
    }

    /// <inheritdoc/>
    public bool Claim()
    {
        int pending = (_state & OfMap) | Pending;
        return Interlocked.CompareExchange(
            ref _state, pending - Pending + Claimed, pending) == pending;
    }

    /// <inheritdoc/>
    public void RunClaimed(WorkerCounts worker)
    {
        var own = (Worker)worker;
        RunClaimed(own, own.Scheduler!);
    }

    /// <inheritdoc/>
    public void DropClaimed(PoolScheduler scheduler, Exception? why) =>
        CompleteDropped(scheduler, (Func<T>)_work!, "", why);

    /// <inheritdoc/>
    public bool Run()
    {
        var part = (NativePart)_work!;
        part.Share.Begin(this);
        Execute(part.Scheduler!, Worker.Current);
        if (Phase != Settled)
        {
            // It was cancelled before it came to its body.
            part.Share.Settle(Outcome.Cancelled);
        }
        return part.Share.Finish();
    }

    /// <inheritdoc/>
    public bool Drop(Exception? why)
    {
        var part = (NativePart)_work!;
        part.Share.EndElsewhere(why == null ? Outcome.Cancelled : Outcome.Failed);
        bool result = part.Share.Finish();
        CompleteDropped(
            part.Scheduler!, (Func<T>)part.Function, part.Options?.Name ?? "", why);
        return result;
    }

    /// <inheritdoc/>
    public bool Cancel(PoolScheduler scheduler)
    {
        if (Volatile.Read(ref _work) is NativePart part)
        {
            return part.Share.Cancel();
        }
        if (!Claim())
        {
            return false;
        }
        scheduler.Queued!.Counts.Drop(Outcome.Cancelled);
        _work = null;
        scheduler.Queued.Queue.AddStale();
        return true;
    }

    /// <inheritdoc/>
    public bool RunInline(PoolScheduler scheduler)
    {
        if (Volatile.Read(ref _work) is NativePart part)
        {
            return part.Share.RunInline();
        }
        if (!scheduler.ClaimInline(this))
        {
            return false;
        }
        RunClaimed(Worker.Current!, scheduler);
        scheduler.Queued!.Queue.AddStale();
        return true;
    }

    /// <inheritdoc/>
    bool ITimedTask.MoveDelayed(long due) =>
        _work is NativePart part
        && part.Share.MoveDelayed(part.Scheduler!.Host.Native, due);

    private void EnqueueNatively(PoolScheduler scheduler)
    {
        var part = _work as NativePart ?? new NativePart(_work!, null);
        part.Scheduler = scheduler;
        _work = part;
        using NativeTaskOptions? settings = part.Options?.ToNative();
        part.Share.Enqueue(
            this,
            scheduler.Host,
            settings,
            waitsForRoom: IsOfMap,
            timing: part.Options?.Timing);
        if (part.Options?.Timing is { } timing)
        {
            timing.Task = this;
            // Whoever has cancelled it before there was a handle could do no more.
            if (Token.IsCancellationRequested && part.Share.Cancel())
            {
                Execute(scheduler, Worker.Current);
            }
        }
    }

    private void RunClaimed(Worker worker, PoolScheduler scheduler)
    {
        worker.Begin(this);
        Execute(scheduler, worker);
        if (Phase != Settled)
        {
            // It was cancelled before it came to its body.
            Settle(worker, Outcome.Cancelled);
        }
    }

    /// <param name="scheduler">Of the pool.</param>
    /// <param name="worker">Whose thread this is; null: none's.</param>
    private void Execute(PoolScheduler scheduler, Worker? worker)
    {
        ref Task? starting = ref Starting.On(worker);
        // What sees its context change may wait for another task before the body.
        Task? outer = starting;
        starting = this;
        scheduler.Execute(this);
        starting = outer;
    }

    private T Invoke(Worker? worker)
    {
        if (Phase == Dropped)
        {
            throw (Exception)_work!;
        }
        Func<T> function = Unsafe.As<Func<T>>(
            _work is NativePart part ? part.Function : _work)!;
        T result;
        try
        {
            result = function();
        }
        catch (OperationCanceledException e)
            when (e.CancellationToken.IsCancellationRequested
                && e.CancellationToken == Token)
        {
            Settle(worker, Outcome.Cancelled);
            throw;
        }
        catch
        {
            Settle(worker, Outcome.Failed);
            throw;
        }
        // Whoever has the result finds it counted.
        Settle(worker, Outcome.Completed);
        return result;
    }

    private void Settle(Worker? worker, Outcome outcome)
    {
        Phase = Settled;
        if (_work is NativePart part)
        {
            part.Share.Settle(outcome);
            return;
        }
        _work = null;
        worker!.End();
        worker.Count(outcome);
    }

    private void CompleteDropped(
        PoolScheduler scheduler, Func<T> function, string name, Exception? why)
    {
        if (!IsOfMap && why is not (TimeoutException or RejectedException))
        {
            scheduler.Pool.Keep(
                new CancelledTask(name, Work.Of(TaskTracing.Unfollow(function))),
                isLater: _work is NativePart { Options.Timing.IsLater: true });
        }
        _work = why ?? new TaskCanceledException(
            $"{scheduler.Pool} was closed before the task had begun", null, Token);
        Phase = Dropped;
        if (why == null)
        {
            TaskCancellation.Request(this);
        }
        if (scheduler.ContinuationOptions == TaskCreationOptions.None)
        {
            // This thread is not a worker, or has other things to do.
            System.Threading.ThreadPool.UnsafeQueueUserWorkItem(
                static item => item.Task.Execute(item.Scheduler, Worker.Current),
                (Task: this, Scheduler: scheduler),
                preferLocal: false);
        }
        else
        {
            Execute(scheduler, Worker.Current);
        }
    }
}

/// <summary>What only those tasks need that native code has.</summary>
internal sealed class NativePart(object function, TaskOptions? options)
{
    public NativeShare Share;

    public object Function => function;

    public TaskOptions? Options => options;

    public PoolScheduler? Scheduler { get; set; }
}

/// <summary>
/// The task whose body starts next on this thread: a body is not told which task it
/// belongs to.
/// </summary>
internal static class Starting
{
    [ThreadStatic]
    private static Task? t_task;

    /// <summary>On this thread, which is that worker's, if there is one.</summary>
    public static ref Task? On(Worker? worker) =>
        ref worker != null ? ref worker.Starting : ref t_task;
}

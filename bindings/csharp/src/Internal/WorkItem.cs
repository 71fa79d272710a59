using System;
using System.Runtime.InteropServices;
using System.Threading;
using System.Threading.Tasks;

namespace Asyncpal.Internal;

/// <summary>
/// A task in a native pool. The pool has it as a number, which is a
/// <see cref="GCHandle"/>, so that no queued task can be collected; and it has a
/// share of the native task, its handle, which must be given up exactly once.
/// </summary>
/// <remarks>
/// Run(), RunInline(), Cancel() and Drop() compete for the handle by one atomic
/// exchange. Who finds it gives it up; who finds it taken leaves that to the
/// taker; Enqueue() does it when they were faster than itself.
/// </remarks>
internal class WorkItem : HostItem
{
    // Instead of a handle, which is an address.
    private const long Unknown = 0;
    private const long Finished = -1;
    private const long Taken = -2;

    private readonly PoolScheduler _scheduler;
    private Task? _task;
    private GCHandle _self;
    private long _handle;
    private bool _settled;

    public WorkItem(PoolScheduler scheduler, Task? task = null)
    {
        _scheduler = scheduler;
        _task = task;
    }

    /// <summary>Without a timeout; null: none.</summary>
    public TaskOptions? Limits { get; init; }

    public PoolScheduler Scheduler => _scheduler;

    /// <summary>The task, once it has been queued.</summary>
    protected Task? Task => _task;

    /// <summary>Hands the task to the native pool, or throws.</summary>
    public void Enqueue(Task task, NativeThreadPool pool)
    {
        _task = task;
        _self = GCHandle.Alloc(this);
        long handle;
        try
        {
            long id = (long)GCHandle.ToIntPtr(_self);
            using TaskSettings? settings = Limits?.ToNative();
            handle = settings == null ? pool.Submit(id) : pool.Submit(id, settings);
        }
        catch
        {
            _self.Free();
            throw;
        }
        if (Interlocked.CompareExchange(ref _handle, handle, Unknown) == Finished)
        {
            NativeThreadPool.Release(handle);
        }
    }

    /// <summary>True: it was pending, and will never run.</summary>
    public bool Cancel()
    {
        long handle = Volatile.Read(ref _handle);
        if (!Take(handle))
        {
            return false;
        }
        bool cancelled = NativeThreadPool.Cancel(handle);
        NativeThreadPool.Release(handle);
        if (cancelled)
        {
            OnGone();
        }
        return cancelled;
    }

    /// <summary>True: it was pending, and has run on this very thread.</summary>
    public bool RunInline()
    {
        long handle = Volatile.Read(ref _handle);
        if (!Take(handle))
        {
            return false;
        }
        bool ran = NativeThreadPool.RunInline(handle);
        if (ran || Interlocked.CompareExchange(ref _handle, handle, Taken) != Taken)
        {
            NativeThreadPool.Release(handle);
        }
        return ran;
    }

    /// <inheritdoc/>
    public override bool Run()
    {
        Execute();
        return OnGone();
    }

    /// <inheritdoc/>
    public override bool Drop(Exception? why)
    {
        bool result = OnGone();
        OnDropped(why);
        return result;
    }

    /// <summary>Counts the running task; the first call counts.</summary>
    protected void Settle(TaskOutcome outcome)
    {
        if (!_settled)
        {
            _settled = true;
            NativeThreadPool.Settle((int)outcome);
        }
    }

    /// <summary>
    /// The task will never run: it is too late, or the pool broke, for that reason,
    /// or was closed.
    /// </summary>
    protected virtual void OnDropped(Exception? why)
    {
        // Nobody can cancel the task of somebody else, and who waits for it must
        // not wait for ever.
        System.Threading.ThreadPool.UnsafeQueueUserWorkItem(
            static item => item._scheduler.Execute(item._task!), this, true);
    }

    private void Execute()
    {
        Task task = _task!;
        _scheduler.Execute(task);
        // The task of somebody else, or one that did not come to its body.
        Settle(
            task.IsCanceled ? TaskOutcome.TaskCancelled
            : task.IsFaulted ? TaskOutcome.TaskFailed
            : TaskOutcome.TaskCompleted);
    }

    private bool Take(long handle) =>
        handle > 0
        && Interlocked.CompareExchange(ref _handle, Taken, handle) == handle;

    /// <summary>
    /// The pool is done with it. True: somebody else gives the handle up.
    /// </summary>
    private bool OnGone()
    {
        _self.Free();
        _scheduler.Forget(this, _task!);
        return Interlocked.Exchange(ref _handle, Finished) <= 0;
    }
}

using System;
using System.Threading;
using System.Threading.Tasks;

namespace Asyncpal.Internal;

/// <summary>A task that somebody else has made and given to the scheduler.</summary>
internal sealed class ForeignTask(PoolScheduler scheduler, Task task) : IQueuedItem
{
    private const int Pending = 1;
    private const int Claimed = 2;

    private readonly SubmittedActivity? _submitted = TaskTracing.Submitted(task);

    // In .NET's queue; 0: in native code's.
    private int _state;
    private long _number;
    private NativeShare _share;

    /// <inheritdoc/>
    public Task Task => task;

    /// <inheritdoc/>
    public long Number => _state == 0 ? _share.Number : _number;

    /// <inheritdoc/>
    public bool IsPending => Volatile.Read(ref _state) == Pending;

    private Outcome Outcome =>
        task.IsCanceled ? Outcome.Cancelled
        : task.IsFaulted ? Outcome.Failed
        : Outcome.Completed;

    /// <inheritdoc/>
    public void Enqueue(PoolScheduler scheduler)
    {
        QueuedTasks? queued = scheduler.Queued;
        if (queued is not { TakesTasks: true })
        {
            _share.Enqueue(this, scheduler.Host, waitsForRoom: true);
            return;
        }
        _number = queued.Counts.Number();
        _state = Pending;
        queued.Push(this);
    }

    /// <inheritdoc/>
    public bool Claim() =>
        Interlocked.CompareExchange(ref _state, Claimed, Pending) == Pending;

    /// <inheritdoc/>
    public void RunClaimed(WorkerCounts worker) => RunClaimed((Worker)worker);

    private void RunClaimed(Worker worker)
    {
        worker.Begin(this);
        TaskTracing.Execute(scheduler, task, _submitted);
        worker.End();
        worker.Count(Outcome);
        scheduler.Forget(task);
    }

    /// <inheritdoc/>
    public void DropClaimed(PoolScheduler scheduler, Exception? why) => RunElsewhere();

    /// <inheritdoc/>
    public bool Run()
    {
        _share.Begin(this);
        TaskTracing.Execute(scheduler, task, _submitted);
        _share.Settle(Outcome);
        scheduler.Forget(task);
        return _share.Finish();
    }

    /// <inheritdoc/>
    public bool Drop(Exception? why)
    {
        _share.EndElsewhere(why == null ? Outcome.Cancelled : Outcome.Failed);
        RunElsewhere();
        return _share.Finish();
    }

    /// <inheritdoc/>
    public bool Cancel(PoolScheduler scheduler)
    {
        bool cancelled = Claim();
        if (cancelled)
        {
            scheduler.Queued!.Counts.Drop(Outcome.Cancelled);
            scheduler.Queued.Queue.AddStale();
        }
        cancelled = cancelled || _share.Cancel();
        if (cancelled)
        {
            scheduler.Forget(task);
        }
        return cancelled;
    }

    /// <inheritdoc/>
    public bool RunInline(PoolScheduler scheduler)
    {
        if (!scheduler.ClaimInline(this))
        {
            return _share.RunInline();
        }
        RunClaimed(Worker.Current!);
        scheduler.Queued!.Queue.AddStale();
        return true;
    }

    private void RunElsewhere()
    {
        scheduler.Forget(task);
        scheduler.ExecuteElsewhere(task);
    }
}

using System;
using System.Threading.Tasks;

namespace Asyncpal.Internal;

/// <summary>A task that somebody else has made and given to the scheduler.</summary>
internal sealed class ForeignTask(PoolScheduler scheduler, Task task) : IWorkItem
{
    private NativeShare _share;

    /// <inheritdoc/>
    public void Enqueue(NativeThreadPool pool) =>
        _share.Enqueue(this, pool, waitsForRoom: true);

    /// <inheritdoc/>
    public bool Run()
    {
        scheduler.Execute(task);
        NativeThreadPool.Settle((int)(
            task.IsCanceled ? TaskOutcome.TaskCancelled
            : task.IsFaulted ? TaskOutcome.TaskFailed
            : TaskOutcome.TaskCompleted));
        scheduler.Forget(task);
        return _share.Finish();
    }

    /// <inheritdoc/>
    public bool Drop(Exception? why)
    {
        scheduler.Forget(task);
        scheduler.ExecuteElsewhere(task);
        return _share.Finish();
    }

    /// <inheritdoc/>
    public bool Cancel()
    {
        bool cancelled = _share.Cancel();
        if (cancelled)
        {
            scheduler.Forget(task);
        }
        return cancelled;
    }

    /// <inheritdoc/>
    public bool RunInline() => _share.RunInline();
}

using System;
using System.Collections.Generic;
using System.Diagnostics.Tracing;
using System.Threading;
using System.Threading.Tasks;
using Asyncpal.Internal;

namespace Asyncpal;

/// <content>What a shutdown leaves, and what fails unobserved.</content>
public abstract partial class Pool
{
    private readonly object _cancelledLock = new();
    private List<CancelledTask> _cancelled = [];

    private protected Action<Exception>? UnobservedFailureHandler { get; init; }

    /// <summary>
    /// Does the work of a task that another pool has cancelled, as
    /// <see cref="Post(Action, CancellationToken, TaskOptions)"/>. It can't be used again.
    /// </summary>
    /// <param name="task">What to run; any pool's, but a process pool runs only
    /// what was a process pool's.</param>
    /// <exception cref="InvalidOperationException">It was used before.</exception>
    /// <exception cref="SerializationException">
    /// It can't travel to a process; it is as it was.
    /// </exception>
    public void Post(CancelledTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        Check();
        Watch(Submit(task));
    }

    /// <summary>
    /// What a shutdown has cancelled and what a broken pool has left, in the order
    /// of their submission. A second call gives what came since. Tasks that were
    /// cancelled by their tokens, or are parts of maps, are not among them.
    /// </summary>
    public IReadOnlyList<CancelledTask> TakeCancelledTasks()
    {
        lock (_cancelledLock)
        {
            List<CancelledTask> taken = _cancelled;
            _cancelled = [];
            return taken;
        }
    }

    /// <summary>For <see cref="TakeCancelledTasks"/>.</summary>
    internal void Keep(CancelledTask task)
    {
        lock (_cancelledLock)
        {
            _cancelled.Add(task);
        }
    }

    private protected abstract Task Submit(CancelledTask task);

    private void Watch(Task posted) =>
        posted.ContinueWith(
            static (task, pool) => ((Pool)pool!).OnUnobservedFailure(
                task.Exception!.InnerExceptions[0]),
            this,
            CancellationToken.None,
            TaskContinuationOptions.OnlyOnFaulted
                | TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);

    private void OnUnobservedFailure(Exception error)
    {
        if (error is BrokenPoolException)
        {
            return;  // it did not run, and is handed out
        }
        if (UnobservedFailureHandler != null)
        {
            UnobservedFailureHandler(error);
            return;
        }
        AsyncpalEvents.Log.Tell(
            EventLevel.Error,
            $"{this}: a posted task failed: {Guarded.Text(error)}");
    }
}

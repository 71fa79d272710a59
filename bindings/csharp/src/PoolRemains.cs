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
    private List<CancelledTask> _cancelledLater = [];

    internal PoolLog Log { get; private protected init; } = null!;

    private protected Action<Exception>? UnobservedFailureHandler { get; init; }

    /// <summary>
    /// Runs a task that another pool has cancelled, in the same way as
    /// <see cref="TaskRunner.Post(Action, CancellationToken, TaskOptions)"/>. The task can't
    /// be used again.
    /// </summary>
    /// <param name="task">The task to run. It may come from any pool, but a process
    /// pool runs only tasks of process pools.</param>
    /// <exception cref="InvalidOperationException">The task was used
    /// before.</exception>
    /// <exception cref="SerializationException">
    /// The task can't travel to a process; it can still be used.
    /// </exception>
    public void Post(CancelledTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        Check();
        Watch(Submit(task));
    }

    /// <summary>
    /// Returns the tasks that a shutdown has cancelled and a broken pool has left,
    /// in the order of their submission, and then those whose time had not come, in that
    /// of their times. A second call returns only those that have
    /// come since. Tasks that were cancelled by their tokens, or are parts of maps,
    /// are not among them.
    /// </summary>
    public IReadOnlyList<CancelledTask> TakeCancelledTasks()
    {
        lock (_cancelledLock)
        {
            List<CancelledTask> taken = _cancelled;
            taken.AddRange(_cancelledLater);
            _cancelled = [];
            _cancelledLater = [];
            return taken;
        }
    }

    /// <summary>For <see cref="TakeCancelledTasks"/>.</summary>
    /// <param name="task">What was cancelled.</param>
    /// <param name="isLater">It follows all others.</param>
    internal void Keep(CancelledTask task, bool isLater = false)
    {
        lock (_cancelledLock)
        {
            (isLater ? _cancelledLater : _cancelled).Add(task);
        }
    }

    private protected abstract Task Submit(CancelledTask task);

    /// <summary>Tells the handler, or else the log, which says what it is.</summary>
    internal void OnUnobservedFailure(Exception error, string what)
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
        Log.Tell(EventLevel.Error, $"{this}: {what}", error);
    }
}

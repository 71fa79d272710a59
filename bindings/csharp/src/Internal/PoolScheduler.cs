using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

namespace Asyncpal.Internal;

/// <summary>Runs tasks on the workers of a native pool of threads.</summary>
internal sealed class PoolScheduler : TaskScheduler
{
    private readonly CancellationTokenSource _close = new();

    // Tasks that SubmitAsync() has not made, which don't know their items.
    private readonly ConcurrentDictionary<Task, WorkItem> _others = new();

    private readonly ThreadPoolHost _host;

    public PoolScheduler(Asyncpal.ThreadPool pool, ThreadPoolHost host, int maxWorkers)
    {
        Pool = pool;
        _host = host;
        CloseToken = _close.Token;
        MaximumConcurrencyLevel = maxWorkers;
    }

    public Asyncpal.ThreadPool Pool { get; }

    /// <summary>Of tasks that the pool cancels when it is closed.</summary>
    public CancellationToken CloseToken { get; }

    public override int MaximumConcurrencyLevel { get; }

    public bool IsOnWorker => _host.IsOnWorker;

    /// <summary>Cancels tasks that have not begun and have no other token.</summary>
    public void RequestCancellation() => _close.Cancel();

    /// <summary>
    /// Blocks until the task is done; false: the time is over. A worker runs what
    /// is still pending. Otherwise it runs elsewhere, or the stack is deep; then
    /// another worker may stand in for this one, or a pool of one would wait for
    /// itself.
    /// </summary>
    public bool WaitOn(Task task, TimeSpan timeout)
    {
        if (task.IsCompleted
            || (IsOnWorker && FindItem(task) is { } item && item.RunInline()))
        {
            return true;
        }
        bool stoodIn = IsOnWorker && NativeThreadPool.BeginBlocking();
        try
        {
            return ((IAsyncResult)task).AsyncWaitHandle.WaitOne(timeout);
        }
        finally
        {
            if (stoodIn)
            {
                NativeThreadPool.EndBlocking();
            }
        }
    }

    /// <summary>Runs the task, unless it was cancelled.</summary>
    public bool Execute(Task task) => TryExecuteTask(task);

    /// <summary>The task is no longer queued.</summary>
    public void Forget(WorkItem item, Task task)
    {
        if (!ReferenceEquals(task.AsyncState, item))
        {
            _others.TryRemove(task, out _);
        }
    }

    /// <inheritdoc/>
    protected override void QueueTask(Task task)
    {
        if (task.AsyncState is not WorkItem item || item.Scheduler != this)
        {
            item = new WorkItem(this, task);
            _others[task] = item;
            try
            {
                item.Enqueue(task, Pool.NativeThreads);
            }
            catch
            {
                _others.TryRemove(task, out _);
                throw;
            }
            return;
        }
        item.Enqueue(task, Pool.NativeThreads);
    }

    /// <summary>Called when a task's token is cancelled.</summary>
    protected override bool TryDequeue(Task task) =>
        FindItem(task)?.Cancel() ?? false;

    /// <summary>
    /// Called by a thread that waits for the task, without a limit to that, or
    /// is about to run a continuation.
    /// </summary>
    protected override bool TryExecuteTaskInline(
        Task task, bool taskWasPreviouslyQueued)
    {
        if (!IsOnWorker)
        {
            return false;
        }
        if (!taskWasPreviouslyQueued)
        {
            return TryExecuteTask(task);
        }
        return WaitOn(task, Timeout.InfiniteTimeSpan);
    }

    /// <summary>For debuggers.</summary>
    protected override IEnumerable<Task> GetScheduledTasks() => _others.Keys;

    private WorkItem? FindItem(Task task) =>
        task.AsyncState is WorkItem item && item.Scheduler == this
            ? item
            : _others.GetValueOrDefault(task);
}

using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

namespace Asyncpal.Internal;

/// <summary>Runs tasks on the workers of a native pool of threads.</summary>
internal sealed class PoolScheduler : TaskScheduler
{
    private readonly ConcurrentDictionary<Task, ForeignTask> _foreign = new();

    private readonly ThreadPoolHost _host;

    public PoolScheduler(Asyncpal.ThreadPool pool, ThreadPoolHost host, int maxWorkers)
    {
        Pool = pool;
        _host = host;
        MaximumConcurrencyLevel = maxWorkers;
    }

    public Asyncpal.ThreadPool Pool { get; }

    public override int MaximumConcurrencyLevel { get; }

    public bool IsOnWorker => _host.IsOnWorker;

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

    /// <summary>A task that was made elsewhere is no longer queued.</summary>
    public void Forget(Task task) => _foreign.TryRemove(task, out _);

    /// <inheritdoc/>
    protected override void QueueTask(Task task)
    {
        if (task is IWorkItem own)
        {
            own.Enqueue(Pool.NativeThreads);
            return;
        }
        var foreign = new ForeignTask(this, task);
        _foreign[task] = foreign;
        try
        {
            foreign.Enqueue(Pool.NativeThreads);
        }
        catch
        {
            Forget(task);
            throw;
        }
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
    protected override IEnumerable<Task> GetScheduledTasks() => _foreign.Keys;

    private IWorkItem? FindItem(Task task) =>
        task as IWorkItem ?? _foreign.GetValueOrDefault(task);
}

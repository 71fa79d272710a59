using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;

namespace Asyncpal.Internal;

/// <summary>Runs tasks on the workers of a native pool of threads.</summary>
internal sealed class PoolScheduler : TaskScheduler
{
    private readonly ConcurrentDictionary<Task, ForeignTask> _foreign = new();

    // Of tasks inside of each other's waits.
    private const int MaxDepth = 200;

    private readonly BlockedWatch _watch;

    public PoolScheduler(
        Asyncpal.ThreadPool pool,
        ThreadPoolHost host,
        bool allowContinuations)
    {
        Pool = pool;
        Host = host;
        _watch = new BlockedWatch(pool);
        ContinuationOptions = allowContinuations
            ? TaskCreationOptions.None
            : TaskCreationOptions.RunContinuationsAsynchronously;
    }

    public Asyncpal.ThreadPool Pool { get; }

    public ThreadPoolHost Host { get; }

    /// <summary>Where tasks wait; null: in native code.</summary>
    public QueuedTasks? Queued => Host.Queued;

    public override int MaximumConcurrencyLevel => Pool.MaxWorkers;

    /// <summary>Where what awaits a task of the pool may go on.</summary>
    public TaskCreationOptions ContinuationOptions { get; }

    public bool IsOnWorker => Host.IsOnWorker;

    public bool AreWorkersBlocked => Host.AreWorkersBlocked();

    /// <summary>
    /// Blocks until the task is done; false: the time is over. A worker runs what
    /// is still pending. Otherwise it runs elsewhere, or the stack is deep; then
    /// another worker may stand in for this one, or a pool of one would wait for
    /// itself.
    /// </summary>
    public bool WaitOn(Task task, TimeSpan timeout)
    {
        if (task.IsCompleted
            || (IsOnWorker && FindItem(task) is { } item && item.RunInline(this)))
        {
            return true;
        }
        if (IsOnWorker && ViewTasks.Find(task) is IWorkItem behind)
        {
            // Or throws, where it would wait for itself.
            behind.RunInline(this);
            if (task.IsCompleted)
            {
                return true;
            }
        }
        bool stoodIn = IsOnWorker && Worker.Current!.BeginBlocking();
        try
        {
            return ((IAsyncResult)task).AsyncWaitHandle.WaitOne(timeout);
        }
        finally
        {
            if (stoodIn)
            {
                Worker.Current!.EndBlocking();
            }
        }
    }

    /// <summary>Runs the task, unless it was cancelled.</summary>
    public bool Execute(Task task) => TryExecuteTask(task);

    /// <summary>
    /// On a worker: claims a task that is pending in .NET, to run it there and then.
    /// </summary>
    public bool ClaimInline(IQueuedTask task)
    {
        bool isMine = Worker.Current!.Depth < MaxDepth
            && RuntimeHelpers.TryEnsureSufficientExecutionStack()
            && task.Claim();
        if (isMine)
        {
            Worker.Current!.CountLeft();
        }
        return isMine;
    }

    /// <summary>Hands an item to the pool, or throws.</summary>
    public void Enqueue(IWorkItem item)
    {
        item.Enqueue(this);
        _watch.Wake();
    }

    /// <summary>Tasks may wait for a worker, whoever has submitted them.</summary>
    public void Watch() => _watch.Wake();

    /// <summary>How often all workers were found blocked.</summary>
    public long CountStalls() => _watch.Count;

    /// <summary>The pool is disposed of.</summary>
    public void StopWatching() => _watch.Dispose();

    /// <summary>
    /// Runs a task that nobody here can run any more, and nobody can cancel, on the
    /// .NET thread pool: whoever waits for it must not wait for ever.
    /// </summary>
    public void ExecuteElsewhere(Task task) =>
        System.Threading.ThreadPool.UnsafeQueueUserWorkItem(
            static item => item.Scheduler.Execute(item.Task),
            (Scheduler: this, Task: task),
            preferLocal: true);

    /// <summary>A task that was made elsewhere is no longer queued.</summary>
    public void Forget(Task task) => _foreign.TryRemove(task, out _);

    /// <inheritdoc/>
    protected override void QueueTask(Task task)
    {
        if (task is IWorkItem own)
        {
            Enqueue(own);
            return;
        }
        if ((task.CreationOptions & TaskCreationOptions.LongRunning) != 0)
        {
            ExecuteOnThreadOfItsOwn(task);
            return;
        }
        var foreign = new ForeignTask(this, task);
        _foreign[task] = foreign;
        try
        {
            Enqueue(foreign);
        }
        catch (Exception e) when (e is ObjectDisposedException or BrokenPoolException)
        {
            // What follows an await, for example: whatever it belongs to would
            // never be done, or the exception would end the process.
            Forget(task);
            ExecuteElsewhere(task);
        }
        catch
        {
            Forget(task);
            throw;
        }
    }

    /// <summary>Called when a task's token is cancelled.</summary>
    protected override bool TryDequeue(Task task) =>
        FindItem(task)?.Cancel(this) ?? false;

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

    /// <summary>As .NET's own scheduler does; the pool does not count it.</summary>
    private void ExecuteOnThreadOfItsOwn(Task task) =>
        new Thread(() => Execute(task))
        {
            IsBackground = true,
            Name = $"{Pool.Name}-long-running",
        }.UnsafeStart();

    private IWorkItem? FindItem(Task task) =>
        task as IWorkItem ?? _foreign.GetValueOrDefault(task);
}

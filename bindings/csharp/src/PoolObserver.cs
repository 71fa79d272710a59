using System;

namespace Asyncpal;

/// <summary>
/// Is told what happens in a pool, while it happens: for traces, metrics and logs of
/// one's own.
/// </summary>
/// <remarks>
/// <code>
/// class SlowTasks : PoolObserver
/// {
///     public override void OnDone(TaskReport task)
///     {
///         if (task.Ran.TotalSeconds > 1)
///         {
///             Console.Error.WriteLine($"{task.Name} was slow");
///         }
///     }
/// }
/// using var pool = new ThreadPool(new ThreadPoolOptions { Observer = new SlowTasks() });
/// </code>
/// <para>Each task that is submitted (also by Post(), maps and
/// <see cref="ThreadPool.AsTaskScheduler"/>) has one <see cref="OnSubmit"/> and one
/// <see cref="OnDone"/>, and in between an <see cref="OnStart"/> for each attempt to run
/// it, if it comes to that: it may be cancelled before, come too late, or be dropped by
/// a shutdown. A submission that the pool refuses for lack of room is a task that ends
/// at once, as <see cref="TaskState.Failed"/>; one to a pool that is closed or broken is
/// not reported. What an asynchronous function does after its first await is no longer
/// the task's.</para>
/// <para>A thread pool with an observer gives each task to native code, which costs it
/// microseconds, many times as much as one that is not observed: observe pools of tasks
/// that take tens of microseconds or more.</para>
/// <para>Threads: called on whatever thread does it (a submitter, a worker, one of
/// native code's own, one that cancels), on several at once, with no lock of the library
/// held. It may use the pools; if it submits to its own, <see cref="OnSubmit"/> is
/// called for that task in turn. It must not wait for the task that it is told
/// of.</para>
/// <para>Lifetime: pools refer to it until their last worker has gone; a pool that it
/// refers to in turn is not collected before it is closed.</para>
/// <para>Ordering: OnSubmit(), OnStart(), OnDone() of one task in this order, but for a
/// task that is killed as it starts; OnWorkerStarted() before the tasks of that worker,
/// OnWorkerEnded() after them. A task is done after its OnDone(), and
/// <see cref="Pool.Stats"/> counts it then.</para>
/// <para>Errors: the first thing that it throws is an event of the source
/// <c>Asyncpal</c>, or else a line on stderr; nobody else notices.</para>
/// <para>Shutdown: the tasks that it cancels are reported before it returns.</para>
/// </remarks>
public abstract class PoolObserver
{
    /// <summary>The task is about to be queued.</summary>
    /// <param name="task">Its outcome is <see cref="TaskState.Pending"/>.</param>
    public virtual void OnSubmit(TaskReport task)
    {
    }

    /// <summary>The task is about to run.</summary>
    /// <param name="task">Its outcome is <see cref="TaskState.Running"/>.</param>
    public virtual void OnStart(TaskReport task)
    {
    }

    /// <summary>The task is over, and about to be completed.</summary>
    /// <param name="task">Its outcome is how it has ended.</param>
    public virtual void OnDone(TaskReport task)
    {
    }

    /// <summary>A worker is ready for tasks.</summary>
    /// <param name="worker">A thread, on that thread, or a process.</param>
    public virtual void OnWorkerStarted(WorkerInfo worker)
    {
    }

    /// <summary>A worker is no more, or about to go.</summary>
    /// <param name="worker">As it was at last.</param>
    /// <param name="why">For people.</param>
    public virtual void OnWorkerEnded(WorkerInfo worker, string why)
    {
    }

    /// <summary>
    /// The task runs longer than <see cref="PoolOptions.StallThreshold"/>. Called once
    /// for it, on the thread that keeps the pools' timeouts, which wait for it. It may
    /// come after the <see cref="OnDone"/> of a task that ends just then.
    /// </summary>
    /// <param name="task">Its outcome is <see cref="TaskState.Running"/>.</param>
    /// <param name="stack">
    /// What it does, a line for each frame; empty where that can't be told, as for
    /// threads of .NET.
    /// </param>
    public virtual void OnStall(TaskReport task, string stack)
    {
    }
}

/// <summary>What has become of a task.</summary>
public enum TaskState
{
    /// <summary>It waits for a worker.</summary>
    Pending,

    /// <summary>It runs.</summary>
    Running,

    /// <summary>It has returned.</summary>
    Completed,

    /// <summary>It has thrown, or could not be run.</summary>
    Failed,

    /// <summary>It was cancelled.</summary>
    Cancelled,
}

/// <summary>One task, as a <see cref="PoolObserver"/> is told of it.</summary>
/// <param name="Pool">The pool's name.</param>
/// <param name="Name">That of its <see cref="TaskOptions"/>; may be empty.</param>
/// <param name="Id">Unique in its pool.</param>
/// <param name="Outcome">
/// <see cref="TaskState.Pending"/> when it is submitted, <see cref="TaskState.Running"/>
/// when it starts, what it has become when it is done.
/// </param>
/// <param name="IsLost">Whether it failed because its worker died.</param>
/// <param name="Waited">From its submission to its start, or until now.</param>
/// <param name="Ran">
/// From its start to its end, or until now; of several attempts, from the first start
/// on.
/// </param>
/// <param name="Worker">
/// <see cref="WorkerInfo.Id"/> of who runs it; 0: nobody does or did, or it is a thread
/// that is no worker (<see cref="WhenFull.CallerRuns"/>).
/// </param>
/// <param name="ProcessId">
/// As <see cref="WorkerInfo.ProcessId"/>, of that worker; null: as for
/// <paramref name="Worker"/>.
/// </param>
/// <param name="Attempt">1, 2, ...; 0: it has not started.</param>
public sealed record TaskReport(
    string Pool,
    string Name,
    long Id,
    TaskState Outcome,
    bool IsLost,
    TimeSpan Waited,
    TimeSpan Ran,
    long Worker,
    long? ProcessId,
    int Attempt);

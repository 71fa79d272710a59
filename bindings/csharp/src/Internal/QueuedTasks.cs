using System;
using System.Collections.Generic;

namespace Asyncpal.Internal;

/// <summary>
/// The tasks of a thread pool that wait in .NET: how they come into the queue, and leave
/// it other than by a worker.
/// </summary>
/// <remarks>Threads: any.</remarks>
internal sealed class QueuedTasks
{
    private readonly ThreadPoolHost _host;

    public QueuedTasks(ThreadPoolHost host)
    {
        _host = host;
        Queue = new HostQueue(Counts);
    }

    public TaskCounts Counts { get; } = new();

    public HostQueue Queue { get; }

    /// <summary>Whether a task may wait here, and not in native code.</summary>
    public bool TakesTasks => !Counts.MustFollowNative && !Trace.IsOn;

    /// <summary>Queues a task that has been numbered, or throws.</summary>
    public void Push(IQueuedTask task)
    {
        bool isSignalled;
        try
        {
            isSignalled = Queue.Push(task);
        }
        catch (Exception)
        {
            Unqueue(task);  // there is no memory
            throw;
        }
        if (isSignalled)
        {
            SeeToWorkers(task);
        }
    }

    /// <summary>A numbered task is about to be given to native code.</summary>
    public void EnterNativeQueue()
    {
        Counts.EnterNativeQueue();
        try
        {
            Queue.GoFirst();
        }
        catch (Exception e)
        {
            DropStranded(() => e);
        }
    }

    /// <summary>
    /// From now on native code decides when a task begins, until <c>Counts.Release()</c>.
    /// </summary>
    public void Hold()
    {
        Counts.Hold();
        try
        {
            Queue.GoFirst();
        }
        catch (Exception e)
        {
            DropStranded(() => e);
        }
    }

    /// <summary>Closes the pool, by that call, and runs what is pending.</summary>
    public void Drain(Action closeNative)
    {
        if (!Queue.Close(runsRest: true, closeNative))
        {
            Drop(Queue.TakeStranded(), static () => new AsyncpalException(
                "the system refused to start a thread"));
        }
    }

    /// <summary>Closes the pool, by that call, and cancels what is pending.</summary>
    public void CancelPending(Action closeNative)
    {
        Queue.Close(runsRest: false, closeNative);
        Drop(Queue.TakeAll(), null);
    }

    /// <summary>Native code's pool has broken.</summary>
    public void Fail(Func<Exception> why)
    {
        Queue.Close(runsRest: false, static () => { });
        Drop(Queue.TakeAll(), why);
    }

    /// <summary>Native code has dropped a ticket; null: it has closed its pool.</summary>
    public void DropTicket(Func<Exception>? why)
    {
        Queue.Drop();
        if (Queue.IsRequesting)
        {
            return;  // as it can't be submitted: whoever does that sees to the rest
        }
        if (why == null)
        {
            Drop(Queue.TakeAll(), null);
        }
        else
        {
            DropStranded(why);
        }
    }

    /// <summary>The queue asks for a worker, or it is closed.</summary>
    private void SeeToWorkers(IQueuedTask task)
    {
        try
        {
            if (Queue.SeeToWorkers() || !Unqueue(task))
            {
                return;
            }
        }
        catch (Exception e)
        {
            // Native code gives it no worker.
            bool isMine = Unqueue(task);
            DropStranded(() => e);
            if (isMine)
            {
                throw;
            }
            return;
        }
        _host.ThrowThatItIsClosed();
    }

    /// <summary>Takes it back. False: it is pending no more.</summary>
    private bool Unqueue(IQueuedTask task)
    {
        bool isMine = task.Claim();
        if (isMine)
        {
            Counts.Refuse();
            Queue.AddStale();
        }
        return isMine;
    }

    /// <summary>
    /// After native code has refused or dropped a ticket, since it has no worker.
    /// </summary>
    private void DropStranded(Func<Exception> why) => Drop(Queue.TakeStranded(), why);

    private void Drop(List<IQueuedTask> tasks, Func<Exception>? why)
    {
        // As long as a task is pending there is its pool.
        if (tasks.Count == 0 || _host.Pool is not { } pool)
        {
            return;
        }
        foreach (IQueuedTask task in tasks)
        {
            if (task.Claim())
            {
                Counts.Drop(why == null ? Outcome.Cancelled : Outcome.Failed);
                ((IQueuedItem)task).DropClaimed(pool.Scheduler, why?.Invoke());
            }
        }
    }
}

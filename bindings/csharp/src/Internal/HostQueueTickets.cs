using System;
using System.Diagnostics;
using System.Threading;

namespace Asyncpal.Internal;

/// <content>The life of a ticket, and when one more is asked for.</content>
internal partial class HostQueue
{
    /// <summary>
    /// On a worker, for a ticket: runs tasks until there are none, or others must have
    /// the worker, whose thread this is.
    /// </summary>
    public void Work(WorkerCounts worker)
    {
        Begin();
        bool searches = true;
        long since = Stopwatch.GetTimestamp();
        while (true)
        {
            if (_tasks.TryTake() is { } task)
            {
                if (!task.Claim())
                {
                    Interlocked.Decrement(ref _stale);
                    continue;
                }
                worker.CountLeft();
                if (searches)
                {
                    Found();  // not before it has left, or it would look like one more
                    searches = false;
                }
                task.RunClaimed(worker);
                if ((IsCrowded && EndIfCrowded())
                    || (counts.MustFollowNative && EndIfCovered()))
                {
                    return;
                }
            }
            else if (!searches)
            {
                Search();
                searches = true;
                since = Stopwatch.GetTimestamp();
            }
            else if (IsOpen && Stopwatch.GetElapsedTime(since) < MaxSearch)
            {
                // On a busy machine that may take long, and is the last time then.
                Thread.Yield();
            }
            else if (End())
            {
                return;
            }
        }
    }

    /// <summary>A worker has it. It is searching.</summary>
    public void Begin()
    {
        using (Uninterrupted.Enter(_lock))
        {
            ++_tickets.Running;
            Update();
        }
    }

    /// <summary>It has found a task, which has left.</summary>
    public void Found()
    {
        using (Uninterrupted.Enter(_lock))
        {
            --_tickets.Searching;
            RequestSuccessor();
        }
    }

    /// <summary>It searches again.</summary>
    public void Search()
    {
        using (Uninterrupted.Enter(_lock))
        {
            ++_tickets.Searching;
        }
    }

    /// <summary>
    /// It has searched in vain. False: not quite, and goes on with that.
    /// </summary>
    public bool End()
    {
        using (Uninterrupted.Enter(_lock))
        {
            --_tickets.Out;
            --_tickets.Running;
            --_tickets.Searching;
            Update();
            if (_tasks.IsEmpty)
            {
                return true;
            }
            ++_tickets.Out;
            ++_tickets.Running;
            ++_tickets.Searching;
            Update();
            return false;
        }
    }

    /// <summary>
    /// After a task: it ends without having searched, if more run than may.
    /// </summary>
    public bool EndIfCrowded()
    {
        using (Uninterrupted.Enter(_lock))
        {
            if (_tickets.Running - _tickets.Blocked <= _maxWorkers)
            {
                return false;
            }
            --_tickets.Out;
            --_tickets.Running;
            Update();
            RequestSuccessor();
            return true;
        }
    }

    /// <summary>
    /// After a task: it ends without having searched, as each task here has a ticket that
    /// waits for its turn in native code, with what else does.
    /// </summary>
    public bool EndIfCovered()
    {
        using (Uninterrupted.Enter(_lock))
        {
            long here = counts.Here;
            if (here <= 0 || _tickets.Out - _tickets.Running < here)
            {
                return false;
            }
            --_tickets.Out;
            --_tickets.Running;
            Update();
            RequestSuccessor();
            return true;
        }
    }

    /// <summary>Native code has dropped it before it ran.</summary>
    public void Drop()
    {
        using (Uninterrupted.Enter(_lock))
        {
            --_tickets.Out;
            --_tickets.Searching;
            Update();
        }
    }

    /// <summary>
    /// A worker is about to be blocked inside of a task: another may be useful.
    /// </summary>
    public void Block()
    {
        using (Uninterrupted.Enter(_lock))
        {
            ++_tickets.Blocked;
            Update();
            RequestSuccessor();
        }
    }

    public void Unblock()
    {
        using (Uninterrupted.Enter(_lock))
        {
            --_tickets.Blocked;
            Update();
        }
    }

    // ---------------------------------------------------------- With the lock

    /// <summary>Called where the signal has just changed, for tests.</summary>
    protected virtual void OnSignalled()
    {
    }

    /// <summary>
    /// Publishes what has changed. Whoever may have made it hungry looks at the queue
    /// after it.
    /// </summary>
    private void Update()
    {
        int now = _isClosed ? Closed : IsHungry ? Hungry : 0;
        if (_signal != now)
        {
            Interlocked.Exchange(ref _signal, now);
            OnSignalled();
        }
        bool many = _tickets.Running - _tickets.Blocked > _maxWorkers;
        if (_isCrowded != many)
        {
            Volatile.Write(ref _isCrowded, many);
        }
    }

    private void RequestIfNeeded()
    {
        if (IsHungry && counts.Here > _tickets.Searching)
        {
            Request();
        }
    }

    private void Request()
    {
        ++_tickets.Out;
        ++_tickets.Searching;
        Update();
        bool taken = false;
        try
        {
            _submitTicket!();
            taken = true;
        }
        finally
        {
            if (!taken)
            {
                --_tickets.Out;
                --_tickets.Searching;
                Update();
            }
        }
    }

    /// <summary>
    /// The same where a refusal changes nothing: the caller's own ticket is out.
    /// </summary>
    private void RequestSuccessor()
    {
        try
        {
            RequestIfNeeded();
        }
        catch (Exception)
        {
            // Whoever is out looks at the queue later.
        }
    }

    /// <summary>
    /// Each task gets a ticket of its own, in front of what native code is given from
    /// now on.
    /// </summary>
    private void RequestForAll()
    {
        for (long n = counts.Here - (_tickets.Out - _tickets.Running); n > 0; --n)
        {
            Request();
        }
    }
}

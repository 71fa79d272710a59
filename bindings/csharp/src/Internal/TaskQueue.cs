using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Threading;

namespace Asyncpal.Internal;

/// <summary>
/// The platform's queue, from whose middle the tasks can be taken that are not pending
/// any more.
/// </summary>
/// <remarks>
/// <para>How it works. A sweep takes the oldest tasks out and puts those that are pending
/// into a list in front, from which the next ones are taken. Whoever has taken a task
/// meanwhile may have overtaken older ones; it sees that there was a sweep, puts the task
/// in its place in front, and takes the first.</para>
/// <para>Threads: any. Ordering: what happened before Add() happens before what follows
/// the TryTake() that returns the task. Add() ends with a full fence, after which the
/// task is seen by every IsEmpty and TryTake().</para>
/// </remarks>
internal class TaskQueue
{
    private readonly ConcurrentQueue<IQueuedTask> _tasks = new();

    private int _sweeps;

    // Whether there is something in front; written with its lock.
    private bool _hasFront;
    private readonly Lock _lock = new();
    private readonly LinkedList<IQueuedTask> _front = [];

    public bool IsEmpty
    {
        get
        {
            // In this order: a task may go from there to here.
            bool isEmpty = _tasks.IsEmpty;
            return isEmpty && !Volatile.Read(ref _hasFront);
        }
    }

    public void Add(IQueuedTask task)
    {
        _tasks.Enqueue(task);
        Interlocked.MemoryBarrier();
    }

    /// <summary>The oldest; null: it is empty.</summary>
    public IQueuedTask? TryTake()
    {
        while (true)
        {
            int sweeps = Volatile.Read(ref _sweeps);
            if (Volatile.Read(ref _hasFront) && TakeFront() is { } first)
            {
                return first;
            }
            OnTake();
            bool found = Uninterrupted.TryDequeue(_tasks, out IQueuedTask? task);
            if (Volatile.Read(ref _sweeps) == sweeps)
            {
                return task;
            }
            if (found)
            {
                return TakeInsteadOf(task!);
            }
        }
    }

    /// <summary>Takes the tasks out that are not pending.</summary>
    /// <returns>How many.</returns>
    public int Sweep()
    {
        using (Uninterrupted.Enter(_lock))
        {
            int removed = 0;
            for (LinkedListNode<IQueuedTask>? node = _front.First; node != null; )
            {
                LinkedListNode<IQueuedTask>? next = node.Next;
                if (!node.Value.IsPending)
                {
                    _front.Remove(node);
                    ++removed;
                }
                node = next;
            }
            // In this order: whoever sees the sweep looks here first.
            Volatile.Write(ref _hasFront, true);
            Interlocked.Increment(ref _sweeps);
            for (int n = _tasks.Count;
                n > 0 && Uninterrupted.TryDequeue(_tasks, out IQueuedTask? task);
                --n)
            {
                if (task.IsPending)
                {
                    Insert(task);
                }
                else
                {
                    ++removed;
                }
            }
            Volatile.Write(ref _hasFront, _front.Count > 0);
            return removed;
        }
    }

    /// <summary>Called where a sweep may come in between, for tests.</summary>
    protected virtual void OnTake()
    {
    }

    private IQueuedTask? TakeFront()
    {
        using (Uninterrupted.Enter(_lock))
        {
            IQueuedTask? first = _front.First?.Value;
            if (first != null)
            {
                _front.RemoveFirst();
            }
            Volatile.Write(ref _hasFront, _front.Count > 0);
            return first;
        }
    }

    private IQueuedTask TakeInsteadOf(IQueuedTask task)
    {
        using (Uninterrupted.Enter(_lock))
        {
            Insert(task);
            return TakeFront()!;
        }
    }

    /// <summary>In the order of submission, which is nearly that of the queue.</summary>
    private void Insert(IQueuedTask task)
    {
        LinkedListNode<IQueuedTask>? older = _front.Last;
        // The numbers begin anew some day.
        while (older != null && (int)(older.Value.Number - task.Number) > 0)
        {
            older = older.Previous;
        }
        if (older == null)
        {
            _front.AddFirst(task);
        }
        else
        {
            _front.AddAfter(older, task);
        }
    }
}

using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using System.Threading;

namespace Asyncpal.Internal;

/// <summary>How a task has ended; as native code's TaskOutcome.</summary>
internal enum Outcome
{
    Completed,
    Failed,
    Cancelled,
}

/// <summary>
/// What a worker counts: the tasks that it has taken from .NET's queue, and its own that
/// have ended.
/// </summary>
/// <remarks>
/// Threads: its own counts, any may ask. So that workers do not write to the same places.
/// </remarks>
internal class WorkerCounts
{
    private long _left;
    private EndedCounts _ended;

    public long Left => Volatile.Read(ref _left);

    public EndedCounts Ended => _ended.Read();

    /// <summary>A task is pending no more, as it runs here.</summary>
    public void CountLeft() => Volatile.Write(ref _left, _left + 1);

    /// <summary>Before whoever waits for the task can see that it has ended.</summary>
    public void Count(Outcome outcome) => _ended.Add(outcome);
}

/// <summary>How many tasks have ended, and how.</summary>
internal struct EndedCounts
{
    public long Completed;
    public long Failed;
    public long Cancelled;

    public readonly long All => Completed + Failed + Cancelled;

    /// <summary>What its writer has written; on any thread.</summary>
    public readonly EndedCounts Read() => new()
    {
        Completed = Volatile.Read(in Completed),
        Failed = Volatile.Read(in Failed),
        Cancelled = Volatile.Read(in Cancelled),
    };

    /// <summary>By one thread at a time.</summary>
    public void Add(Outcome outcome, long count = 1)
    {
        ref long counter = ref Completed;
        if (outcome != Outcome.Completed)
        {
            counter = ref outcome == Outcome.Failed ? ref Failed : ref Cancelled;
        }
        Volatile.Write(ref counter, counter + count);
    }

    public void Add(EndedCounts others)
    {
        Completed += others.Completed;
        Failed += others.Failed;
        Cancelled += others.Cancelled;
    }
}

/// <summary>
/// What a thread pool that counts in .NET knows of its tasks, and the workers that
/// count for themselves.
/// </summary>
/// <remarks>
/// Each task is numbered, then leaves what is pending or is refused, then ends. The
/// counts are read the other way round, so each snapshot adds up. Threads: any.
/// </remarks>
internal sealed class TaskCounts
{
    private readonly Lock _lock = new();

    // Guarded by the lock.
    private readonly HashSet<WorkerCounts> _workers = [];
    private EndedCounts _endedElsewhere;

    private Counters _counters;

    // Each where no other changes its cache line.
    [StructLayout(LayoutKind.Explicit, Size = 640)]
    private struct Counters
    {
        [FieldOffset(128)]
        public long Numbered;

        // Not by a worker's own account.
        [FieldOffset(256)]
        public long LeftElsewhere;

        [FieldOffset(384)]
        public long Refused;

        // Of those that are pending.
        [FieldOffset(512)]
        public long InNativeQueue;

        [FieldOffset(520)]
        public long Holds;
    }

    /// <summary>
    /// Whether a task must go to native code's queue, to stay behind others, and a ticket
    /// must leave its worker to what waits there.
    /// </summary>
    public bool MustFollowNative =>
        Volatile.Read(ref _counters.InNativeQueue) > 0
        || Volatile.Read(ref _counters.Holds) > 0;

    /// <summary>
    /// How many tasks are pending in .NET: not less than those that were numbered
    /// before the call, as far as the caller can know of them.
    /// </summary>
    public long Here
    {
        get
        {
            // In this order: a task may be counted in between.
            long gone = Volatile.Read(ref _counters.InNativeQueue)
                + Volatile.Read(ref _counters.Refused);
            using (Uninterrupted.Enter(_lock))
            {
                foreach (WorkerCounts worker in _workers)
                {
                    gone += worker.Left;
                }
                gone += Volatile.Read(ref _counters.LeftElsewhere);
            }
            return Volatile.Read(ref _counters.Numbered) - gone;
        }
    }

    /// <summary>A task is about to be submitted; its number.</summary>
    public long Number() => Interlocked.Increment(ref _counters.Numbered);

    /// <summary>It was not submitted after all.</summary>
    public void Refuse() => Interlocked.Increment(ref _counters.Refused);

    /// <summary>It is pending no more, and no worker counts that.</summary>
    public void Leave() => Interlocked.Increment(ref _counters.LeftElsewhere);

    /// <summary>A numbered task goes to native code's queue.</summary>
    public void EnterNativeQueue() =>
        Interlocked.Increment(ref _counters.InNativeQueue);

    /// <summary>All tasks go to native code's queue, until <see cref="Release"/>.</summary>
    public void Hold() => Interlocked.Increment(ref _counters.Holds);

    public void Release() => Interlocked.Decrement(ref _counters.Holds);

    /// <summary>
    /// It is pending there no more; before Leave() or Refuse().
    /// </summary>
    public void LeaveNativeQueue() =>
        Interlocked.Decrement(ref _counters.InNativeQueue);

    /// <summary>A pending task was claimed, and never runs.</summary>
    public void Drop(Outcome outcome)
    {
        Leave();
        End(outcome);
    }

    /// <summary>A task that has left has ended, on no worker.</summary>
    public void End(Outcome outcome)
    {
        using (Uninterrupted.Enter(_lock))
        {
            _endedElsewhere.Add(outcome);
        }
    }

    public void Add(WorkerCounts worker)
    {
        using (Uninterrupted.Enter(_lock))
        {
            _workers.Add(worker);
        }
    }

    /// <summary>
    /// It is none of the pool's workers any more. False: it was none before.
    /// </summary>
    public bool Remove(WorkerCounts worker)
    {
        using (Uninterrupted.Enter(_lock))
        {
            if (!_workers.Remove(worker))
            {
                return false;
            }
            _endedElsewhere.Add(worker.Ended);
            Interlocked.Add(ref _counters.LeftElsewhere, worker.Left);
            return true;
        }
    }

    /// <summary>A snapshot of what is counted here.</summary>
    /// <param name="look">Called for each worker.</param>
    public (long Submitted, long Left, EndedCounts Ended) Read(
        Action<WorkerCounts> look)
    {
        long left = 0;
        EndedCounts ended;
        using (Uninterrupted.Enter(_lock))
        {
            ended = _endedElsewhere;
            foreach (WorkerCounts worker in _workers)
            {
                ended.Add(worker.Ended);
                left += worker.Left;
                look(worker);
            }
            left += Volatile.Read(ref _counters.LeftElsewhere);
        }
        long refused = Volatile.Read(ref _counters.Refused);
        return (Volatile.Read(ref _counters.Numbered) - refused, left, ended);
    }
}

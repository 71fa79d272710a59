using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using System.Threading;

namespace Asyncpal.Internal;

/// <summary>
/// The tasks of a thread pool that wait in .NET, and the tickets by which it asks
/// native code for workers. A ticket is a native task that runs tasks of this queue
/// until there are none.
/// </summary>
/// <remarks>
/// <para>How it works. A ticket is <i>out</i> from its submission to its end, and
/// <i>searching</i> while it is on its way to a task: until it has found its first one,
/// and again when it has found the queue empty and has not ended yet. The queue is
/// <i>hungry</i> while fewer tickets are out than there may be workers, without those
/// whose workers are blocked: one more may be useful. Submitters pass by the lock unless
/// it is. No task is left behind, because:</para>
/// <para>A task is counted, then published, then the signal is read; whoever makes the
/// queue hungry (a ticket that ends or is refused, a worker that blocks or never comes
/// back) publishes that first and then looks at the queue. There is a full fence in
/// between on both sides, so at least one of them sees the other.</para>
/// <para>Under the lock, a submitter relies on a ticket only if that is searching, and
/// one that stops searching since it has found a task looks for a successor in the same
/// section.</para>
/// <para>While the queue is not hungry, as many tickets as workers are out and not
/// blocked. Each of them runs or will, since native code loses none, and none ends
/// before it has seen the queue empty, unless as many others run.</para>
/// <para>While tasks must follow those in native code, each one here gets a ticket of its
/// own, and a ticket that has run a task ends, so that native code decides what is
/// next.</para>
/// <para>Closing gives each task a ticket of its own, so that none is needed later. A
/// submission that finds the queue closed after it has published its task takes it
/// back.</para>
/// <para>See docs/design/bindings.md. Threads: any. Native code is given a ticket with
/// the lock held, so that nobody relies on one that it has not got.</para>
/// </remarks>
internal partial class HostQueue(TaskCounts counts)
{
    private const int Hungry = 1;
    private const int Closed = 2;
    private const int MinStale = 1024;

    // About what it costs to wake a worker.
    private static readonly TimeSpan MaxSearch = TimeSpan.FromMicroseconds(20);

    private readonly TaskQueue _tasks = new();

    private int _stale;  // about as many

    private int _signal;
    private bool _isCrowded;  // more tickets run than may

    private readonly Lock _lock = new();

    // Guarded by the lock.
    private Action? _submitTicket;
    private int _maxWorkers;
    private bool _isClosed;
    private TicketCounts _tickets;

    // Where nobody changes the cache line of what submitters read.
    [StructLayout(LayoutKind.Explicit, Size = 272)]
    private struct TicketCounts
    {
        [FieldOffset(128)]
        public int Out;

        // Of those: they have a worker.
        [FieldOffset(132)]
        public int Running;

        // Of those: somebody may rely on them.
        [FieldOffset(136)]
        public int Searching;

        // Waits of workers.
        [FieldOffset(140)]
        public int Blocked;
    }

    /// <summary>
    /// How many tickets are out, how many of those are searching, and how many workers
    /// blocked.
    /// </summary>
    public (int Out, int Searching, int Blocked) Tickets
    {
        get
        {
            using (Uninterrupted.Enter(_lock))
            {
                return (_tickets.Out, _tickets.Searching, _tickets.Blocked);
            }
        }
    }

    /// <summary>To be asked after a task was published.</summary>
    public bool IsSignalled => Volatile.Read(ref _signal) != 0;

    public bool IsCrowded => Volatile.Read(ref _isCrowded);

    /// <summary>Whether this is called inside of a call that submits a ticket.</summary>
    public bool IsRequesting => _lock.IsHeldByCurrentThread;

    private bool IsOpen => Volatile.Read(ref _signal) != Closed;

    private bool IsHungry => !_isClosed && _tickets.Out - _tickets.Blocked < _maxWorkers;

    /// <summary>Begins to take tasks.</summary>
    /// <param name="maxWorkers">How many tickets may be useful at once.</param>
    /// <param name="submitTicket">Gives native code one; throws if it takes none.</param>
    public void Open(int maxWorkers, Action submitTicket)
    {
        using (Uninterrupted.Enter(_lock))
        {
            _maxWorkers = maxWorkers;
            _submitTicket = submitTicket;
            Update();
        }
    }

    /// <summary>How many tickets may be useful at once, from now on.</summary>
    public void SetMaxWorkers(int maxWorkers)
    {
        using (Uninterrupted.Enter(_lock))
        {
            _maxWorkers = maxWorkers;
            Update();
            while (IsHungry && counts.Here > _tickets.Searching)
            {
                Request();
            }
        }
    }

    /// <summary>
    /// Publishes a numbered task. True: somebody has to SeeToWorkers().
    /// </summary>
    public bool Push(IQueuedTask task)
    {
        Publish(task);
        return IsSignalled;
    }

    public void Publish(IQueuedTask task) => _tasks.Add(task);

    /// <summary>Asks for a worker if one is missing. False: it is closed.</summary>
    public bool SeeToWorkers()
    {
        using (Uninterrupted.Enter(_lock))
        {
            if (_isClosed)
            {
                return false;
            }
            RequestIfNeeded();
            return true;
        }
    }

    /// <summary>
    /// After native code has refused or dropped a ticket: takes the tasks out for which
    /// nobody will come any more, as no ticket is out.
    /// </summary>
    public List<IQueuedTask> TakeStranded()
    {
        using (Uninterrupted.Enter(_lock))
        {
            return _tickets.Out == 0 ? TakeAll() : [];
        }
    }

    /// <summary>
    /// Takes all tasks out, oldest first; each still has to be claimed.
    /// </summary>
    public List<IQueuedTask> TakeAll()
    {
        var all = new List<IQueuedTask>();
        while (Take() is { } task)
        {
            all.Add(task);
        }
        return all;
    }

    /// <summary>A pending task, or null; it still has to be claimed.</summary>
    public IQueuedTask? Take()
    {
        while (true)
        {
            IQueuedTask? task = _tasks.TryTake();
            if (task == null || task.IsPending)
            {
                return task;
            }
            Interlocked.Decrement(ref _stale);
        }
    }

    /// <summary>A task was claimed that is still in the queue.</summary>
    public void AddStale()
    {
        if (Interlocked.Increment(ref _stale) > MinStale
            && Volatile.Read(ref _stale) > counts.Here)
        {
            Interlocked.Add(ref _stale, -_tasks.Sweep());
        }
    }

    /// <summary>
    /// Puts the tasks that are here in front of what native code is given from now on.
    /// If it refuses that, some may be stranded.
    /// </summary>
    public void GoFirst()
    {
        if (counts.Here > 0)
        {
            using (Uninterrupted.Enter(_lock))
            {
                if (!_isClosed)  // or else it is done
                {
                    RequestForAll();
                }
            }
        }
    }

    /// <summary>Takes no more tasks.</summary>
    /// <param name="runsRest">
    /// Whether those that are there get what they need; or else the caller takes them.
    /// </param>
    /// <param name="closeNative">
    /// Closes native code's pool for submissions, and drops nothing.
    /// </param>
    /// <returns>False: native code has refused it, and some may be stranded.</returns>
    public bool Close(bool runsRest, Action closeNative)
    {
        using (Uninterrupted.Enter(_lock))
        {
            bool refused = false;
            if (!_isClosed)
            {
                _isClosed = true;
                Update();
                try
                {
                    if (runsRest)
                    {
                        RequestForAll();
                    }
                }
                catch (Exception)
                {
                    // It is closed or broken already, or has no thread and gets none.
                    refused = true;
                }
            }
            closeNative();
            return !refused;
        }
    }
}

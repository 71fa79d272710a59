using System;
using System.Runtime.InteropServices;
using System.Threading;

namespace Asyncpal.Internal;

/// <summary>
/// What a work item has of a task in a native pool. The pool has the item as a
/// number, which is a <see cref="GCHandle"/>, so that no queued one can be
/// collected; and the item has a share of the native task, its handle, which must
/// be given up exactly once.
/// </summary>
/// <remarks>
/// <para>Finish(), RunInline() and Cancel() compete for the handle by one atomic
/// exchange. Whoever finds it gives it up; whoever finds it taken leaves that to the
/// taker; Enqueue() does it when they were faster than itself.</para>
/// <para>Where .NET counts the pool's tasks, each step of this one is counted here,
/// too.</para>
/// </remarks>
internal struct NativeShare
{
    // Instead of a handle, which is an address.
    private const long Unknown = 0;
    private const long Finished = -1;
    private const long Taken = -2;

    // How many items this thread runs in place of a worker, though it is none.
    [ThreadStatic]
    private static int t_onCaller;

    /// <summary>Whether this thread runs an item in place of a worker.</summary>
    public static bool IsOnCaller => t_onCaller > 0;

    private GCHandle _item;
    private long _handle;

    // Null: native code counts alone.
    private QueuedTasks? _queued;
    private int _hasLeft;
    private Worker? _worker;

    /// <summary>Its number, where .NET counts.</summary>
    public long Number { get; private set; }

    /// <summary>Whether the item has been run or dropped, or is being run.</summary>
    public readonly bool IsFinished => Volatile.Read(in _handle) == Finished;

    /// <summary>Hands the item to the native pool, or throws.</summary>
    /// <param name="item">What has this share.</param>
    /// <param name="host">Of the pool that runs it.</param>
    /// <param name="settings">Null: none.</param>
    /// <param name="waitsForRoom">Whatever a full pool does with others.</param>
    /// <param name="timing">Its view; null: none.</param>
    public void Enqueue(
        INativeItem item,
        ThreadPoolHost host,
        NativeTaskOptions? settings = null,
        bool waitsForRoom = false,
        TaskTiming? timing = null)
    {
        // A trace calls it by its number, too.
        using NativeTaskOptions? numbered =
            settings == null && host.Queued != null && Trace.IsOn
                ? new NativeTaskOptions()
                : null;
        settings ??= numbered;
        NativeThreadPool pool = host.Native;
        _queued = host.Queued;
        if (_queued != null)
        {
            Number = _queued.Counts.Number();
            if (settings != null)
            {
                settings.Number = Number;  // which messages call it by
            }
            _queued.EnterNativeQueue();
        }
        _item = GCHandle.Alloc(item);
        long handle;
        try
        {
            long number = (long)GCHandle.ToIntPtr(_item);
            handle = SubmitOnce(pool, number, settings, waitsForRoom, timing);
            if (handle == 0)
            {
                handle = SubmitInTime(pool, number, settings, waitsForRoom, timing);
            }
        }
        catch
        {
            _item.Free();
            _queued?.Counts.LeaveNativeQueue();
            _queued?.Counts.Refuse();
            throw;
        }
        if (Interlocked.CompareExchange(ref _handle, handle, Unknown) == Finished)
        {
            NativeThreadPool.Release(handle);
        }
    }

    private static long SubmitOnce(
        NativeThreadPool pool,
        long number,
        NativeTaskOptions? settings,
        bool waitsForRoom,
        TaskTiming? timing) =>
        timing?.View is { } view ? pool.SubmitToView(view, timing.Key, number, settings!)
        : settings != null ? pool.Submit(number, settings)
        : waitsForRoom ? pool.SubmitChunk(number)
        : pool.Submit(number);

    // Apart from where the others go: this one allocates.
    private static long SubmitInTime(
        NativeThreadPool pool,
        long number,
        NativeTaskOptions? settings,
        bool waitsForRoom,
        TaskTiming? timing) =>
        Submission.InTime(
            pool, settings, () => SubmitOnce(pool, number, settings, waitsForRoom, timing));

    /// <summary>On a worker: the item is about to run.</summary>
    public void Begin(IWorkItem item)
    {
        if (_queued != null)
        {
            LeaveQueue();
        }
        _worker = Worker.Current;
        if (_worker == null)
        {
            // The pool is full, and has its submitter run the item.
            ++t_onCaller;
        }
        _worker?.Begin(item);
    }

    /// <summary>
    /// On the same worker: it has ended. False: that counts for nothing, as its timeout
    /// has passed.
    /// </summary>
    public bool Settle(Outcome outcome)
    {
        bool counts = NativeThreadPool.Settle((int)outcome);
        if (_worker != null)
        {
            _worker.End();
            if (counts && _queued != null)
            {
                _worker.Count(outcome);
            }
            _worker = null;
        }
        else
        {
            --t_onCaller;
        }
        return counts;
    }

    /// <summary>It has ended without a worker: it never ran, or its time is over.</summary>
    public void EndElsewhere(Outcome outcome)
    {
        if (_queued != null)
        {
            LeaveQueue();
            _queued.Counts.End(outcome);
        }
    }

    /// <summary>
    /// The pool is done with the item. True: somebody else gives the handle up.
    /// </summary>
    public bool Finish()
    {
        Free();
        return Leave();
    }

    /// <summary>The part of it that is about the handle.</summary>
    public bool Leave() => Interlocked.Exchange(ref _handle, Finished) <= 0;

    /// <summary>The other part: the pool will not call the item any more.</summary>
    public void Free() => _item.Free();

    /// <summary>As <see cref="IWorkItem.Cancel"/>.</summary>
    public bool Cancel()
    {
        long handle = Volatile.Read(ref _handle);
        if (!Take(handle))
        {
            return false;
        }
        bool cancelled = NativeThreadPool.Cancel(handle);
        NativeThreadPool.Release(handle);
        if (cancelled)
        {
            EndElsewhere(Outcome.Cancelled);
            Finish();
        }
        return cancelled;
    }

    /// <summary>As <see cref="IWorkItem.RunInline"/>.</summary>
    public bool RunInline()
    {
        long handle = Volatile.Read(ref _handle);
        if (!Take(handle))
        {
            return false;
        }
        bool ran = NativeThreadPool.RunInline(handle);
        if (ran || Interlocked.CompareExchange(ref _handle, handle, Taken) != Taken)
        {
            NativeThreadPool.Release(handle);
        }
        return ran;
    }

    /// <inheritdoc cref="ITimedTask.HasNotBegun"/>
    public bool HasNotBegun()
    {
        long handle = Volatile.Read(ref _handle);
        if (!Take(handle))
        {
            return false;
        }
        bool isPending = NativeThreadPool.IsPending(handle);
        GiveBack(handle);
        return isPending;
    }

    /// <inheritdoc cref="ITimedTask.MoveDelayed"/>
    public bool MoveDelayed(NativeThreadPool pool, long due)
    {
        long handle = Volatile.Read(ref _handle);
        if (!Take(handle))
        {
            return false;
        }
        try
        {
            return pool.MoveDelayed(handle, due);
        }
        finally
        {
            GiveBack(handle);
        }
    }

    private void GiveBack(long handle)
    {
        if (Interlocked.CompareExchange(ref _handle, handle, Taken) != Taken)
        {
            NativeThreadPool.Release(handle);
        }
    }

    private bool Take(long handle) =>
        handle > 0
        && Interlocked.CompareExchange(ref _handle, Taken, handle) == handle;

    /// <summary>It is pending no more, whoever finds that first.</summary>
    private void LeaveQueue()
    {
        if (Interlocked.Exchange(ref _hasLeft, 1) == 0)
        {
            _queued!.Counts.LeaveNativeQueue();
            _queued.Counts.Leave();
        }
    }
}

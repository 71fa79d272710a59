using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using System.Threading;

namespace Asyncpal.Internal;

/// <summary>
/// What a native pool of threads calls: functions that no garbage collector
/// moves or frees, and an object that lives until the pool has freed it.
/// </summary>
/// <remarks>No exception leaves any of these functions.</remarks>
internal sealed unsafe partial class ThreadPoolHost
{
    // A task of the queue's, in place of a number.
    private const long Ticket = -2;

    // Those that have not terminated and have a queue; as a set.
    private static readonly ConcurrentDictionary<ThreadPoolHost, bool> s_open = new();

    private readonly Action? _initializer;
    private readonly Action? _finalizer;

    // What they have thrown, which the pool's own exceptions have inside.
    private readonly List<Exception> _errors = [];

    // The native pool must not keep its own owner alive. Tasks do.
    private readonly WeakReference<Asyncpal.ThreadPool> _pool;

    private readonly PendingAge _pendingAge = new();

    private readonly Lock _lock = new();

    // Guarded by the lock.
    private readonly HashSet<Worker> _workers = [];

    private ThreadPoolHost(Asyncpal.ThreadPool pool, ThreadPoolOptions options)
    {
        _pool = new WeakReference<Asyncpal.ThreadPool>(pool);
        _initializer = options.Initializer;
        _finalizer = options.Finalizer;
        // Native code keeps these limits, of the tasks that it has, and measures them.
        if (options is
            {
                MaxPending: 0,
                MaxTasksPerWorker: 0,
                Observer: null,
                Histograms: false,
            }
            && options.StallThreshold == Timeout.InfiniteTimeSpan
            && options.MaxWorkerAge == Timeout.InfiniteTimeSpan)
        {
            Queued = new QueuedTasks(this);
        }
    }

    /// <summary>Where tasks wait; null: in native code, which alone counts them.</summary>
    public QueuedTasks? Queued { get; }

    /// <summary>The native pool.</summary>
    public NativeThreadPool Native { get; private set; } = null!;

    /// <summary>Null: nobody refers to it any more.</summary>
    public Asyncpal.ThreadPool? Pool =>
        _pool.TryGetTarget(out Asyncpal.ThreadPool? pool) ? pool : null;

    /// <summary>Whether the calling thread is a worker of this pool.</summary>
    public bool IsOnWorker => Worker.Current?.Host == this;

    /// <summary>Whether each worker waits for something, as .NET sees it.</summary>
    public bool AreWorkersBlocked()
    {
        using (Uninterrupted.Enter(_lock))
        {
            return _workers.All(
                worker => (worker.Thread.ThreadState & ThreadState.WaitSleepJoin) != 0);
        }
    }

    /// <summary>Closes what waits in .NET, at the end of the process.</summary>
    public static void CloseAll(bool drain)
    {
        foreach (ThreadPoolHost host in s_open.Keys)
        {
            if (drain)
            {
                host.Queued!.Drain(static () => { });
            }
            else
            {
                host.Queued!.CancelPending(static () => { });
            }
        }
    }

    /// <summary>
    /// Closes the pool as <see cref="NativePool.Close"/>. True: this call did it.
    /// </summary>
    public bool Close(CloseMode mode)
    {
        if (Queued == null)
        {
            return Native.Close((int)mode);
        }
        bool closed = false;
        void CloseForSubmissions() => closed |= Native.Close((int)CloseMode.CloseDrain);
        if (mode == CloseMode.CloseDrain)
        {
            Queued.Drain(CloseForSubmissions);
            return closed;
        }
        Queued.CancelPending(CloseForSubmissions);
        return Native.Close((int)mode) || closed;
    }

    /// <summary>
    /// Nobody refers to the pool any more: it runs what it has, and ends.
    /// </summary>
    public void Abandon()
    {
        try
        {
            // After that, the queue submits nothing.
            Queued?.Drain(() => Native.Close((int)CloseMode.CloseDrain));
        }
        catch (ObjectDisposedException)
        {
            // It was disposed of, but not to the end.
        }
        Native.Dispose();
    }

    /// <summary>The queue is closed.</summary>
    public void ThrowThatItIsClosed()
    {
        Native.Check();
        throw new ObjectDisposedException(
            nameof(ThreadPool), $"pool '{Native.Name()}' is closed");
    }

    /// <summary>What .NET counts, with what native code does.</summary>
    public PoolStats ToStats(PoolStats ofNative)
    {
        long busy = 0;
        (long submitted, long left, EndedCounts ended) = Queued!.Counts.Read(
            worker => busy += ((Worker)worker).IsBusy ? 1 : 0);
        long workers = Math.Max(ofNative.Workers, busy);
        // Both are counted at different moments.
        long delayed = Math.Min(ofNative.Delayed, submitted - left);
        return ofNative with
        {
            Workers = workers,
            Busy = busy,
            Idle = workers - busy,
            Submitted = submitted,
            Pending = submitted - left,
            Running = left - ended.All,
            Completed = ended.Completed,
            Failed = ended.Failed,
            Cancelled = ended.Cancelled,
            OldestPending = Oldest(submitted - delayed, left, ofNative),
            Delayed = delayed,
        };
    }

    private TimeSpan Oldest(long submitted, long left, PoolStats ofNative)
    {
        TimeSpan here = _pendingAge.Look(
            submitted, left, System.Diagnostics.Stopwatch.GetTimestamp());
        // Otherwise there is nothing in native code's queue but tickets.
        return Queued!.Counts.MustFollowNative && ofNative.OldestPending > here
            ? ofNative.OldestPending
            : here;
    }

    /// <summary>The same for one worker.</summary>
    public WorkerInfo ToInfo(WorkerInfo ofNative)
    {
        using (Uninterrupted.Enter(_lock))
        {
            return _workers.FirstOrDefault(worker => worker.IsNamed(ofNative.Name))
                ?.Describe(ofNative)
                ?? ofNative;  // it has not begun
        }
    }

    /// <summary>Makes the native pool of <paramref name="pool"/>.</summary>
    public static NativeThreadPool NewPool(
        Asyncpal.ThreadPool pool,
        ThreadPoolOptions options,
        out PoolScheduler scheduler,
        out ObserverCalls? observer)
    {
        using var settings = new NativePoolOptions
        {
            MaxWorkers = options.MaxWorkers,
            Name = options.Name.Length > 0 ? options.Name : nameof(ThreadPool),
            IdleTimeout = Durations.ToNanos(
                options.IdleTimeout, nameof(options.IdleTimeout)),
            MaxTasksPerWorker = options.MaxTasksPerWorker,
            MaxPending = options.MaxPending,
            WhenFull = (int)options.WhenFull,
            StackSize = options.StackSize,
            InitializerTimeout = Durations.ToNanos(
                options.InitializerTimeout, nameof(options.InitializerTimeout)),
        };
        pool.Log.Set(settings);
        observer = ObserverCalls.Set(settings, options, pool.Log);
        Asyncpal.Pool.SetTimes(settings, options);
        var host = new ThreadPoolHost(pool, options);
        if (host.Queued != null)
        {
            s_open[host] = true;
        }
        NativeThreadPool native = NewPool(host, settings);
        host.Native = native;
        host.Queued?.Queue.Open(native.MaxWorkers(), () => native.Submit(Ticket));
        scheduler = new PoolScheduler(
            pool, host, options.AllowContinuationsOnWorkers);
        return native;
    }

    private static NativeThreadPool NewPool(ThreadPoolHost host, NativePoolOptions settings) =>
        Internal.Native.NewThreadPool(
            GCHandle.ToIntPtr(GCHandle.Alloc(host)), (IntPtr)s_callbacks, settings);

    private void RunTicket()
    {
        Worker worker = Worker.Current!;
        // There is no task without its pool, which need not live as long as this.
        worker.Scheduler = Pool?.Scheduler;
        Queued!.Queue.Work(worker);
        worker.Scheduler = null;
        NativeThreadPool.Settle((int)Outcome.Completed);
    }

    private void Add(Worker worker)
    {
        worker.Install();
        ExitingWorkers.Add(worker);
        Queued?.Counts.Add(worker);
        using (Uninterrupted.Enter(_lock))
        {
            _workers.Add(worker);
        }
    }

    /// <summary>The calling thread is no worker any more.</summary>
    private void Forget()
    {
        if (Worker.Current is not { } worker)
        {
            return;
        }
        ExitingWorkers.Remove();
        Queued?.Counts.Remove(worker);
        using (Uninterrupted.Enter(_lock))
        {
            _workers.Remove(worker);
        }
    }

    /// <summary>False: it has thrown, which is told to native code.</summary>
    private bool Try(Action action, IntPtr failure)
    {
        try
        {
            action();
            return true;
        }
        catch (Exception e)
        {
            lock (_errors)
            {
                _errors.Add(e);
            }
            using var described = new Failure(failure, owned: false);
            Failures.DescribeLocal(e, described);
            return false;
        }
    }
}

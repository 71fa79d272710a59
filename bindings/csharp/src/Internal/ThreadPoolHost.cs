using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading;

namespace Asyncpal.Internal;

/// <summary>
/// What a native pool of threads calls: functions that no garbage collector
/// moves or frees, and an object that lives until the pool has freed it.
/// </summary>
/// <remarks>No exception leaves any of these functions.</remarks>
internal sealed unsafe class ThreadPoolHost
{
    // As asyncpal::swig::ThreadPoolCallbacks.
    [StructLayout(LayoutKind.Sequential)]
    private struct Callbacks
    {
        public delegate* unmanaged<IntPtr, byte*, int, IntPtr, void> BeginWorker;
        public delegate* unmanaged<IntPtr, IntPtr, void> EndWorker;
        public delegate* unmanaged<IntPtr, long, byte> Run;
        public delegate* unmanaged<IntPtr, long, IntPtr, byte> Drop;
        public delegate* unmanaged<IntPtr, long, IntPtr, void> Expire;
        public delegate* unmanaged<IntPtr, long, void> Joined;
        public delegate* unmanaged<IntPtr, void> Terminated;
        public delegate* unmanaged<IntPtr, void> Free;
    }

    private static readonly Callbacks* s_callbacks = MakeCallbacks();

    private readonly Action? _initializer;
    private readonly Action? _finalizer;

    // What they have thrown, which the pool's own exceptions have inside.
    private readonly List<Exception> _errors = [];

    // Whose worker this thread is.
    [ThreadStatic]
    private static ThreadPoolHost? t_current;

    // The native pool must not keep its own owner alive. Tasks do.
    private readonly WeakReference<Asyncpal.ThreadPool> _pool;

    // The workers, guarded by itself.
    private readonly HashSet<Thread> _workers = [];

    private ThreadPoolHost(Asyncpal.ThreadPool pool, ThreadPoolOptions options)
    {
        _pool = new WeakReference<Asyncpal.ThreadPool>(pool);
        _initializer = options.Initializer;
        _finalizer = options.Finalizer;
    }

    /// <summary>Whether the calling thread is a worker of this pool.</summary>
    public bool IsOnWorker => t_current == this;

    /// <summary>Whether each worker waits for something, as .NET sees it.</summary>
    public bool AreWorkersBlocked()
    {
        lock (_workers)
        {
            return _workers.All(
                worker => (worker.ThreadState & ThreadState.WaitSleepJoin) != 0);
        }
    }

    /// <summary>Makes the native pool of <paramref name="pool"/>.</summary>
    public static NativeThreadPool NewPool(
        Asyncpal.ThreadPool pool,
        ThreadPoolOptions options,
        out PoolScheduler scheduler)
    {
        using var settings = new PoolSettings
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
        var host = new ThreadPoolHost(pool, options);
        NativeThreadPool native = Internal.Native.NewThreadPool(
            GCHandle.ToIntPtr(GCHandle.Alloc(host)),
            (IntPtr)s_callbacks,
            settings);
        scheduler = new PoolScheduler(
            pool, host, native.MaxWorkers(), options.AllowContinuationsOnWorkers);
        return native;
    }

    private static Callbacks* MakeCallbacks()
    {
        var callbacks = (Callbacks*)RuntimeHelpers.AllocateTypeAssociatedMemory(
            typeof(ThreadPoolHost), sizeof(Callbacks));
        callbacks->BeginWorker = &BeginWorker;
        callbacks->EndWorker = &EndWorker;
        callbacks->Run = &Run;
        callbacks->Drop = &Drop;
        callbacks->Expire = &Expire;
        callbacks->Joined = &Joined;
        callbacks->Terminated = &Terminated;
        callbacks->Free = &Free;
        return callbacks;
    }

    private static ThreadPoolHost HostOf(IntPtr self) =>
        (ThreadPoolHost)GCHandle.FromIntPtr(self).Target!;

    private static IWorkItem ItemOf(long task) =>
        (IWorkItem)GCHandle.FromIntPtr((IntPtr)task).Target!;

    [UnmanagedCallersOnly]
    private static void BeginWorker(IntPtr self, byte* name, int size, IntPtr failure)
    {
        ThreadPoolHost host = HostOf(self);
        host.Try(
            () =>
            {
                Thread.CurrentThread.Name = Encoding.UTF8.GetString(name, size);
                t_current = host;
                ExitingWorkers.Add();
                lock (host._workers)
                {
                    host._workers.Add(Thread.CurrentThread);
                }
                host._initializer?.Invoke();
            },
            failure);
    }

    [UnmanagedCallersOnly]
    private static void EndWorker(IntPtr self, IntPtr failure)
    {
        ThreadPoolHost host = HostOf(self);
        host.Try(() => host._finalizer?.Invoke(), failure);
        ExitingWorkers.Remove();
        lock (host._workers)
        {
            host._workers.Remove(Thread.CurrentThread);
        }
    }

    [UnmanagedCallersOnly]
    private static byte Run(IntPtr self, long task)
    {
        try
        {
            return ItemOf(task).Run() ? (byte)1 : (byte)0;
        }
        catch (Exception e)
        {
            Environment.FailFast("running a task of a ThreadPool failed", e);
            throw;
        }
    }

    [UnmanagedCallersOnly]
    private static byte Drop(IntPtr self, long task, IntPtr why)
    {
        try
        {
            using var failure = new Failure(why, owned: false);
            Exception? error = failure.Empty() ? null : Failures.ToException(failure);
            return ItemOf(task).Drop(error) ? (byte)1 : (byte)0;
        }
        catch (Exception e)
        {
            Environment.FailFast("dropping a task of a ThreadPool failed", e);
            throw;
        }
    }

    [UnmanagedCallersOnly]
    private static void Expire(IntPtr self, long task, IntPtr why)
    {
        try
        {
            using var failure = new Failure(why, owned: false);
            ItemOf(task).Expire(Failures.ToException(failure));
        }
        catch (Exception e)
        {
            Environment.FailFast("the timeout of a task of a ThreadPool failed", e);
        }
    }

    [UnmanagedCallersOnly]
    private static void Joined(IntPtr self, long join) => Joining.End(join);

    [UnmanagedCallersOnly]
    private static void Terminated(IntPtr self)
    {
        if (HostOf(self)._pool.TryGetTarget(out Asyncpal.ThreadPool? pool))
        {
            pool.OnTerminated();
        }
    }

    [UnmanagedCallersOnly]
    private static void Free(IntPtr self) => GCHandle.FromIntPtr(self).Free();

    private void Try(Action action, IntPtr failure)
    {
        try
        {
            action();
        }
        catch (Exception e)
        {
            lock (_errors)
            {
                _errors.Add(e);
            }
            using var described = new Failure(failure, owned: false);
            Failures.DescribeLocal(e, described);
        }
    }
}

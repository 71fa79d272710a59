using System;
using System.Diagnostics;
using System.Diagnostics.Tracing;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading;

namespace Asyncpal.Internal;

/// <summary>
/// How native code tells of tasks: it calls a <see cref="PoolObserver"/>, and fills the
/// histograms of the meter.
/// </summary>
/// <remarks>
/// Native code owns it, and calls on any thread. What the observer throws is reported,
/// the first time, and goes nowhere else.
/// </remarks>
internal sealed unsafe class ObserverCalls
{
    // As asyncpal::swig::ObserverCallbacks.
    [StructLayout(LayoutKind.Sequential)]
    private struct Callbacks
    {
        public delegate* unmanaged<IntPtr, IntPtr, void> OnSubmit;
        public delegate* unmanaged<IntPtr, IntPtr, void> OnStart;
        public delegate* unmanaged<IntPtr, IntPtr, void> OnDone;
        public delegate* unmanaged<IntPtr, IntPtr, void> OnWorkerStarted;
        public delegate* unmanaged<IntPtr, IntPtr, byte*, int, void> OnWorkerEnded;
        public delegate* unmanaged<IntPtr, IntPtr, byte*, int, void> OnStall;
        public delegate* unmanaged<IntPtr, void> Free;
    }

    private static readonly Callbacks* s_all = MakeCallbacks();

    // For the histograms alone.
    private static readonly Callbacks* s_ends = MakeCallbacksOfEnds();

    private readonly PoolObserver? _observer;
    private readonly PoolLog _log;
    private TagList _tags;
    private bool _hasTags;
    private int _hasThrown;

    private ObserverCalls(PoolObserver? observer, PoolLog log)
    {
        _observer = observer;
        _log = log;
    }

    /// <summary>
    /// Has pools of these settings call what the options name. Null: nobody wants to
    /// know of each task.
    /// </summary>
    public static ObserverCalls? Set(
        NativePoolOptions settings, PoolOptions options, PoolLog log)
    {
        settings.Histograms = options.Histograms;
        settings.StallThreshold =
            Durations.ToNanos(options.StallThreshold, nameof(options.StallThreshold));
        if (options.Observer == null && !options.Histograms)
        {
            return null;
        }
        var calls = new ObserverCalls(options.Observer, log);
        Internal.Native.ObserveBy(
            settings,
            GCHandle.ToIntPtr(GCHandle.Alloc(calls)),
            (IntPtr)(options.Observer == null ? s_ends : s_all));
        return calls;
    }

    /// <summary>The pool is made, and what is measured can be told to be its own.</summary>
    public void Open(Asyncpal.Pool pool)
    {
        foreach (var tag in PoolMetrics.TagsOf(pool.Name, pool.Id, pool.Kind))
        {
            _tags.Add(tag);
        }
        Volatile.Write(ref _hasTags, true);
    }

    private static Callbacks* MakeCallbacks()
    {
        Callbacks* callbacks = MakeCallbacksOfEnds();
        callbacks->OnSubmit = &OnSubmit;
        callbacks->OnStart = &OnStart;
        callbacks->OnWorkerStarted = &OnWorkerStarted;
        callbacks->OnWorkerEnded = &OnWorkerEnded;
        callbacks->OnStall = &OnStall;
        return callbacks;
    }

    private static Callbacks* MakeCallbacksOfEnds()
    {
        var callbacks = (Callbacks*)RuntimeHelpers.AllocateTypeAssociatedMemory(
            typeof(ObserverCalls), sizeof(Callbacks));
        *callbacks = default;
        callbacks->OnDone = &OnDone;
        callbacks->Free = &Free;
        return callbacks;
    }

    private static ObserverCalls Of(IntPtr self) =>
        (ObserverCalls)GCHandle.FromIntPtr(self).Target!;

    private static TaskReport ReportOf(NativeTaskReport task) => new(
        task.Pool,
        task.Name,
        task.Id,
        (TaskState)task.State,
        task.Lost,
        Durations.FromNanos(task.Waited),
        Durations.FromNanos(task.Ran),
        task.Worker,
        task.Pid == 0 ? null : task.Pid,
        task.Attempt);

    [UnmanagedCallersOnly]
    private static void OnSubmit(IntPtr self, IntPtr task) =>
        Of(self).Tell(task, static (observer, report) => observer.OnSubmit(report));

    [UnmanagedCallersOnly]
    private static void OnStart(IntPtr self, IntPtr task) =>
        Of(self).Tell(task, static (observer, report) => observer.OnStart(report));

    [UnmanagedCallersOnly]
    private static void OnDone(IntPtr self, IntPtr task)
    {
        ObserverCalls calls = Of(self);
        calls.Measure(task);
        if (calls._observer != null)
        {
            calls.Tell(task, static (observer, report) => observer.OnDone(report));
        }
    }

    [UnmanagedCallersOnly]
    private static void OnWorkerStarted(IntPtr self, IntPtr worker)
    {
        ObserverCalls calls = Of(self);
        try
        {
            using var info = new NativeWorkerInfo(worker, owned: false);
            calls._observer!.OnWorkerStarted(WorkerInfo.Of(info));
        }
        catch (Exception e)
        {
            calls.TellOf(e);
        }
    }

    [UnmanagedCallersOnly]
    private static void OnWorkerEnded(IntPtr self, IntPtr worker, byte* why, int size)
    {
        ObserverCalls calls = Of(self);
        try
        {
            using var info = new NativeWorkerInfo(worker, owned: false);
            calls._observer!.OnWorkerEnded(
                WorkerInfo.Of(info), Encoding.UTF8.GetString(why, size));
        }
        catch (Exception e)
        {
            calls.TellOf(e);
        }
    }

    [UnmanagedCallersOnly]
    private static void OnStall(IntPtr self, IntPtr task, byte* stack, int size)
    {
        string text = Encoding.UTF8.GetString(stack, size);
        Of(self).Tell(task, (observer, report) => observer.OnStall(report, text));
    }

    [UnmanagedCallersOnly]
    private static void Free(IntPtr self) => GCHandle.FromIntPtr(self).Free();

    private void Tell(IntPtr task, Action<PoolObserver, TaskReport> call)
    {
        try
        {
            using var report = new NativeTaskReport(task, owned: false);
            call(_observer!, ReportOf(report));
        }
        catch (Exception e)
        {
            TellOf(e);
        }
    }

    private void Measure(IntPtr task)
    {
        try
        {
            if (!PoolMetrics.MeasuresTasks || !Volatile.Read(ref _hasTags))
            {
                return;
            }
            using var report = new NativeTaskReport(task, owned: false);
            if (report.Attempt > 0)
            {
                PoolMetrics.Measure(
                    Durations.FromNanos(report.Waited),
                    Durations.FromNanos(report.Ran),
                    (TaskState)report.State,
                    _tags);
            }
        }
        catch (Exception e)
        {
            TellOf(e);  // of a listener
        }
    }

    private void TellOf(Exception thrown)
    {
        if (Interlocked.Exchange(ref _hasThrown, 1) == 0)
        {
            _ = Guarded.Try<object>(() =>
            {
                _log.Tell(
                    EventLevel.Error,
                    $"a pool's observer, {_observer?.GetType().FullName}, threw (said once; "
                        + "it is called on)",
                    thrown);
                return null;
            });
        }
    }
}

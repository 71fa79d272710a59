using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Threading;

namespace Asyncpal.Internal;

/// <summary>How native code measures delays by a <see cref="TimeProvider"/>.</summary>
/// <remarks>
/// Threads: any. Native code owns it, and its timers; it sets these with locks held.
/// </remarks>
internal sealed unsafe class ClockCalls
{
    // As asyncpal::swig::ClockCallbacks.
    [StructLayout(LayoutKind.Sequential)]
    private struct Callbacks
    {
        public delegate* unmanaged<IntPtr, long> Now;
        public delegate* unmanaged<IntPtr, long, long> MakeTimer;
        public delegate* unmanaged<IntPtr, long, long, void> SetTimer;
        public delegate* unmanaged<IntPtr, long, void> EndTimer;
        public delegate* unmanaged<IntPtr, void> Free;
    }

    private static readonly Callbacks* s_callbacks = MakeCallbacks();

    private readonly TimeProvider _provider;
    private readonly long _origin;

    private ClockCalls(TimeProvider provider)
    {
        _provider = provider;
        _origin = provider.GetTimestamp();
    }

    /// <summary>
    /// Has pools of these settings measure by that; the system's needs no calls.
    /// </summary>
    public static void Set(NativePoolOptions settings, TimeProvider provider)
    {
        ArgumentNullException.ThrowIfNull(provider);
        if (provider != TimeProvider.System)
        {
            Internal.Native.MeasureBy(
                settings,
                GCHandle.ToIntPtr(GCHandle.Alloc(new ClockCalls(provider))),
                (IntPtr)s_callbacks);
        }
    }

    private long NowNanos => Durations.ToNanos(_provider.GetElapsedTime(_origin));

    private static Callbacks* MakeCallbacks()
    {
        var callbacks = (Callbacks*)RuntimeHelpers.AllocateTypeAssociatedMemory(
            typeof(ClockCalls), sizeof(Callbacks));
        callbacks->Now = &Now;
        callbacks->MakeTimer = &MakeTimer;
        callbacks->SetTimer = &SetTimer;
        callbacks->EndTimer = &EndTimer;
        callbacks->Free = &Free;
        return callbacks;
    }

    private static ClockCalls Of(IntPtr self) =>
        (ClockCalls)GCHandle.FromIntPtr(self).Target!;

    private static Timer TimerOf(long timer) =>
        (Timer)GCHandle.FromIntPtr((IntPtr)timer).Target!;

    [UnmanagedCallersOnly]
    private static long Now(IntPtr self) =>
        Callback.Run(self, static self => Of(self).NowNanos, "a TimeProvider");

    [UnmanagedCallersOnly]
    private static long MakeTimer(IntPtr self, long timer)
    {
        try
        {
            return (long)GCHandle.ToIntPtr(GCHandle.Alloc(new Timer(Of(self), timer)));
        }
        catch (Exception)
        {
            return 0;
        }
    }

    [UnmanagedCallersOnly]
    private static void SetTimer(IntPtr self, long timer, long time) => Callback.Run(
        (timer, time),
        static call => TimerOf(call.timer).Set(call.time),
        "setting a timer of a TimeProvider");

    [UnmanagedCallersOnly]
    private static void EndTimer(IntPtr self, long timer) => Callback.Run(
        timer,
        static timer =>
        {
            TimerOf(timer).End();
            GCHandle.FromIntPtr((IntPtr)timer).Free();
        },
        "ending a timer of a TimeProvider");

    [UnmanagedCallersOnly]
    private static void Free(IntPtr self) => GCHandle.FromIntPtr(self).Free();

    private sealed class Timer
    {
        // What timers take at most is about 49 days.
        private static readonly TimeSpan MaxDelay = TimeSpan.FromDays(30);

        private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(1);

        // A provider may call back from inside of Change(), with native locks held.
        [ThreadStatic]
        private static bool t_isSetting;

        private readonly ClockCalls _clock;
        private readonly long _native;
        private readonly ITimer _timer;

        // Held while native code is called.
        private readonly Lock _calling = new();
        private long _time = long.MaxValue;
        private bool _hasEnded;  // guarded by that lock

        public Timer(ClockCalls clock, long native)
        {
            _clock = clock;
            _native = native;
            bool flows = !ExecutionContext.IsFlowSuppressed();
            AsyncFlowControl flow = flows ? ExecutionContext.SuppressFlow() : default;
            try
            {
                _timer = clock._provider.CreateTimer(
                    static timer => ((Timer)timer!).OnTime(),
                    this,
                    Timeout.InfiniteTimeSpan,
                    Timeout.InfiniteTimeSpan);
            }
            finally
            {
                if (flows)
                {
                    flow.Undo();
                }
            }
        }

        public void Set(long time)
        {
            Volatile.Write(ref _time, time);
            SetAfter(TimeSpan.Zero);
        }

        public void End()
        {
            _timer.Dispose();
            using (Uninterrupted.Enter(_calling))
            {
                _hasEnded = true;
            }
        }

        /// <param name="least">How long to wait at least.</param>
        private void SetAfter(TimeSpan least)
        {
            long time = Volatile.Read(ref _time);
            TimeSpan delay = Timeout.InfiniteTimeSpan;
            if (time != long.MaxValue)
            {
                // Not before that time.
                long ticks = (Math.Max(time - _clock.NowNanos, 0) + 99) / 100;
                delay = TimeSpan.FromTicks(
                    Math.Clamp(ticks, least.Ticks, MaxDelay.Ticks));
            }
            bool wasSetting = t_isSetting;
            t_isSetting = true;
            try
            {
                _timer.Change(delay, Timeout.InfiniteTimeSpan);
            }
            finally
            {
                t_isSetting = wasSetting;
            }
        }

        private void OnTime()
        {
            if (t_isSetting)
            {
                System.Threading.ThreadPool.UnsafeQueueUserWorkItem(
                    static timer => timer.Run(), this, preferLocal: false);
            }
            else
            {
                Run();
            }
        }

        private void Run()
        {
            using (Uninterrupted.Enter(_calling))
            {
                if (_hasEnded)
                {
                    return;
                }
                if (_clock.NowNanos >= Volatile.Read(ref _time))
                {
                    Internal.Native.RunTimer(_native);
                    return;
                }
            }
            SetAfter(RetryDelay);  // milliseconds are cut off, or it is far away
        }
    }
}

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
        private readonly long _native;
        private readonly ClockTimer _timer;

        // Held while native code is called.
        private readonly Lock _calling = new();
        private bool _hasEnded;  // guarded by that lock

        public Timer(ClockCalls clock, long native)
        {
            _native = native;
            _timer = new ClockTimer(clock._provider, () => clock.NowNanos, Run);
        }

        public void Set(long time) => _timer.Set(time);

        public void End()
        {
            _timer.Dispose();
            using (Uninterrupted.Enter(_calling))
            {
                _hasEnded = true;
            }
        }

        private void Run()
        {
            using (Uninterrupted.Enter(_calling))
            {
                if (!_hasEnded)
                {
                    Internal.Native.RunTimer(_native);
                }
            }
        }
    }
}

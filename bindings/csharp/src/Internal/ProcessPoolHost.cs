using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Asyncpal.Internal;

/// <summary>What a native pool of processes calls.</summary>
/// <remarks>No exception leaves any of these functions.</remarks>
internal sealed unsafe class ProcessPoolHost
{
    // As asyncpal::swig::ProcessPoolCallbacks.
    [StructLayout(LayoutKind.Sequential)]
    private struct Callbacks
    {
        public delegate* unmanaged<IntPtr, long, byte*, long, void> Complete;
        public delegate* unmanaged<IntPtr, long, IntPtr, void> Fail;
        public delegate* unmanaged<IntPtr, long, IntPtr, void> Drop;
        public delegate* unmanaged<IntPtr, long, byte*, long, long, IntPtr, void> LoseCalls;
        public delegate* unmanaged<IntPtr, long, void> Joined;
        public delegate* unmanaged<IntPtr, void> Terminated;
        public delegate* unmanaged<IntPtr, void> Free;
    }

    private static readonly Callbacks* s_callbacks = MakeCallbacks();

    // The native pool must not keep its own owner alive.
    private readonly WeakReference<Asyncpal.ProcessPool> _pool;

    private ProcessPoolHost(Asyncpal.ProcessPool pool)
    {
        _pool = new WeakReference<Asyncpal.ProcessPool>(pool);
    }

    /// <summary>Makes the native pool of <paramref name="pool"/>.</summary>
    public static NativeProcessPool NewPool(
        Asyncpal.ProcessPool pool, NativeProcessPoolOptions settings) =>
        Internal.Native.NewProcessPool(
            GCHandle.ToIntPtr(GCHandle.Alloc(new ProcessPoolHost(pool))),
            (IntPtr)s_callbacks,
            settings);

    private static Callbacks* MakeCallbacks()
    {
        var callbacks = (Callbacks*)RuntimeHelpers.AllocateTypeAssociatedMemory(
            typeof(ProcessPoolHost), sizeof(Callbacks));
        callbacks->Complete = &Complete;
        callbacks->Fail = &Fail;
        callbacks->Drop = &Drop;
        callbacks->LoseCalls = &LoseCalls;
        callbacks->Joined = &Joined;
        callbacks->Terminated = &Terminated;
        callbacks->Free = &Free;
        return callbacks;
    }

    [UnmanagedCallersOnly]
    private static void Complete(IntPtr self, long task, byte* result, long size) =>
        Callback.Run(
            (task, result: (IntPtr)result, size),
            static call => RemoteTask.Of(call.task).Complete((byte*)call.result, call.size),
            "completing a task of a ProcessPool");

    [UnmanagedCallersOnly]
    private static void Fail(IntPtr self, long task, IntPtr failure) => Callback.Run(
        (task, failure),
        static call =>
        {
            using var described = new Failure(call.failure, owned: false);
            RemoteTask.Of(call.task).Fail(described);
        },
        "failing a task of a ProcessPool");

    [UnmanagedCallersOnly]
    private static void Drop(IntPtr self, long task, IntPtr why) => Callback.Run(
        (self, task, why),
        static call =>
        {
            var host = (ProcessPoolHost)GCHandle.FromIntPtr(call.self).Target!;
            using var failure = new Failure(call.why, owned: false);
            RemoteTask dropped = RemoteTask.Of(call.task);
            // Before its task is done, so that who has seen that finds it there.
            bool madeRoom = !failure.Empty()
                && failure.Link(0).Kind == (int)FailureKind.Rejected;
            if (!madeRoom
                && dropped.ToCancelledTask() is { } cancelled
                && host._pool.TryGetTarget(out Asyncpal.ProcessPool? pool))
            {
                pool.Keep(cancelled);
            }
            dropped.Drop(failure);
        },
        "dropping a task of a ProcessPool");

    [UnmanagedCallersOnly]
    private static void LoseCalls(
        IntPtr self, long task, byte* results, long size, long rest, IntPtr failure) =>
        Callback.Run(
            (task, results: (IntPtr)results, size, rest, failure),
            static call =>
            {
                using var described = new Failure(call.failure, owned: false);
                RemoteTask.Of(call.task).LoseCalls(
                    (byte*)call.results, call.size, call.rest, described);
            },
            "losing a task of a ProcessPool");

    [UnmanagedCallersOnly]
    private static void Joined(IntPtr self, long join) => Joins.End(join);

    [UnmanagedCallersOnly]
    private static void Terminated(IntPtr self)
    {
        var host = (ProcessPoolHost)GCHandle.FromIntPtr(self).Target!;
        if (host._pool.TryGetTarget(out Asyncpal.ProcessPool? pool))
        {
            pool.OnTerminated();
        }
    }

    [UnmanagedCallersOnly]
    private static void Free(IntPtr self) => GCHandle.FromIntPtr(self).Free();
}

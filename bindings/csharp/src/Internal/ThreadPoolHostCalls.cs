using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading;

namespace Asyncpal.Internal;

/// <content>The functions that native code calls.</content>
internal sealed unsafe partial class ThreadPoolHost
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
        public delegate* unmanaged<IntPtr, IntPtr, void> Broken;
        public delegate* unmanaged<IntPtr, long, void> Joined;
        public delegate* unmanaged<IntPtr, void> Terminated;
        public delegate* unmanaged<IntPtr, void> Free;
    }

    private static readonly Callbacks* s_callbacks = MakeCallbacks();

    private static Callbacks* MakeCallbacks()
    {
        var callbacks = (Callbacks*)RuntimeHelpers.AllocateTypeAssociatedMemory(
            typeof(ThreadPoolHost), sizeof(Callbacks));
        callbacks->BeginWorker = &BeginWorker;
        callbacks->EndWorker = &EndWorker;
        callbacks->Run = &Run;
        callbacks->Drop = &Drop;
        callbacks->Expire = &Expire;
        callbacks->Broken = &Broken;
        callbacks->Joined = &Joined;
        callbacks->Terminated = &Terminated;
        callbacks->Free = &Free;
        return callbacks;
    }

    private static ThreadPoolHost HostOf(IntPtr self) =>
        (ThreadPoolHost)GCHandle.FromIntPtr(self).Target!;

    private static INativeItem ItemOf(long task) =>
        (INativeItem)GCHandle.FromIntPtr((IntPtr)task).Target!;

    [UnmanagedCallersOnly]
    private static void BeginWorker(IntPtr self, byte* name, int size, IntPtr failure)
    {
        ThreadPoolHost host = HostOf(self);
        bool begun = host.Try(
            () =>
            {
                string text = Encoding.UTF8.GetString(name, size);
                Thread.CurrentThread.Name = text;
                host.Add(new Worker(host, text));
                host._initializer?.Invoke();
            },
            failure);
        if (!begun)
        {
            host.Forget();
        }
    }

    [UnmanagedCallersOnly]
    private static void EndWorker(IntPtr self, IntPtr failure)
    {
        ThreadPoolHost host = HostOf(self);
        host.Try(() => host._finalizer?.Invoke(), failure);
        host.Forget();
    }

    [UnmanagedCallersOnly]
    private static byte Run(IntPtr self, long task) => Callback.Run(
        (self, task),
        static call =>
        {
            if (call.task == Ticket)
            {
                HostOf(call.self).RunTicket();
                return (byte)0;
            }
            return ItemOf(call.task).Run() ? (byte)1 : (byte)0;
        },
        "running a task of a ThreadPool");

    [UnmanagedCallersOnly]
    private static byte Drop(IntPtr self, long task, IntPtr why) => Callback.Run(
        (self, task, why),
        static call =>
        {
            using var failure = new Failure(call.why, owned: false);
            if (call.task == Ticket)
            {
                HostOf(call.self).Queued!.DropTicket(
                    failure.Empty() ? null : () => Failures.ToException(failure));
                return (byte)0;
            }
            Exception? error = failure.Empty() ? null : Failures.ToException(failure);
            return ItemOf(call.task).Drop(error) ? (byte)1 : (byte)0;
        },
        "dropping a task of a ThreadPool");

    [UnmanagedCallersOnly]
    private static void Expire(IntPtr self, long task, IntPtr why) => Callback.Run(
        (task, why),
        static call =>
        {
            using var failure = new Failure(call.why, owned: false);
            ItemOf(call.task).Expire(Failures.ToException(failure));
        },
        "the timeout of a task of a ThreadPool");

    [UnmanagedCallersOnly]
    private static void Broken(IntPtr self, IntPtr why) => Callback.Run(
        (self, why),
        static call =>
        {
            using var failure = new Failure(call.why, owned: false);
            HostOf(call.self).Queued?.Fail(() => Failures.ToException(failure));
        },
        "breaking a ThreadPool");

    [UnmanagedCallersOnly]
    private static void Joined(IntPtr self, long join) => Joins.End(join);

    [UnmanagedCallersOnly]
    private static void Terminated(IntPtr self)
    {
        ThreadPoolHost host = HostOf(self);
        s_open.TryRemove(host, out _);
        host.Pool?.OnTerminated();
    }

    [UnmanagedCallersOnly]
    private static void Free(IntPtr self)
    {
        s_open.TryRemove(HostOf(self), out _);
        GCHandle.FromIntPtr(self).Free();
    }
}

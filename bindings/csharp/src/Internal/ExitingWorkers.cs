using System;
using System.Collections.Concurrent;
using System.Globalization;
using System.IO;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Threading;

namespace Asyncpal.Internal;

/// <summary>
/// Finds the workers whose task has called <see cref="Environment.Exit"/>, which the
/// end of the process must not wait for: they wait for it.
/// </summary>
/// <remarks>
/// How it works. .NET raises ProcessExit on a thread of its own, and tells of no other
/// thread what it does. So the stack of a worker that sleeps in the kernel is searched
/// for an address within Environment.Exit(), to which only a call of it returns. Where
/// that can't be, no worker is found, and the deadline ends the wait. Compiled ahead
/// of time, ProcessExit runs on the thread that exits, and native code knows.
/// <para>Threads: any.</para>
/// </remarks>
internal static class ExitingWorkers
{
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(20);

    // More than from Exit() to where it sleeps, which is 2 KiB in .NET 10.
    private const int SearchedBytes = 16 << 10;

    // How much of Exit() comes before its call: it has no branches.
    private const ulong ExitCodeBytes = 96;

    // By the ids of their threads.
    private static readonly ConcurrentDictionary<int, Worker> Workers = new();

    // Known before the first call: .NET may lead later ones elsewhere, to count them.
    private static readonly ulong ExitCode = CodeOfExit();

    [ThreadStatic]
    private static int t_id;

    /// <summary>This thread becomes a worker.</summary>
    public static void Add(Worker worker)
    {
        t_id = GetThreadId();
        Workers[t_id] = worker;
    }

    /// <summary>It will be none any more.</summary>
    public static void Remove() => Workers.TryRemove(t_id, out _);

    /// <summary>Runs <paramref name="shutdown"/> while nobody waits for them.</summary>
    public static void LeaveDuring(Action shutdown)
    {
        if (!RuntimeFeature.IsDynamicCodeSupported)
        {
            Worker.Current?.LeaveForExit(isOwnThread: true);
        }
        if (Workers.IsEmpty || !RuntimeFeature.IsDynamicCodeSupported)
        {
            shutdown();
            return;
        }
        using var over = new ManualResetEventSlim();
        LeaveAll();
        // Others may exit when they see that they are asked to stop.
        var leaving = new Thread(() =>
        {
            while (!over.Wait(Period))
            {
                LeaveAll();
            }
        })
        {
            IsBackground = true,
            Name = "asyncpal-exit",
        };
        leaving.UnsafeStart();
        try
        {
            shutdown();
        }
        finally
        {
            over.Set();
            leaving.Join();
        }
    }

    private static void LeaveAll()
    {
        foreach ((int id, Worker worker) in Workers)
        {
            if (IsInExit(id) && Workers.TryRemove(id, out _))
            {
                worker.LeaveForExit();
            }
        }
    }

    private static bool IsInExit(int id)
    {
        if (ExitCode == 0)
        {
            return false;
        }
        Span<byte> stack = new byte[SearchedBytes];
        try
        {
            // "number arguments stack-pointer program-counter", or "running".
            string[] call = File.ReadAllText($"/proc/self/task/{id}/syscall").Split(' ');
            if (call.Length < 3)
            {
                return false;
            }
            long top = long.Parse(call[^2].AsSpan(2), NumberStyles.HexNumber, null);
            using FileStream memory = File.OpenRead("/proc/self/mem");
            stack = stack[..RandomAccess.Read(memory.SafeFileHandle, stack, top)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException
            or FormatException or OverflowException)
        {
            return false;
        }
        foreach (ulong word in MemoryMarshal.Cast<byte, ulong>(stack))
        {
            if (word - ExitCode - 1 < ExitCodeBytes)
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>Where the code of Environment.Exit() begins; 0: unknown.</summary>
    private static unsafe ulong CodeOfExit()
    {
        if (!RuntimeFeature.IsDynamicCodeSupported
            || RuntimeInformation.ProcessArchitecture != Architecture.X64)
        {
            return 0;
        }
        RuntimeMethodHandle method =
            ((Delegate)(Action<int>)Environment.Exit).Method.MethodHandle;
        RuntimeHelpers.PrepareMethod(method);
        // A jump by way of a pointer nearby, which now is to the code.
        var entry = (byte*)method.GetFunctionPointer();
        return entry[0] == 0xff && entry[1] == 0x25
            ? *(ulong*)(entry + 6 + Unsafe.ReadUnaligned<int>(entry + 2))
            : 0;
    }

    [DllImport("libc", EntryPoint = "gettid")]
    private static extern int GetThreadId();
}

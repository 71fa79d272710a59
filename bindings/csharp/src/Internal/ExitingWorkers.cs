using System;
using System.Collections.Concurrent;
using System.Globalization;
using System.IO;
using System.Reflection;
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
/// for what only a call of Environment.Exit() leaves there: an address within its code,
/// or, where that was compiled into its caller, the method that calls the runtime for
/// it, which such calls record. Where that can't be, no worker is found, and the
/// deadline ends the wait. Compiled ahead of time, ProcessExit runs on the thread that
/// exits, and native code knows.
/// <para>Threads: any.</para>
/// </remarks>
internal static class ExitingWorkers
{
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(20);

    // More than from Exit() to where it sleeps, which is 2 KiB in .NET 10.
    private const int SearchedBytes = 16 << 10;

    // How much of Exit() comes before its call: it has no branches.
    private const ulong ExitCodeBytes = 96;

    // More than a method's entry has, which jumps to its code, or to what prepares it.
    private const int EntryBytes = 24;

    private const int PrepareAttempts = 100;

    // By the ids of their threads.
    private static readonly ConcurrentDictionary<int, Worker> Workers = new();

    // The same for as long as it has not been called dozens of times.
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
        // Not known before, as it would be found on the stack of who asked for it.
        ulong exitCall = CallInExit();
        using var over = new ManualResetEventSlim();
        LeaveAll(exitCall);
        // Others may exit when they see that they are asked to stop.
        var leaving = new Thread(() =>
        {
            while (!over.Wait(Period))
            {
                LeaveAll(exitCall);
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

    private static void LeaveAll(ulong exitCall)
    {
        foreach ((int id, Worker worker) in Workers)
        {
            if (IsInExit(id, exitCall) && Workers.TryRemove(id, out _))
            {
                worker.LeaveForExit();
            }
        }
    }

    /// <summary>What identifies the method by which Exit() calls the runtime.</summary>
    private static ulong CallInExit() =>
        (ulong)(typeof(Environment)
            .GetMethod("_Exit", BindingFlags.NonPublic | BindingFlags.Static)
            ?.MethodHandle.Value ?? 0);

    private static bool IsInExit(int id, ulong exitCall)
    {
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
            if (word != 0
                && (word == exitCall
                    || (ExitCode != 0 && word - ExitCode - 1 < ExitCodeBytes)))
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
        for (int i = 0; i < PrepareAttempts; ++i)
        {
            RuntimeHelpers.PrepareMethod(method);
            var entry = (byte*)method.GetFunctionPointer();
            byte* code = Follow(entry);
            if (code < entry || code >= entry + EntryBytes)
            {
                return (ulong)code;
            }
            // .NET has just undone it, so that the next call will be the first counted.
        }
        return 0;
    }

    /// <summary>Where a call of <paramref name="entry"/> leads.</summary>
    private static unsafe byte* Follow(byte* entry)
    {
        byte* code = JumpsByPointer(entry) ? Target(entry) : entry;
        // A stub that counts calls: loads the counter's address, decrements, and leaves
        // by the next jump unless it is zero.
        ReadOnlySpan<byte> decrement = [0x66, 0xff, 0x08, 0x74];
        const int LoadBytes = 7;
        byte* jump = code + LoadBytes + decrement.Length + 1;
        return code[0] == 0x48 && code[1] == 0x8b && code[2] == 0x05
            && new ReadOnlySpan<byte>(code + LoadBytes, decrement.Length).SequenceEqual(decrement)
            && JumpsByPointer(jump)
                ? Target(jump)
                : code;
    }

    private static unsafe bool JumpsByPointer(byte* code) => code[0] == 0xff && code[1] == 0x25;

    /// <summary>The pointer's distance follows the jump's two bytes.</summary>
    private static unsafe byte* Target(byte* jump) =>
        *(byte**)(jump + 6 + Unsafe.ReadUnaligned<int>(jump + 2));

    [DllImport("libc", EntryPoint = "gettid")]
    private static extern int GetThreadId();
}

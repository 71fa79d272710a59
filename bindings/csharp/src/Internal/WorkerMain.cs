using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Asyncpal.Internal.Json;

namespace Asyncpal.Internal;

/// <summary>What a worker process of a <see cref="ProcessPool"/> does.</summary>
internal static unsafe class WorkerMain
{
    [ThreadStatic]
    private static bool t_serves;

    /// <summary>
    /// Of the task that this thread runs for the pool that has started this process; null:
    /// none.
    /// </summary>
    public static TaskContext? Context()
    {
        if (!t_serves || !HostedWorker.RunsTask())
        {
            return null;  // an initializer or a finalizer runs, perhaps
        }
        HostedWorker.ShareTask();
        return new TaskContext(
            HostedWorker.TaskName(),
            HostedWorker.TaskId(),
            HostedWorker.TaskAttempt(),
            item: null,
            call: null);
    }

    /// <summary>Serves calls until the process ends.</summary>
    public static void Run()
    {
        delegate* unmanaged<byte*, long, IntPtr, IntPtr> serve = &Serve;
        Internal.Native.ServeAsWorker((IntPtr)serve);
    }

    /// <summary>Runs calls; where one has thrown, says what those before gave.</summary>
    internal static void Serve(ReadOnlySpan<byte> bytes, FrameWriter results)
    {
        var call = new FrameReader(bytes);
        WorkerFunction function = WorkerFunction.Read(ref call);
        JsonValues values = JsonValues.For(WorkerEntry.FindSource(call.ReadText()));
        var flags = (CallFlags)call.ReadByte();
        bool isChunk = (flags & CallFlags.Chunk) != 0;
        using Activity? activity = (flags & CallFlags.Traced) != 0
            ? TaskTracing.Continue(call.ReadText(), call.ReadText(), function.Name)
            : null;
        TaskContext? outer = TaskContext.Flow(function.IsAsynchronous ? Context() : null);
        try
        {
            bool isTimed = (flags & CallFlags.Timed) != 0;
            if ((flags & CallFlags.Settled) != 0)
            {
                ServeSettled(function, values, ref call, results, isTimed);
                return;
            }
            if (!isTimed)
            {
                Serve(function, values, ref call, results, isChunk);
                return;
            }
            int time = results.Reserve();
            long start = Stopwatch.GetTimestamp();
            Serve(function, values, ref call, results, isChunk);
            results.Fill(time, NanosSince(start));
        }
        finally
        {
            TaskContext.Flow(outer);
        }
    }

    private static int NanosSince(long start) =>
        (int)Math.Min(ChunkTimer.NanosSince(start), int.MaxValue);

    /// <summary>
    /// Sends the end of each call, where there are several, as soon as there is one: so a
    /// worker that is lost takes along no more than a few of them. The time comes last.
    /// </summary>
    private static void ServeSettled(
        WorkerFunction function,
        JsonValues values,
        ref FrameReader call,
        FrameWriter results,
        bool isTimed)
    {
        long start = Stopwatch.GetTimestamp();
        int count = call.ReadInt();
        bool isInParts = count > 1;
        if (isInParts)
        {
            HostedWorker.BeginCalls();
        }
        for (int i = 0; i < count; ++i)
        {
            if (isInParts)
            {
                HostedWorker.BeginCall();
            }
            try
            {
                results.WriteByte(SettledFrames.Value);
                Serve(function, values, ref call, results);
                SendPart(results, isInParts);
            }
            catch (Exception e)
            {
                results.Truncate(0);
                SettledFrames.WriteError(results, e);
                SendPart(results, isInParts);
            }
        }
        if (isTimed)
        {
            results.WriteInt(NanosSince(start));
        }
    }

    private static void SendPart(FrameWriter results, bool isInParts)
    {
        if (isInParts)
        {
            HostedWorker.EndCall(results.Written.ToArray());
            results.Truncate(0);
        }
    }

    private static void Serve(
        WorkerFunction function,
        JsonValues values,
        ref FrameReader call,
        FrameWriter results,
        bool isChunk)
    {
        int count = call.ReadInt();
        for (int i = 0; i < count; ++i)
        {
            int done = results.Size;
            try
            {
                Serve(function, values, ref call, results);
            }
            catch (Exception e) when (isChunk && i > 0)
            {
                results.Truncate(done);
                throw new PartialChunkException(results.Written.ToArray(), e);
            }
        }
    }

    private static void Serve(
        WorkerFunction function,
        JsonValues values,
        ref FrameReader call,
        FrameWriter results)
    {
        var arguments = new object?[function.Parameters.Length];
        FrameReader its = call;
        for (int i = 0; i < arguments.Length; ++i)
        {
            call.ReadBytes();  // the next call begins behind them, whatever this one does
        }
        for (int i = 0; i < arguments.Length; ++i)
        {
            arguments[i] = values.Read(
                its.ReadBytes(),
                function.Parameters[i],
                $"argument {i + 1} of {function.Name}");
        }
        object? result = function.Invoke(arguments);
        if (function.Result == typeof(void))
        {
            results.EndFrame(results.BeginFrame());
        }
        else
        {
            values.Write(
                results, result, function.Result, $"the result of {function.Name}");
        }
    }

    [UnmanagedCallersOnly]
    private static IntPtr Serve(byte* call, long size, IntPtr failure)
    {
        t_serves = true;
        try
        {
            var results = new FrameWriter();
            Serve(new ReadOnlySpan<byte>(call, checked((int)size)), results);
            return Block.Of(results.Written);
        }
        catch (Exception e)
        {
            using var described = new Failure(failure, owned: false);
            Failures.Describe(e, described);
            return IntPtr.Zero;
        }
    }
}

/// <summary>A chunk of calls was lost for the inner reason.</summary>
/// <param name="results">Of its first calls.</param>
/// <param name="rest">The first call that had not begun; there may be fewer.</param>
/// <param name="cause">What has happened.</param>
internal sealed class LostCallsException(byte[] results, long rest, Exception cause)
    : Exception("a chunk was lost", cause)
{
    /// <summary>What came of the first calls.</summary>
    public byte[] Results { get; } = results;

    /// <summary>The first call that had not begun; there may be fewer.</summary>
    public long Rest { get; } = rest;
}

/// <summary>In a chunk of calls one has thrown the inner exception.</summary>
/// <param name="results">Of those before it.</param>
/// <param name="cause">What it has thrown.</param>
internal sealed class PartialChunkException(byte[] results, Exception? cause)
    : Exception("a call of a chunk has thrown", cause)
{
    /// <summary>The results of the calls before it.</summary>
    public byte[] Results { get; } = results;
}

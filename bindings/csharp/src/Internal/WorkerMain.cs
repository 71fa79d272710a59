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
        bool isSettled = (flags & CallFlags.Settled) != 0;
        using Activity? activity = (flags & CallFlags.Traced) != 0
            ? TaskTracing.Continue(call.ReadText(), call.ReadText(), function.Name)
            : null;
        TaskContext? outer = TaskContext.Flow(function.IsAsynchronous ? Context() : null);
        try
        {
            if ((flags & CallFlags.Timed) == 0)
            {
                Serve(function, values, ref call, results, isChunk, isSettled);
                return;
            }
            int time = results.Reserve();
            long start = Stopwatch.GetTimestamp();
            Serve(function, values, ref call, results, isChunk, isSettled);
            results.Fill(
                time, (int)Math.Min(ChunkTimer.NanosSince(start), int.MaxValue));
        }
        finally
        {
            TaskContext.Flow(outer);
        }
    }

    private static void Serve(
        WorkerFunction function,
        JsonValues values,
        ref FrameReader call,
        FrameWriter results,
        bool isChunk,
        bool isSettled)
    {
        int count = call.ReadInt();
        for (int i = 0; i < count; ++i)
        {
            int done = results.Size;
            try
            {
                if (isSettled)
                {
                    results.WriteByte(SettledFrames.Value);
                }
                Serve(function, values, ref call, results);
            }
            catch (Exception e) when (isSettled)
            {
                results.Truncate(done);
                SettledFrames.WriteError(results, e);
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
        for (int i = 0; i < arguments.Length; ++i)
        {
            arguments[i] = values.Read(
                call.ReadBytes(),
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

/// <summary>In a chunk of calls one has thrown the inner exception.</summary>
/// <param name="results">Of those before it.</param>
/// <param name="cause">What it has thrown.</param>
internal sealed class PartialChunkException(byte[] results, Exception? cause)
    : Exception("a call of a chunk has thrown", cause)
{
    /// <summary>The results of the calls before it.</summary>
    public byte[] Results { get; } = results;
}

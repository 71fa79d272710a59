using System;
using System.Collections.Generic;
using Asyncpal.Internal.Json;

namespace Asyncpal.Internal;

/// <summary>What else there is to calls.</summary>
[Flags]
internal enum CallFlags : byte
{
    /// <summary>They are a chunk of a map.</summary>
    Chunk = 1,

    /// <summary>A traceparent and a tracestate follow.</summary>
    Traced = 2,

    /// <summary>Each call's end is sent, whatever it is: see SettledFrames.</summary>
    Settled = 4,

    /// <summary>
    /// How long they have taken is wanted: see TimedResults. Behind the others, where each
    /// call's end is sent.
    /// </summary>
    Timed = 8,
}

/// <summary>
/// Calls of one function as bytes: what to call, whether it is a chunk of a map, what
/// traces it, how many calls there are, and their arguments, each a frame.
/// </summary>
internal sealed class RemoteCall(RemoteFunction function)
{
    /// <exception cref="SerializationException">Something can't travel.</exception>
    public RemoteCall(Delegate function, JsonValues values)
        : this(RemoteFunction.Of(function, values))
    {
    }

    /// <summary>One call with these arguments.</summary>
    public byte[] Encode(object?[] arguments, TaskTrace trace = default) =>
        Encode(default, [arguments], trace);

    /// <summary>Several calls, each with its arguments.</summary>
    /// <exception cref="SerializationException">An argument can't travel.</exception>
    public byte[] Encode(
        CallFlags flags,
        IEnumerable<object?[]> calls,
        TaskTrace trace = default)
    {
        var writer = new FrameWriter();
        function.WriteHeader(writer);
        writer.WriteByte((byte)(flags | (trace.IsSent ? CallFlags.Traced : 0)));
        if (trace.IsSent)
        {
            writer.WriteText(trace.Parent!);
            writer.WriteText(trace.State!);
        }
        int reserved = writer.Reserve();
        int count = 0;
        foreach (object?[] arguments in calls)
        {
            for (int i = 0; i < arguments.Length; ++i)
            {
                function.WriteArgument(writer, i, arguments[i]);
            }
            ++count;
        }
        writer.Fill(reserved, count);
        return writer.Written.ToArray();
    }

    /// <summary>Refuses a result that is not what the caller is to have.</summary>
    public void CheckResult<T>()
    {
        if (typeof(T) != typeof(Nothing) && !typeof(T).IsAssignableFrom(function.Result))
        {
            throw new SerializationException(
                $"the result of {function.Name}, a {function.Result}, is no {typeof(T)}");
        }
    }

    /// <summary>The result of one call.</summary>
    public T DecodeResult<T>(ReadOnlySpan<byte> bytes)
    {
        var reader = new FrameReader(bytes);
        return function.ReadResult<T>(ref reader);
    }

    /// <summary>The next of several results.</summary>
    public T ReadResult<T>(ref FrameReader reader) => function.ReadResult<T>(ref reader);

    /// <summary>The results of the calls of a chunk.</summary>
    public List<T> DecodeResults<T>(ReadOnlySpan<byte> bytes)
    {
        var reader = new FrameReader(bytes);
        var results = new List<T>();
        while (!reader.IsAtEnd)
        {
            results.Add(function.ReadResult<T>(ref reader));
        }
        return results;
    }
}

/// <summary>
/// Results of a chunk that begin with how long its calls have taken, in nanoseconds of up to
/// two seconds.
/// </summary>
internal static class TimedResults
{
    /// <summary>What follows the time, which the timer learns; null: there is none.</summary>
    public static ReadOnlySpan<byte> Read(ReadOnlySpan<byte> bytes, ChunkTimer? timer)
    {
        if (timer == null)
        {
            return bytes;
        }
        var reader = new FrameReader(bytes);
        int nanos = reader.ReadInt();
        if (nanos > 0)  // a call of theirs has thrown otherwise
        {
            timer.Learn(nanos);
        }
        return bytes[sizeof(int)..];
    }
}

using System;
using System.Collections.Generic;
using Asyncpal.Internal.Json;

namespace Asyncpal.Internal;

/// <summary>
/// Calls of one function as bytes: what to call, whether it is a chunk of a map,
/// how many calls there are, and their arguments, each a frame.
/// </summary>
internal sealed class RemoteCall(RemoteFunction function)
{
    /// <exception cref="SerializationException">Something can't travel.</exception>
    public RemoteCall(Delegate function, JsonValues values)
        : this(RemoteFunction.Of(function, values))
    {
    }

    /// <summary>One call with these arguments.</summary>
    public byte[] Encode(object?[] arguments) => Encode(isChunk: false, [arguments]);

    /// <summary>Several calls, each with its arguments.</summary>
    /// <exception cref="SerializationException">An argument can't travel.</exception>
    public byte[] Encode(bool isChunk, IEnumerable<object?[]> calls)
    {
        var writer = new FrameWriter();
        function.WriteHeader(writer);
        writer.WriteByte(isChunk ? (byte)1 : (byte)0);
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

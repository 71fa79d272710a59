using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Asyncpal.Internal;

namespace Asyncpal;

/// <content>The chunks of its maps.</content>
public sealed partial class ProcessPool
{
    internal override async Task<IReadOnlyList<TOut>> SubmitChunk<TIn, TOut>(
        MapFunction<TIn, TOut> function,
        IReadOnlyList<TIn> inputs,
        ChunkTimer? timer,
        CancellationToken token,
        TaskOptions? options)
    {
        var call = new RemoteCall(function.Function, _values);
        TaskTrace trace = TaskTracing.Begin(this, null);
        byte[] calls;
        try
        {
            calls = call.Encode(
                CallFlags.Chunk
                    | (function.Remote != null ? CallFlags.Settled : 0)
                    | (timer != null ? CallFlags.Timed : 0),
                inputs.Select(function.Split),
                trace);
            if (function.Remote != null)
            {
                function.Remote.Check(call);
            }
            else if (!function.GivesInputs)
            {
                call.CheckResult<TOut>();
            }
        }
        catch (Exception e)
        {
            TaskTracing.End(trace.Activity, e);
            throw;
        }
        if (function.Remote is { } settling)
        {
            return await StartSettling(
                settling, inputs, call, calls, timer, trace, token, options)
                .ConfigureAwait(false);
        }
        if (!function.GivesInputs)
        {
            return await StartChunk<List<TOut>>(
                bytes => call.DecodeResults<TOut>(TimedResults.Read(bytes, timer)),
                calls,
                trace,
                token,
                options).ConfigureAwait(false);
        }
        try
        {
            await StartChunk<List<Nothing>>(
                bytes => call.DecodeResults<Nothing>(TimedResults.Read(bytes, timer)),
                calls,
                trace,
                token,
                options).ConfigureAwait(false);
            return (IReadOnlyList<TOut>)inputs;
        }
        catch (ChunkException<List<Nothing>> e)
        {
            throw new ChunkException<List<TOut>>(
                [.. ((IReadOnlyList<TOut>)inputs).Take(e.Done.Count)],
                e.InnerException!);
        }
    }

    private async Task<IReadOnlyList<TOut>> StartSettling<TIn, TOut>(
        IRemoteSettling<TIn, TOut> settling,
        IReadOnlyList<TIn> inputs,
        RemoteCall call,
        byte[] calls,
        ChunkTimer? timer,
        TaskTrace trace,
        CancellationToken token,
        TaskOptions? options)
    {
        try
        {
            try
            {
                return await StartChunk(
                    bytes => settling.Decode(call, inputs, bytes, timer),
                    calls,
                    trace,
                    token,
                    options,
                    isInParts: inputs.Count > 1)
                    .ConfigureAwait(false);
            }
            catch (LostCallsException lost)
            {
                return settling.Decode(call, inputs, lost);
            }
        }
        catch (Exception e) when (e is WorkerLostException or SerializationException)
        {
            return settling.Fail(inputs, e);
        }
    }

    private Task<T> StartChunk<T>(
        RemoteTask<T>.Decoder decode,
        byte[] calls,
        TaskTrace trace,
        CancellationToken token,
        TaskOptions? options,
        bool isInParts = false) =>
        Start(
            new RemoteTask<T>(decode, token, cancelled: null)
            {
                Activity = trace.Activity,
                IsInParts = isInParts,
            },
            "",
            calls,
            options,
            token,
            waitsForRoom: true);
}

using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;

namespace Asyncpal.Internal;

/// <summary>What counts calls of a chunk one by one.</summary>
internal interface ISettled
{
    bool IsOk { get; }
}

/// <summary>
/// Maps whose calls may fail: each result is how the call ended, and so none ends the map.
/// What a call throws is caught where the call runs, in the middle of a chunk.
/// </summary>
internal static class Settling
{
    /// <summary>A function of inputs with their indexes that fails no chunk.</summary>
    public static MapFunction<(int Index, TIn Input), Settled<TOut>> Of<TIn, TOut>(
        MapFunction<TIn, TOut> function) =>
        new(function.Function, input => function.Split(input.Input), function.IsStoppable)
        {
            CallOne = function.CallOne is { } call
                ? (input, stop) => Settle(function, input.Index, () => call(input.Input, stop), stop)
                : null,
            CallOneAsync = function.CallOneAsync is { } callAsync
                ? (input, stop) => SettleAsync(
                    function, input.Index, () => callAsync(input.Input, stop), stop)
                : null,
            Remote = new RemoteSettling<TIn, TOut>(function.GivesInputs),
        };

    /// <summary>Each input with its index.</summary>
    public static Zipped<(int Index, T Input)> Index<T>(IEnumerable<T> inputs)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        return new(
            inputs.Select(static (input, index) => (index, input)), Zipped.CountOf(inputs));
    }

    /// <summary>Each input with its index.</summary>
    public static IAsyncEnumerable<(int Index, T Input)> Index<T>(IAsyncEnumerable<T> inputs)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        return IndexEach(inputs, CancellationToken.None);
    }

    private static async IAsyncEnumerable<(int Index, T Input)> IndexEach<T>(
        IAsyncEnumerable<T> inputs, [EnumeratorCancellation] CancellationToken token)
    {
        int index = 0;
        await foreach (T input in inputs.WithCancellation(token).ConfigureAwait(false))
        {
            yield return (index++, input);
        }
    }

    private static Settled<TOut> Settle<TIn, TOut>(
        MapFunction<TIn, TOut> function, int index, Func<TOut> call, CancellationToken stop)
    {
        try
        {
            return new(index, call(), null);
        }
        catch (Exception e) when (!function.IsStop(e, stop))
        {
            return new(index, default, e);
        }
    }

    private static async Task<Settled<TOut>> SettleAsync<TIn, TOut>(
        MapFunction<TIn, TOut> function,
        int index,
        Func<Task<TOut>> call,
        CancellationToken stop)
    {
        try
        {
            return new(index, await call().ConfigureAwait(false), null);
        }
        catch (Exception e) when (!function.IsStop(e, stop))
        {
            return new(index, default, e);
        }
    }
}

/// <summary>What a process pool needs of a settling function.</summary>
internal interface IRemoteSettling<in TInput, TResult>
{
    /// <summary>Refuses a result that is not what the caller is to have.</summary>
    void Check(RemoteCall call);

    /// <summary>What the worker has sent for a chunk, and how long its calls took.</summary>
    List<TResult> Decode(
        RemoteCall call,
        IReadOnlyList<TInput> inputs,
        ReadOnlySpan<byte> bytes,
        ChunkTimer? timer);

    /// <summary>What has come of a chunk that was lost; what had begun has failed.</summary>
    LostChunk<TResult> Decode(
        RemoteCall call, IReadOnlyList<TInput> inputs, LostCallsException lost);

    /// <summary>Each call of a chunk has failed so.</summary>
    List<TResult> Fail(IReadOnlyList<TInput> inputs, Exception error);
}

/// <inheritdoc/>
/// <param name="givesInputs">The function has no result, and TOut is TIn.</param>
internal sealed class RemoteSettling<TIn, TOut>(bool givesInputs)
    : IRemoteSettling<(int Index, TIn Input), Settled<TOut>>
{
    /// <inheritdoc/>
    public void Check(RemoteCall call)
    {
        if (!givesInputs)
        {
            call.CheckResult<TOut>();
        }
    }

    /// <inheritdoc/>
    public List<Settled<TOut>> Decode(
        RemoteCall call,
        IReadOnlyList<(int Index, TIn Input)> inputs,
        ReadOnlySpan<byte> bytes,
        ChunkTimer? timer)
    {
        var reader = new FrameReader(bytes);
        var settled = new List<Settled<TOut>>(inputs.Count);
        foreach ((int index, TIn input) in inputs)
        {
            settled.Add(Read(call, index, input, ref reader));
        }
        timer?.Learn(reader.ReadInt());
        return settled;
    }

    /// <inheritdoc/>
    public LostChunk<Settled<TOut>> Decode(
        RemoteCall call,
        IReadOnlyList<(int Index, TIn Input)> inputs,
        LostCallsException lost)
    {
        var reader = new FrameReader(lost.Results);
        var settled = new LostChunk<Settled<TOut>>(lost.InnerException!);
        foreach ((int index, TIn input) in inputs.Take((int)Math.Min(lost.Rest, inputs.Count)))
        {
            settled.Add(
                reader.IsAtEnd
                    ? new(index, default, lost.InnerException)
                    : Read(call, index, input, ref reader));
        }
        return settled;
    }

    private Settled<TOut> Read(
        RemoteCall call, int index, TIn input, ref FrameReader reader)
    {
        if (reader.ReadByte() != SettledFrames.Value)
        {
            return new(index, default, SettledFrames.ReadError(ref reader));
        }
        if (!givesInputs)
        {
            return new(index, call.ReadResult<TOut>(ref reader), null);
        }
        call.ReadResult<Nothing>(ref reader);
        return new(index, (TOut)(object)input!, null);
    }

    /// <inheritdoc/>
    public List<Settled<TOut>> Fail(
        IReadOnlyList<(int Index, TIn Input)> inputs, Exception error) =>
        [.. inputs.Select(input => new Settled<TOut>(input.Index, default, error))];
}

/// <summary>What came of a chunk that was lost in the middle.</summary>
internal interface ILostChunk
{
    /// <summary>How many calls had begun.</summary>
    int Count { get; }
}

/// <summary>The same, of each call that had begun.</summary>
/// <param name="error">Why it was lost.</param>
internal sealed class LostChunk<T>(Exception error) : List<T>, ILostChunk
{
    /// <summary>Why it was lost.</summary>
    public Exception Error { get; } = error;
}

/// <summary>How a worker sends the calls of a settling map: a byte before each frame.</summary>
internal static class SettledFrames
{
    public const byte Value = 0;
    private const byte Error = 1;

    /// <summary>In place of a value.</summary>
    public static void WriteError(FrameWriter writer, Exception error)
    {
        writer.WriteByte(Error);
        byte[] state;
        try
        {
            state = ExceptionState.Of(error).ToBytes(Environment.ProcessId, key: 0);
        }
        catch (Exception)
        {
            state = [];  // it is too large, perhaps
        }
        writer.WriteBytes(state);
        writer.WriteText(error.GetType().FullName ?? error.GetType().Name);
        writer.WriteText(Guarded.Message(error));
    }

    /// <summary>After that byte.</summary>
    public static Exception ReadError(ref FrameReader reader)
    {
        byte[] state = reader.ReadBytes().ToArray();
        string type = reader.ReadText();
        string message = reader.ReadText();
        return Guarded.Try(
            () => state.Length == 0
                ? null
                : ExceptionMaker.Make(ExceptionState.Read(state, out _, out _)))
            ?? new RemoteException(type, message, null);
    }
}

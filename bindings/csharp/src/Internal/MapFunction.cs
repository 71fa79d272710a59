using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

namespace Asyncpal.Internal;

/// <summary>A function as a map calls it, and as the user has given it.</summary>
/// <param name="Function">What the user gave.</param>
/// <param name="Split">Makes the arguments of Function of an input.</param>
/// <param name="IsStoppable">Whether it takes a token.</param>
internal sealed record MapFunction<TIn, TOut>(
    Delegate Function, Func<TIn, object?[]> Split, bool IsStoppable)
{
    /// <summary>Calls it with one input; null: it is asynchronous.</summary>
    public Func<TIn, CancellationToken, TOut>? CallOne { get; init; }

    /// <summary>The same, if it is asynchronous.</summary>
    public Func<TIn, CancellationToken, Task<TOut>>? CallOneAsync { get; init; }

    /// <summary>It has no result, and TOut is TIn.</summary>
    public bool GivesInputs { get; init; }

    /// <summary>It gives how each call ended; null: it does not.</summary>
    public IRemoteSettling<TIn, TOut>? Remote { get; init; }

    /// <summary>Calls it with each input.</summary>
    /// <exception cref="ChunkException{TResults}">One that is not the first has
    /// thrown.</exception>
    public IReadOnlyList<TOut> CallEach(
        IReadOnlyList<TIn> inputs, CancellationToken stop)
    {
        var results = new List<TOut>(inputs.Count);
        foreach (TIn input in inputs)
        {
            try
            {
                results.Add(CallOne!(input, stop));
            }
            catch (Exception e) when (results.Count > 0 && !IsStop(e, stop))
            {
                throw new ChunkException<List<TOut>>(results, e);
            }
        }
        return results;
    }

    /// <summary>As <see cref="CallEach"/>, one call after the other.</summary>
    public async Task<IReadOnlyList<TOut>> CallEachAsync(
        IReadOnlyList<TIn> inputs, CancellationToken stop)
    {
        var results = new List<TOut>(inputs.Count);
        foreach (TIn input in inputs)
        {
            try
            {
                results.Add(await CallOneAsync!(input, stop).ConfigureAwait(false));
            }
            catch (Exception e) when (results.Count > 0 && !IsStop(e, stop))
            {
                throw new ChunkException<List<TOut>>(results, e);
            }
        }
        return results;
    }

    /// <summary>Of the map, which has ended.</summary>
    public bool IsStop(Exception e, CancellationToken stop) =>
        e is OperationCanceledException && stop.IsCancellationRequested;
}

/// <summary>A call in the middle of a chunk has thrown.</summary>
internal sealed class ChunkException<TResults>(TResults done, Exception cause)
    : Exception(cause.Message, cause)
{
    /// <summary>The results of the calls before it.</summary>
    public TResults Done { get; } = done;
}

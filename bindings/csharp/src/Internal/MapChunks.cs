using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;

namespace Asyncpal.Internal;

/// <summary>The chunks of one map: how they are submitted, and how they end.</summary>
internal abstract class MapChunks<TIn, TOut>
{
    private readonly MapFunction<TIn, TOut> _function;

    // 0: the map finds out what is best.
    private readonly int _chunkSize;

    // Null: it does not.
    private AutomaticChunks? _automatic;

    // Null: failures come out.
    private readonly MapFunction<(int Index, TIn Input), Settled<TOut>>? _skipping;

    /// <summary>Checks the options and the pool.</summary>
    protected MapChunks(
        TaskRunner pool,
        MapPlan plan,
        MapFunction<TIn, TOut> function,
        MapOptions options,
        CancellationToken token)
    {
        Deadline = new MapDeadline(pool, plan, options);
        pool.Owner.Check();
        Pool = pool;
        _function = function;
        if (options.OnError == OnError.Skip)
        {
            if (function.Remote != null)
            {
                throw new ArgumentException(
                    $"OnError is Skip; {plan.Name} gives failures as results",
                    nameof(options));
            }
            _skipping = Settling.Of(function);
        }
        _chunkSize = options.ChunkSize;
        BufferSize = plan.BufferOf(pool, options);
        Counter = options.Progress == null ? null : new MapCounter(options.Progress);
        Cancel = new MapCancellation(pool, function.IsStoppable, token);
    }

    protected TaskRunner Pool { get; }

    /// <summary>How many chunks may be ahead of the reader.</summary>
    protected int BufferSize { get; }

    /// <summary>Whether the map finds out how many inputs make a chunk.</summary>
    protected bool IsAutomatic => _chunkSize == 0;

    protected MapDeadline Deadline { get; }

    /// <summary>Disposed of by whoever derives from this.</summary>
    protected MapCancellation Cancel { get; }

    /// <summary>Null: nobody wants to know.</summary>
    protected MapCounter? Counter { get; }

    /// <summary>How many calls were submitted; one thread at a time.</summary>
    protected long Submitted { get; private set; }

    /// <summary>Before the first chunk.</summary>
    /// <param name="total">How many inputs there are, if that is known.</param>
    protected void Begin(int? total)
    {
        Counter?.Begin(total);
        if (IsAutomatic)
        {
            _automatic = new AutomaticChunks(
                Pool.Owner.MapTaskCost, Math.Max(Pool.Width, 1), total);
        }
    }

    /// <summary>How many inputs the next chunk has at most.</summary>
    protected int NextSize() => _automatic?.Next() ?? _chunkSize;

    /// <summary>Submits a chunk.</summary>
    protected Task<IReadOnlyList<TOut>> Start(List<TIn> inputs)
    {
        ChunkTimer? timer = _automatic?.Start(inputs.Count);
        Task<IReadOnlyList<TOut>> chunk = _skipping != null
            ? StartSkipping(_skipping, inputs, timer)
            : Submit(_function, inputs, timer);
        Submitted += inputs.Count;
        return chunk;
    }

    private Task<IReadOnlyList<TOut>> StartSkipping(
        MapFunction<(int Index, TIn Input), Settled<TOut>> function,
        List<TIn> inputs,
        ChunkTimer? timer) =>
        ValuesOf(Submit(function, [.. inputs.Select(static input => (0, input))], timer));

    private Task<IReadOnlyList<T>> Submit<TInput, T>(
        MapFunction<TInput, T> function, List<TInput> inputs, ChunkTimer? timer)
    {
        Task<IReadOnlyList<T>> chunk = Follow(
            Pool.SubmitChunk(function, inputs, timer, Cancel.Token), inputs.Count);
        // Another one is what waits for it on a worker may look for.
        return function.Remote != null && Pool.Owner is ProcessPool
            ? GoOn(chunk, function, inputs)
            : chunk;
    }

    /// <summary>
    /// Where a chunk was lost with its worker, what had not begun of it is a chunk again.
    /// </summary>
    private async Task<IReadOnlyList<T>> GoOn<TInput, T>(
        Task<IReadOnlyList<T>> chunk, MapFunction<TInput, T> function, List<TInput> inputs)
    {
        IReadOnlyList<T> results = await chunk.ConfigureAwait(false);
        List<T>? all = null;
        while (results is LostChunk<T> lost)
        {
            all = [.. all ?? [], .. lost];
            if (all.Count == inputs.Count)
            {
                return all;
            }
            List<TInput> rest = inputs[all.Count..];
            results = await Follow(SubmitRest(function, rest, lost.Error), rest.Count)
                .ConfigureAwait(false);
        }
        return all == null ? results : [.. all, .. results];
    }

    private async Task<IReadOnlyList<T>> SubmitRest<TInput, T>(
        MapFunction<TInput, T> function, List<TInput> rest, Exception error)
    {
        try
        {
            return await Pool.SubmitChunk(
                function, rest, _automatic?.Time(rest.Count), Cancel.Token)
                .ConfigureAwait(false);
        }
        catch (Exception e) when (e is ObjectDisposedException or SerializationException)
        {
            // The pool is shutting down, and does what it has; or an input has changed
            // meanwhile.
            return function.Remote!.Fail(rest, error);
        }
    }

    private static async Task<IReadOnlyList<TOut>> ValuesOf(
        Task<IReadOnlyList<Settled<TOut>>> chunk) =>
        [.. (await chunk.ConfigureAwait(false))
            .Where(static call => call.IsOk)
            .Select(static call => call.Value!)];

    private Task<T> Follow<T>(Task<T> chunk, int calls) =>
        Counter == null ? chunk : Counter.Follow(chunk, calls);

    /// <summary>Tells <paramref name="then"/> of a chunk that is done, and this map.</summary>
    protected void WhenDone(
        Task<IReadOnlyList<TOut>> chunk,
        Action<Task<IReadOnlyList<TOut>>, object?> then) =>
        chunk.ContinueWith(
            then,
            this,
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
}

/// <summary>What a chunk of a map that is done has given.</summary>
internal static class ChunkResults
{
    /// <summary>
    /// Null: the task's result. Otherwise results, and then what a call has
    /// thrown; or throws what has ended the whole chunk.
    /// </summary>
    public static IEnumerable<TOut>? Of<TOut>(
        Task<IReadOnlyList<TOut>> chunk, MapCancellation cancel)
    {
        if (chunk.Exception?.InnerException is ChunkException<List<TOut>> error)
        {
            return GiveThenThrow(error);
        }
        if (chunk.IsCanceled)
        {
            cancel.ThrowIfCallerCancelled();
        }
        chunk.GetAwaiter().GetResult();
        return null;
    }

    private static IEnumerable<TOut> GiveThenThrow<TOut>(
        ChunkException<List<TOut>> error)
    {
        foreach (TOut result in error.Done)
        {
            yield return result;
        }
        System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(
            error.InnerException!);
    }
}

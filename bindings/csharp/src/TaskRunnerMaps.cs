using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Asyncpal.Internal;

namespace Asyncpal;

/// <content>What all maps are made of.</content>
public abstract partial class TaskRunner
{
    /// <summary>Cancelled when the pool asks its tasks to stop.</summary>
    internal abstract CancellationToken StopToken { get; }

    /// <summary>
    /// Submits calls of the function with each input as one task, which the timer, if there
    /// is one, learns of.
    /// </summary>
    internal abstract Task<IReadOnlyList<TOut>> SubmitChunk<TIn, TOut>(
        MapFunction<TIn, TOut> function,
        IReadOnlyList<TIn> inputs,
        ChunkTimer? timer,
        CancellationToken token);

    /// <summary>Blocks; false: the time is over. Throws nothing of the task's.</summary>
    internal abstract bool WaitOn(Task task, TimeSpan timeout);

    private static Zipped<(T1 First, T2 Second)> Zip<T1, T2>(
        IEnumerable<T1> first, IEnumerable<T2> second) =>
        new(first.Zip(second), Zipped.CountOf(first, second));

    private static Zipped<(T1 First, T2 Second, T3 Third)> Zip<T1, T2, T3>(
        IEnumerable<T1> first, IEnumerable<T2> second, IEnumerable<T3> third) =>
        new(first.Zip(second, third), Zipped.CountOf(first, second, third));

    private static Zipped<(T1 First, T2 Second, T3 Third, T4 Fourth)>
        Zip<T1, T2, T3, T4>(
            IEnumerable<T1> first,
            IEnumerable<T2> second,
            IEnumerable<T3> third,
            IEnumerable<T4> fourth) =>
        new(
            first.Zip(second, third).Zip(
                fourth, (three, last) => (three.First, three.Second, three.Third, last)),
            Zipped.CountOf(first, second, third, fourth));

    private MapRun<TIn, TOut> Start<TIn, TOut>(
        MapPlan plan,
        MapFunction<TIn, TOut> function,
        IEnumerable<TIn> inputs,
        MapOptions? options,
        CancellationToken token)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        return new MapRun<TIn, TOut>(
            this, plan, function, inputs, options ?? new MapOptions(), token);
    }

    private MapFeed<TIn, TOut> Start<TIn, TOut>(
        MapPlan plan,
        MapFunction<TIn, TOut> function,
        IAsyncEnumerable<TIn> inputs,
        MapOptions? options,
        CancellationToken token)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        return new MapFeed<TIn, TOut>(
            this, plan, function, inputs, options ?? new MapOptions(), token);
    }

    private static MapReader<TIn, TOut> Read<TIn, TOut>(MapRun<TIn, TOut> map) =>
        new(map);

    private static MapAsyncReader<TOut> ReadAsync<TOut>(IAsyncMap<TOut> map) =>
        new(map);

    private static List<TOut> ReadAll<TIn, TOut>(MapRun<TIn, TOut> map) =>
        [.. Read(map)];

    private static async Task<IReadOnlyList<TOut>> ReadAllAsync<TOut>(
        IAsyncMap<TOut> map)
    {
        var results = new List<TOut>();
        using (map)
        {
            while (await map.NextAsync(CancellationToken.None).ConfigureAwait(false)
                is { } next)
            {
                results.AddRange(next);
            }
        }
        return results;
    }
}

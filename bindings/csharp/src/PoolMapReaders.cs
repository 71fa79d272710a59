using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;
using Asyncpal.Internal;

namespace Asyncpal;

/// <content>What all maps are made of.</content>
public abstract partial class Pool
{
    /// <summary>Submits calls of the function with each input as one task.</summary>
    internal abstract Task<IReadOnlyList<TOut>> SubmitChunk<TIn, TOut>(
        MapFunction<TIn, TOut> function,
        IReadOnlyList<TIn> inputs,
        CancellationToken token);

    /// <summary>Blocks; false: the time is over. Throws nothing of the task's.</summary>
    internal virtual bool WaitOn(Task task, TimeSpan timeout) =>
        ((IAsyncResult)task).AsyncWaitHandle.WaitOne(timeout);

    private static MapFunction<TIn, TOut> One<TIn, TOut>(Func<TIn, TOut> function)
    {
        ArgumentNullException.ThrowIfNull(function);
        return new MapFunction<TIn, TOut>(function, function, input => [input]);
    }

    private static MapFunction<(T1 First, T2 Second), TOut> Two<T1, T2, TOut>(
        Func<T1, T2, TOut> function)
    {
        ArgumentNullException.ThrowIfNull(function);
        return new MapFunction<(T1 First, T2 Second), TOut>(
            pair => function(pair.First, pair.Second),
            function,
            pair => [pair.First, pair.Second]);
    }

    private MapRun<TIn, TOut> Start<TIn, TOut>(
        MapPlan plan,
        MapFunction<TIn, TOut> function,
        IEnumerable<TIn> inputs,
        MapOptions? options,
        CancellationToken token)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        return new MapRun<TIn, TOut>(this, plan, function, inputs, options, token);
    }

    private static MapReader<TIn, TOut> Read<TIn, TOut>(MapRun<TIn, TOut> map) =>
        new(map);

    private static MapAsyncReader<TIn, TOut> ReadAsync<TIn, TOut>(
        MapRun<TIn, TOut> map, CancellationToken token) =>
        new(map, token);

    private static List<TOut> ReadAll<TIn, TOut>(MapRun<TIn, TOut> map) =>
        [.. Read(map)];

    private static async Task<IReadOnlyList<TOut>> ReadAllAsync<TIn, TOut>(
        MapRun<TIn, TOut> map)
    {
        var results = new List<TOut>();
        using (map)
        {
            while (!map.IsDone)
            {
                results.AddRange(await map.NextAsync().ConfigureAwait(false));
            }
        }
        return results;
    }
}

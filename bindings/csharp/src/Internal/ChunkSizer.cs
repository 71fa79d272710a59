using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Threading;
using System.Threading.Tasks;

namespace Asyncpal.Internal;

/// <summary>
/// How large the chunks of a map are where the map is to find that out: large enough that a
/// task costs little beside its calls, and small enough that each worker has something to do
/// until the end.
/// </summary>
/// <remarks>
/// As asyncpal::internal::ChunkSizer, which says how it works. A plain value; the caller
/// locks.
/// </remarks>
/// <param name="taskCost">Of a task that does nothing, in nanoseconds.</param>
/// <param name="workers">How many run at once; at least 1.</param>
internal sealed class ChunkSizer(double taskCost, int workers)
{
    public const int CostsPerChunk = 20;
    private const double LeastNanos = 0.1;  // clocks have steps

    private readonly double _wanted = CostsPerChunk * taskCost;
    private double _item;  // 0: nothing is known
    private int _size = 1;

    /// <summary>How many inputs the next chunk has; at least 1.</summary>
    /// <param name="left">How many there are; null: nobody knows.</param>
    public int Next(long? left) =>
        left is { } known ? (int)Math.Clamp(known / (3L * workers), 1, _size) : _size;

    /// <summary>The calls of a chunk of so many inputs, at least 1, took that long.</summary>
    public void Learn(int items, long nanos)
    {
        double item = Math.Max((double)nanos / items, LeastNanos);
        _item = _item == 0 ? item : Math.Max(item, (_item + item) / 2);
        _size = (int)Math.Clamp(
            Math.Floor(_wanted / _item), 1, Math.Min(2.0 * items, int.MaxValue));
    }
}

/// <summary>The sizes of a map's chunks, for a map that finds out what is best.</summary>
/// <remarks>
/// Threads: any. Ordering: chunks are learned of as their calls have been made, so one that
/// takes long keeps nobody from learning of others.
/// </remarks>
/// <param name="taskCost">Of a task that does nothing, in nanoseconds.</param>
/// <param name="workers">How many run at once; at least 1.</param>
/// <param name="total">How many inputs there are; null: nobody knows.</param>
internal sealed class AutomaticChunks(double taskCost, int workers, long? total)
{
    /// <summary>
    /// So many for each worker are ahead at most: sizes are found while chunks are done, so
    /// not all may be.
    /// </summary>
    public const int Ahead = 16;

    private readonly Lock _lock = new();

    // Guarded by the lock.
    private readonly ChunkSizer _sizer = new(taskCost, workers);
    private long? _left = total;

    /// <summary>How many inputs the next chunk has at most; at least 1.</summary>
    public int Next()
    {
        using (Uninterrupted.Enter(_lock))
        {
            return _sizer.Next(_left);
        }
    }

    /// <summary>A chunk is about to be submitted; whoever calls measures that.</summary>
    public ChunkTimer Start(int inputs)
    {
        using (Uninterrupted.Enter(_lock))
        {
            _left = _left is { } left ? Math.Max(left - inputs, 0) : null;
        }
        return Time(inputs);
    }

    /// <summary>The same for the rest of one that was lost.</summary>
    public ChunkTimer Time(int inputs) => new(this, inputs);

    /// <summary>As <see cref="ChunkSizer.Learn"/>.</summary>
    public void Learn(int inputs, long nanos)
    {
        using (Uninterrupted.Enter(_lock))
        {
            _sizer.Learn(inputs, nanos);
        }
    }
}

/// <summary>What learns how long the calls of one chunk have taken, wherever they ran.</summary>
internal sealed class ChunkTimer(AutomaticChunks chunks, int inputs)
{
    /// <summary>They took that long.</summary>
    public void Learn(long nanos) => chunks.Learn(inputs, nanos);

    /// <summary>What makes the same calls and learns. What throws teaches nothing.</summary>
    public Func<IReadOnlyList<T>> Measuring<T>(Func<IReadOnlyList<T>> calls) => () =>
    {
        long start = Stopwatch.GetTimestamp();
        IReadOnlyList<T> results = calls();
        Learn(NanosSince(start));
        return results;
    };

    /// <summary>The same for asynchronous ones.</summary>
    public Func<Task<IReadOnlyList<T>>> Measuring<T>(Func<Task<IReadOnlyList<T>>> calls) =>
        async () =>
        {
            long start = Stopwatch.GetTimestamp();
            IReadOnlyList<T> results = await calls().ConfigureAwait(false);
            Learn(NanosSince(start));
            return results;
        };

    /// <summary>At least 1.</summary>
    public static long NanosSince(long start) =>
        Math.Max(100 * Stopwatch.GetElapsedTime(start).Ticks, 1);
}

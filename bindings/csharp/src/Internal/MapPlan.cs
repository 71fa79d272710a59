using System;
using System.Diagnostics;
using System.Threading;
using System.Threading.Tasks;

namespace Asyncpal.Internal;

/// <summary>What kind of map it is.</summary>
/// <param name="Name">For messages.</param>
/// <param name="IsOrdered">Whether results come in the order of the inputs.</param>
/// <param name="IsEager">Whether all tasks start at once.</param>
internal readonly record struct MapPlan(string Name, bool IsOrdered, bool IsEager)
{
    /// <summary>How many tasks may be ahead of the reader.</summary>
    public int BufferOf(TaskRunner pool, MapOptions options)
    {
        int buffer = IsEager ? int.MaxValue
            : options.BufferSize > 0 ? options.BufferSize
            : 2 * pool.Width;
        return options.ChunkSize == 0
            ? Math.Min(buffer, AutomaticChunks.Ahead * Math.Max(pool.Width, 1))
            : buffer;
    }
}

/// <summary>How long a map may still take.</summary>
internal sealed class MapDeadline
{
    private readonly TaskRunner _pool;
    private readonly string _map;
    private readonly TimeSpan _timeout;
    private readonly Stopwatch _clock = Stopwatch.StartNew();

    /// <summary>Begins with this call; checks all options.</summary>
    public MapDeadline(TaskRunner pool, MapPlan plan, MapOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(options.ChunkSize);
        ArgumentOutOfRangeException.ThrowIfNegative(options.BufferSize);
        if (options.Timeout < TimeSpan.Zero
            && options.Timeout != Timeout.InfiniteTimeSpan)
        {
            throw new ArgumentOutOfRangeException(
                nameof(options), options.Timeout, "a timeout can't be negative");
        }
        Checks.Enum(nameof(options.OnError), options.OnError);
        _pool = pool;
        _map = plan.Name;
        _timeout = options.Timeout;
    }

    /// <summary>Not negative, or infinite.</summary>
    public TimeSpan Remaining()
    {
        if (_timeout == Timeout.InfiniteTimeSpan)
        {
            return _timeout;
        }
        TimeSpan left = _timeout - _clock.Elapsed;
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    /// <summary>Waits until the task is done, however it ended.</summary>
    /// <exception cref="TimeoutException">Nothing remains.</exception>
    public async Task WaitAsync(Task task, CancellationToken token)
    {
        try
        {
            await Quietly(task).WaitAsync(Remaining(), token).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            throw ToException();
        }
    }

    /// <summary>What to throw when nothing remains.</summary>
    public TimeoutException ToException() =>
        new($"{_map}() of {_pool} took longer than {_timeout}");

    private static async Task Quietly(Task task) =>
        await task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
}

using System;
using System.Threading;
using System.Threading.Tasks;
using Asyncpal.Internal;

namespace Asyncpal;

/// <summary>
/// A time in which no task of a pool begins; what <see cref="Pool.Pause"/> returns.
/// </summary>
/// <remarks>
/// <code>
/// using (ExecutionFence fence = pool.Pause())
/// {
///     if (await fence.WaitForQuietAsync(TimeSpan.FromSeconds(10)))
///     {
///         Reload();  // no task runs
///     }
/// }
/// </code>
/// <para>Threads: any. Lifetime: until it is disposed of, or the pool is shut down.
/// Ordering: pauses nest; the pool goes on when the last one is over. Errors: none.
/// Shutdown: ends a pause.</para>
/// </remarks>
public sealed class ExecutionFence : IDisposable
{
    private readonly Pool _pool;
    private int _isOver;

    internal ExecutionFence(Pool pool)
    {
        _pool = pool;
    }

    /// <summary>Waits until no task runs.</summary>
    /// <param name="timeout">Not negative, or infinite.</param>
    /// <param name="token">Ends the wait.</param>
    /// <returns>False: the time has passed, and some still run.</returns>
    /// <exception cref="ObjectDisposedException">The pool was disposed of.</exception>
    public async Task<bool> WaitForQuietAsync(
        TimeSpan timeout, CancellationToken token = default)
    {
        Durations.ToNanos(timeout, nameof(timeout));
        long start = TimeProvider.System.GetTimestamp();
        // Nobody calls back for it; a look takes no more than a lock.
        for (int milliseconds = 1; _pool.Stats().Running > 0; )
        {
            if (timeout != Timeout.InfiniteTimeSpan
                && TimeProvider.System.GetElapsedTime(start) >= timeout)
            {
                return false;
            }
            await Task.Delay(milliseconds, token).ConfigureAwait(false);
            milliseconds = Math.Min(2 * milliseconds, 32);
        }
        return true;
    }

    /// <summary>Ends it. A second call does nothing.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isOver, 1) == 0)
        {
            _pool.Resume();
        }
    }
}

using System;
using System.Threading;
using System.Threading.Tasks;

namespace Asyncpal.Internal;

/// <summary>
/// The waits of a pool's views for further attempts. Native code keeps no task of a view for
/// later, so they are here, and the pool's counts have them.
/// </summary>
/// <remarks>Threads: any.</remarks>
internal sealed class RetryWaiting
{
    // Timers take no more than 49 days.
    private const long MaxStepMillis = 24 * 60 * 60 * 1000;
    private const long NanosPerMilli = 1_000_000;

    // Never disposed of: it has no timer, and nobody asks for its wait handle.
    private readonly CancellationTokenSource _end = new();
    private long _waiting;
    private long _cancelled;

    /// <summary>Ends all waits, also those to come.</summary>
    public void End() => _end.CancelAsync();

    /// <summary>True: the time has come. False: the wait was ended.</summary>
    /// <param name="due">Nanoseconds on the clock.</param>
    /// <param name="now">Tells the time on it.</param>
    /// <param name="provider">What moves it.</param>
    /// <param name="token">Ends the wait.</param>
    public async Task<bool> UntilAsync(
        long due, Func<long> now, TimeProvider provider, CancellationToken token)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(token, _end.Token);
        Interlocked.Increment(ref _waiting);
        try
        {
            for (long left = due - now(); left > 0; left = due - now())
            {
                long millis = Math.Min((left - 1) / NanosPerMilli + 1, MaxStepMillis);
                await Task.Delay(TimeSpan.FromMilliseconds(millis), provider, ended.Token)
                    .ConfigureAwait(false);
            }
            return true;
        }
        catch (OperationCanceledException)
        {
            Interlocked.Increment(ref _cancelled);
            return false;
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }

    /// <summary>The pool's counts with these, as of tasks for later.</summary>
    public PoolStats AddTo(PoolStats stats)
    {
        long waiting = Interlocked.Read(ref _waiting);
        long cancelled = Interlocked.Read(ref _cancelled);
        return waiting + cancelled == 0
            ? stats
            : stats with
            {
                Submitted = stats.Submitted + waiting + cancelled,
                Pending = stats.Pending + waiting,
                Delayed = stats.Delayed + waiting,
                Cancelled = stats.Cancelled + cancelled,
            };
    }
}

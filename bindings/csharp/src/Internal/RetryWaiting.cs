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
        var end = new TaskCompletionSource<bool>(
            TaskCreationOptions.RunContinuationsAsynchronously);
        using var timer = new ClockTimer(provider, now, () => end.TrySetResult(true));
        using CancellationTokenRegistration registration = ended.Token.UnsafeRegister(
            static end => ((TaskCompletionSource<bool>)end!).TrySetResult(false), end);
        Interlocked.Increment(ref _waiting);
        try
        {
            timer.Set(due);
            bool hasCome = await end.Task.ConfigureAwait(false);
            if (!hasCome)
            {
                Interlocked.Increment(ref _cancelled);
            }
            return hasCome;
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

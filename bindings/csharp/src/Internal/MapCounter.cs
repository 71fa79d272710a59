using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;

namespace Asyncpal.Internal;

/// <summary>Counts the calls of a map, and reports that.</summary>
/// <remarks>
/// Threads: any. Reports come one at a time, in the order of the counts, and whoever
/// waits for a chunk sees it done after its report has returned.
/// </remarks>
internal sealed class MapCounter(IProgress<MapProgress> progress)
{
    // More is no TimeSpan.
    private const double MaxSeconds = 1e11;

    private readonly SemaphoreSlim _turn = new(1);
    private readonly Stopwatch _clock = Stopwatch.StartNew();

    // Theirs who have the turn.
    private readonly RateMeter _rate = new();
    private long _done;
    private long _failed;
    private long? _total;

    private volatile bool _isStopped;

    /// <summary>Reports the beginning; before the first chunk.</summary>
    /// <param name="total">How many calls there will be, if that is known.</param>
    public void Begin(long? total)
    {
        _total = total;
        Report();
    }

    /// <summary>
    /// The inputs have ended. Reports that if it is news, and no chunk is to come.
    /// </summary>
    /// <param name="total">How many calls there are.</param>
    public void EndInputs(long total)
    {
        _turn.Wait();
        try
        {
            bool isNews = _total != total;
            _total = total;
            if (isNews && _done + _failed == total)
            {
                Report();
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Nobody reads the map any more: nothing is reported.</summary>
    public void Stop() => _isStopped = true;

    /// <summary>
    /// The chunk, after it was counted and reported; of one that was lost, what had begun.
    /// </summary>
    public async Task<T> Follow<T>(Task<T> chunk, int calls)
    {
        await ((Task)chunk).ConfigureAwait(
            ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ForceYielding);
        if (!chunk.IsCanceled)
        {
            await _turn.WaitAsync().ConfigureAwait(false);
            try
            {
                int ended = chunk.IsCompletedSuccessfully && chunk.Result is ILostChunk lost
                    ? lost.Count
                    : calls;
                int failed = !chunk.IsCompletedSuccessfully ? calls
                    : chunk.Result is IReadOnlyList<ISettled> settled
                        ? settled.Count(static call => !call.IsOk)
                    : 0;
                Count(ended - failed, failed);
                Report();
            }
            finally
            {
                _turn.Release();
            }
        }
        return await chunk.ConfigureAwait(false);
    }

    private void Count(int done, int failed)
    {
        _done += done;
        _failed += failed;
        _rate.Add(done + failed, _clock.Elapsed.TotalSeconds);
    }

    private void Report()
    {
        if (_isStopped)
        {
            return;
        }
        long? rest = _total - _done - _failed;
        TimeSpan? left = rest <= 0 ? TimeSpan.Zero
            : rest / _rate.PerSecond is double seconds && seconds < MaxSeconds
                ? TimeSpan.FromSeconds(seconds)
            : null;
        progress.Report(new MapProgress(
            _done, _failed, _total, _rate.PerSecond, left, _clock.Elapsed));
    }
}

/// <summary>
/// Calls per second, as an average in which what was counted tau ago has 1/e of the
/// weight of what is counted now, whatever the rhythm of the counting. In the beginning
/// it is the plain average.
/// </summary>
/// <remarks>As asyncpal::internal::RateMeter, which says how it works.</remarks>
internal sealed class RateMeter
{
    private const double Tau = 10;  // seconds

    private double _weighted;
    private double _last;

    /// <summary>As it was at the last <see cref="Add"/>.</summary>
    public double PerSecond { get; private set; }

    /// <summary>So many have ended, evenly since the last time.</summary>
    /// <param name="calls">How many.</param>
    /// <param name="now">Seconds since the beginning, never decreasing.</param>
    public void Add(long calls, double now)
    {
        double passed = now - _last;
        double kept = Math.Exp(-passed / Tau);
        double share = passed > 0 ? Tau / passed * (1 - kept) : 1;
        _weighted = _weighted * kept + calls * share;
        _last = now;
        double divisor = Tau * (1 - Math.Exp(-now / Tau));
        PerSecond = divisor > 0 ? _weighted / divisor : 0;
    }
}

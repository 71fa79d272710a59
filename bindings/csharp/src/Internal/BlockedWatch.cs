using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Threading;

namespace Asyncpal.Internal;

/// <summary>
/// Reports a pool of threads that may wait for itself: all of its workers are
/// blocked, tasks are pending, and none has ended for a moment.
/// </summary>
/// <remarks>
/// <para>The pool stands in for waits that it sees. .NET tells nobody about the
/// others, so all that can be done about these is to say so, once for each time.
/// Tasks that are merely slow look the same; the moment doubles with each report
/// that turns out to be about such.</para>
/// <para>A delayed task does not have it look when its time has come; the next submission
/// does.</para>
/// <para>Threads: any. It looks once in a while, and only as long as tasks are
/// pending; a pool that has nothing to do is not woken.</para>
/// </remarks>
internal sealed class BlockedWatch : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    private readonly WeakReference<Asyncpal.ThreadPool> _pool;
    private readonly Timer _timer;

    private long _count;

    // 1: the timer runs. Whoever changes it starts or stops the timer.
    private int _watching;

    // The rest belongs to Look(), which never runs twice at a time.
    private TimeSpan _moment = TimeSpan.FromSeconds(1);
    private long _ended = -1;
    private long _since;
    private bool _reported;

    public BlockedWatch(Asyncpal.ThreadPool pool)
    {
        _pool = new WeakReference<Asyncpal.ThreadPool>(pool);
        bool flows = !ExecutionContext.IsFlowSuppressed();
        AsyncFlowControl flow = flows ? ExecutionContext.SuppressFlow() : default;
        _timer = new Timer(
            static watch => ((BlockedWatch)watch!).Look(),
            this,
            Timeout.Infinite,
            Timeout.Infinite);
        if (flows)
        {
            flow.Undo();
        }
    }

    /// <summary>How many times it has reported the pool.</summary>
    public long Count => Volatile.Read(ref _count);

    /// <summary>Called after a task has been queued.</summary>
    public void Wake()
    {
        if (Volatile.Read(ref _watching) == 0
            && Interlocked.Exchange(ref _watching, 1) == 0)
        {
            StartTimer();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _timer.Dispose();

    private void StartTimer()
    {
        try
        {
            _timer.Change(Interval, Timeout.InfiniteTimeSpan);
        }
        catch (ObjectDisposedException)
        {
            // So is the pool.
        }
    }

    private void Look()
    {
        if (!_pool.TryGetTarget(out Asyncpal.ThreadPool? pool))
        {
            return;
        }
        try
        {
            Look(pool);
            if (CountWaiting(pool, pool.Stats()) == 0)
            {
                Interlocked.Exchange(ref _watching, 0);
                // A task that was queued meanwhile may have seen that it was 1.
                if (CountWaiting(pool, pool.Stats()) == 0
                    || Interlocked.Exchange(ref _watching, 1) == 1)
                {
                    return;
                }
            }
            StartTimer();
        }
        catch (ObjectDisposedException)
        {
            // There is nothing to watch any more.
        }
    }

    /// <summary>Tasks that wait for a worker; in a pause there are none.</summary>
    private static long CountWaiting(Asyncpal.ThreadPool pool, PoolStats stats) =>
        pool.IsPaused ? 0 : stats.Pending - stats.Delayed;

    private void Look(Asyncpal.ThreadPool pool)
    {
        PoolStats stats = pool.Stats();
        long ended = stats.Completed + stats.Failed + stats.Cancelled;
        if (ended != _ended)
        {
            if (_reported)
            {
                _moment *= 2;
                _reported = false;
            }
            _ended = ended;
            _since = Stopwatch.GetTimestamp();
            return;
        }
        TimeSpan still = Stopwatch.GetElapsedTime(_since);
        if (_reported
            || still < _moment
            || CountWaiting(pool, stats) == 0
            || stats.Workers < pool.MaxWorkers
            || stats.Busy < stats.Workers
            || !pool.AreWorkersBlocked())
        {
            return;
        }
        _reported = true;
        Report(pool, stats, still);
        // Last: whoever sees the count finds the report.
        Volatile.Write(ref _count, _count + 1);
    }

    private static void Report(
        Asyncpal.ThreadPool pool, PoolStats stats, TimeSpan still)
    {
        IEnumerable<string> tasks = pool.Workers().Where(worker => worker.IsBusy).Select(
            worker => FormattableString.Invariant(
                $"{worker.CurrentTask} on {worker.Name} for {worker.RunningFor.TotalSeconds:0.0} s"));
        string text = FormattableString.Invariant(
            $"""
            {pool} may wait for itself: its workers ({stats.Workers}) are all blocked,
             tasks are pending ({CountWaiting(pool, stats)}), and none has ended for
             {still.TotalSeconds:0.0} s. Blocked: {string.Join(", ", tasks)}. If they
             wait for tasks of this pool, await these, or wait by Task.Wait(), Result
             or Pool.Run(), which the pool sees
            """);
        pool.Log.TellBlocked(text.ReplaceLineEndings(""));
    }
}

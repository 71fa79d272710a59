using System;
using System.Threading;

namespace Asyncpal.Internal;

/// <summary>
/// A timer that is set to a time on a clock; those of a <see cref="TimeProvider"/> are set to
/// a delay, and a clock that moves meanwhile would make them late.
/// </summary>
/// <remarks>Threads: any.</remarks>
internal sealed class ClockTimer : IDisposable
{
    // What timers take at most is about 49 days.
    private static readonly TimeSpan MaxDelay = TimeSpan.FromDays(30);

    // Also how late a timer may be.
    private static readonly TimeSpan Resolution = TimeSpan.FromMilliseconds(1);

    // A provider may call back from inside of Change(), where the setter may hold locks.
    [ThreadStatic]
    private static bool t_isSetting;

    private readonly Func<long> _now;
    private readonly Action _onTime;
    private readonly ITimer _timer;
    private long _time = long.MaxValue;

    /// <param name="provider">What moves the clock.</param>
    /// <param name="now">Tells the time on it, in nanoseconds.</param>
    /// <param name="onTime">
    /// Called once the time has come, never from inside of <see cref="Set"/>.
    /// </param>
    public ClockTimer(TimeProvider provider, Func<long> now, Action onTime)
    {
        _now = now;
        _onTime = onTime;
        bool flows = !ExecutionContext.IsFlowSuppressed();
        AsyncFlowControl flow = flows ? ExecutionContext.SuppressFlow() : default;
        try
        {
            _timer = provider.CreateTimer(
                static timer => ((ClockTimer)timer!).OnTime(),
                this,
                Timeout.InfiniteTimeSpan,
                Timeout.InfiniteTimeSpan);
        }
        finally
        {
            if (flows)
            {
                flow.Undo();
            }
        }
    }

    /// <summary>Replaces the time; <see cref="long.MaxValue"/> is never.</summary>
    public void Set(long time)
    {
        Volatile.Write(ref _time, time);
        SetAfter(TimeSpan.Zero);
    }

    /// <summary>Does not wait for a call that runs.</summary>
    public void Dispose() => _timer.Dispose();

    /// <param name="least">How long to wait at least.</param>
    private void SetAfter(TimeSpan least)
    {
        bool wasSetting = t_isSetting;
        t_isSetting = true;
        try
        {
            long before;
            do
            {
                before = _now();
                _timer.Change(DelayFrom(before, least), Timeout.InfiniteTimeSpan);
            }
            while (_now() - before >= Durations.ToNanos(Resolution));
        }
        finally
        {
            t_isSetting = wasSetting;
        }
    }

    private TimeSpan DelayFrom(long now, TimeSpan least)
    {
        long time = Volatile.Read(ref _time);
        if (time == long.MaxValue)
        {
            return Timeout.InfiniteTimeSpan;
        }
        // Not before that time.
        long ticks = (Math.Max(time - now, 0) + 99) / 100;
        return TimeSpan.FromTicks(Math.Clamp(ticks, least.Ticks, MaxDelay.Ticks));
    }

    private void OnTime()
    {
        if (t_isSetting)
        {
            System.Threading.ThreadPool.UnsafeQueueUserWorkItem(
                static timer => timer.Run(), this, preferLocal: false);
        }
        else
        {
            Run();
        }
    }

    private void Run()
    {
        if (_now() >= Volatile.Read(ref _time))
        {
            _onTime();
        }
        else
        {
            SetAfter(Resolution);  // milliseconds are cut off, or it is far away
        }
    }
}

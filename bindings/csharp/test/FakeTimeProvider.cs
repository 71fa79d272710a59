using System;
using System.Collections.Generic;
using System.Threading;
using Xunit;

namespace Asyncpal.Tests;

/// Time that moves only when it is told to. Timers run on the thread that moves it, in
/// the order of their times, and those that are due at once, on the thread that sets them.
public sealed class FakeTimeProvider : TimeProvider
{
    private readonly Lock _lock = new();

    // Guarded by the lock.
    private readonly SortedSet<FakeTimer> _timers = [];
    private long _now;
    private long _lastSet;
    private TimeSpan? _jump;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp()
    {
        lock (_lock)
        {
            return _now;
        }
    }

    public override DateTimeOffset GetUtcNow() =>
        DateTimeOffset.UnixEpoch + TimeSpan.FromTicks(GetTimestamp());

    public override ITimer CreateTimer(
        TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new FakeTimer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// Moves from each timer whose time comes to the next.
    public void Advance(TimeSpan time)
    {
        long end = GetTimestamp() + time.Ticks;
        while (TakeDue(end) is { } timer)
        {
            timer.Run();
        }
    }

    /// Moves that far when a timer is told to wait that long, before it is set.
    public void JumpBeforeTimerOf(TimeSpan time)
    {
        lock (_lock)
        {
            _jump = time;
        }
    }

    private void JumpBefore(TimeSpan dueTime)
    {
        lock (_lock)
        {
            if (dueTime != _jump)
            {
                return;
            }
            _jump = null;
        }
        Advance(dueTime);
    }

    /// Moves to the time of the next timer, which must be set.
    public void AdvanceToNextTimer()
    {
        long due;
        lock (_lock)
        {
            Assert.NotEmpty(_timers);
            due = _timers.Min!.Due - _now;
        }
        Advance(TimeSpan.FromTicks(due));
    }

    private FakeTimer? TakeDue(long end)
    {
        lock (_lock)
        {
            FakeTimer? first = _timers.Min;
            if (first == null || first.Due > end)
            {
                _now = Math.Max(_now, end);
                return null;
            }
            _timers.Remove(first);
            _now = Math.Max(_now, first.Due);
            return first;
        }
    }

    private sealed class FakeTimer(
        FakeTimeProvider provider, TimerCallback callback, object? state)
        : ITimer, IComparable<FakeTimer>
    {
        private long _number;

        public long Due { get; private set; }

        public int CompareTo(FakeTimer? other) =>
            (Due, _number).CompareTo((other!.Due, other._number));

        public void Run() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            Assert.Equal(Timeout.InfiniteTimeSpan, period);
            provider.JumpBefore(dueTime);
            lock (provider._lock)
            {
                provider._timers.Remove(this);
                if (dueTime != Timeout.InfiniteTimeSpan)
                {
                    Due = provider._now + dueTime.Ticks;
                    _number = ++provider._lastSet;
                    provider._timers.Add(this);
                }
            }
            if (dueTime == TimeSpan.Zero)
            {
                provider.Advance(TimeSpan.Zero);
            }
            return true;
        }

        public void Dispose() => Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

        public System.Threading.Tasks.ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }
    }
}

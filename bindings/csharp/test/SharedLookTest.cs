using System;
using System.Threading;
using Asyncpal.Internal;
using Xunit;

namespace Asyncpal.Tests;

public sealed class SharedLookTest
{
    private readonly StoppedClock _clock = new();
    private readonly SharedLook<int> _look;
    private int _looks;

    public SharedLookTest() =>
        _look = new SharedLook<int>(
            () => ++_looks, TimeSpan.FromMilliseconds(100), _clock);

    [Fact]
    public void AllWhoAskInTimeSeeTheSame()
    {
        Assert.Equal(1, _look.For(0));
        _clock.Pass(TimeSpan.FromMilliseconds(100));
        Assert.Equal(1, _look.For(1));
        Assert.Equal(1, _look.For(2));
    }

    [Fact]
    public void WhoAsksAgainBeginsAnother()
    {
        Assert.Equal(1, _look.For(0));
        Assert.Equal(1, _look.For(1));
        Assert.Equal(2, _look.For(0));
        Assert.Equal(2, _look.For(1));
        Assert.Equal(3, _look.For(1));
    }

    [Fact]
    public void WhoComesLateBeginsAnother()
    {
        Assert.Equal(1, _look.For(0));
        _clock.Pass(TimeSpan.FromMilliseconds(101));
        Assert.Equal(2, _look.For(1));
        Assert.Equal(2, _look.For(0));
    }

    [Fact]
    public void EachThreadLooksForItself()
    {
        Assert.Equal(1, _look.For(0));
        int other = 0;
        var thread = new Thread(() => other = _look.For(1));
        thread.Start();
        thread.Join();
        Assert.Equal(2, other);
        Assert.Equal(1, _look.For(1));
    }

    private sealed class StoppedClock : TimeProvider
    {
        private long _now = 1;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _now;

        public void Pass(TimeSpan time) => _now += time.Ticks;
    }
}

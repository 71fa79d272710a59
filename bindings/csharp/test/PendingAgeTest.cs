using System.Diagnostics;
using Asyncpal.Internal;
using Xunit;

namespace Asyncpal.Tests;

public class PendingAgeTest
{
    private readonly PendingAge _age = new();

    // In ticks of the clock.
    private long Look(long submitted, long left, long now) =>
        (long)(_age.Look(submitted, left, now * Stopwatch.Frequency).TotalSeconds + 0.5);

    [Fact]
    public void IsZeroWhileNoneIsPending()
    {
        Assert.Equal(0, Look(0, 0, 100));
        Assert.Equal(0, Look(5, 5, 200));
    }

    [Fact]
    public void CountsFromTheFirstLookAfterTheSubmission()
    {
        Assert.Equal(0, Look(1, 0, 100));
        Assert.Equal(50, Look(1, 0, 150));
        Assert.Equal(60, Look(3, 0, 160));
    }

    [Fact]
    public void NextTaskIsAsOldAsTheFirstLookThatCameAfterIt()
    {
        Look(1, 0, 100);
        Look(2, 0, 200);
        Look(3, 0, 300);
        Assert.Equal(200, Look(3, 1, 400));
        Assert.Equal(150, Look(3, 2, 450));
        Assert.Equal(0, Look(3, 3, 500));
        Assert.Equal(0, Look(4, 3, 600));
    }

    [Fact]
    public void ManyLooksMakeItTooShortAtMost()
    {
        for (int i = 1; i <= 1000; ++i)
        {
            Assert.Equal(i - 1, Look(i, 0, i));
        }
        long previous = 999;
        for (int left = 1; left < 1000; ++left)
        {
            long now = Look(1000, left, 1000);
            Assert.InRange(now, 0, 1000 - (left + 1));
            Assert.True(now <= previous);
            previous = now;
        }
    }
}

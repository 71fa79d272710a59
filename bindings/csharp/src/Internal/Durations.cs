using System;
using System.Threading;

namespace Asyncpal.Internal;

/// <summary>Durations in native code: nanoseconds, the largest means no limit.</summary>
internal static class Durations
{
    private const long Forever = long.MaxValue;

    public static long ToNanos(TimeSpan time)
    {
        if (time == Timeout.InfiniteTimeSpan || time.Ticks > Forever / 100)
        {
            return Forever;
        }
        return Math.Max(time.Ticks, 0) * 100;
    }

    public static TimeSpan FromNanos(long nanos) =>
        nanos == Forever
            ? Timeout.InfiniteTimeSpan
            : TimeSpan.FromTicks(nanos / 100);
}

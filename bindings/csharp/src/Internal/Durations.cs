using System;
using System.Threading;

namespace Asyncpal.Internal;

/// <summary>Durations in native code: nanoseconds, the largest means no limit.</summary>
internal static class Durations
{
    private const long Forever = long.MaxValue;

    /// <summary>Checks it, too: the message calls it by that name.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative.</exception>
    public static long ToNanos(TimeSpan time, string name)
    {
        if (time < TimeSpan.Zero && time != Timeout.InfiniteTimeSpan)
        {
            throw new ArgumentOutOfRangeException(
                name, $"{name} is {time}; it must not be negative");
        }
        return ToNanos(time);
    }

    public static long ToNanos(TimeSpan time) =>
        time == Timeout.InfiniteTimeSpan || time.Ticks > Forever / 100
            ? Forever
            : time.Ticks * 100;

    public static TimeSpan FromNanos(long nanos) =>
        nanos == Forever
            ? Timeout.InfiniteTimeSpan
            : TimeSpan.FromTicks(nanos / 100);
}

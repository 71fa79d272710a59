using System;
using System.Globalization;
using System.Threading;

namespace Asyncpal.Internal;

/// <summary>Refusals of options, each of which names the option and its value.</summary>
internal static class Checks
{
    public static void Enum<T>(string name, T value)
        where T : struct, Enum
    {
        if (!System.Enum.IsDefined(value))
        {
            throw new ArgumentOutOfRangeException(
                name, $"{name} is {value}, which is no {typeof(T).Name}");
        }
    }

    /// <summary>Positive, or infinite. In nanoseconds.</summary>
    public static long Positive(string name, TimeSpan value)
    {
        if (value <= TimeSpan.Zero && value != Timeout.InfiniteTimeSpan)
        {
            throw new ArgumentOutOfRangeException(
                name, $"{name} is {value}; it must be positive");
        }
        return Durations.ToNanos(value);
    }

    public static void NotNegative(string name, long value)
    {
        if (value < 0)
        {
            throw new ArgumentOutOfRangeException(
                name, $"{name} is {value}; it must not be negative (0: no limit)");
        }
    }

    public static void AtLeastOne(string name, double value)
    {
        if (!(value >= 1))
        {
            throw Refusal(name, value, "at least 1");
        }
    }

    /// <summary>At least 0, and less than 1.</summary>
    public static void Fraction(string name, double value)
    {
        if (!(value is >= 0 and < 1))
        {
            throw Refusal(name, value, "in [0, 1)");
        }
    }

    private static ArgumentOutOfRangeException Refusal(
        string name, double value, string what) =>
        new(
            name,
            string.Create(
                CultureInfo.InvariantCulture, $"{name} is {value}; it must be {what}"));
}

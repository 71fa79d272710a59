using System;
using System.Collections.Generic;
using System.Linq;
using Asyncpal.Internal;

namespace Asyncpal;

/// <summary>How many durations were not longer than which bound.</summary>
/// <param name="Bounds">
/// 1 us, 2 us, 4 us, ..., 36 min, 1 h; empty: nothing is measured.
/// </param>
/// <param name="Counts">
/// One for each bound, of the durations that were longer than the bound before and not
/// than this one; and one more, of those that were longer than all bounds.
/// </param>
/// <param name="Sum">Of all durations.</param>
public sealed record DurationHistogram(
    IReadOnlyList<TimeSpan> Bounds, IReadOnlyList<long> Counts, TimeSpan Sum)
{
    /// <summary>Of a pool that does not measure.</summary>
    internal static readonly DurationHistogram None = new([], [], TimeSpan.Zero);

    /// <summary>How many durations there were.</summary>
    public long Count => Counts.Sum();

    internal static DurationHistogram Of(NativeDurationHistogram measured)
    {
        int size = measured.Size();
        if (size == 0)
        {
            return None;
        }
        var bounds = new TimeSpan[size - 1];
        var counts = new long[size];
        for (int i = 0; i < size; ++i)
        {
            counts[i] = measured.Count(i);
            if (i < bounds.Length)
            {
                bounds[i] = Durations.FromNanos(measured.Bound(i));
            }
        }
        return new DurationHistogram(bounds, counts, Durations.FromNanos(measured.Sum()));
    }
}

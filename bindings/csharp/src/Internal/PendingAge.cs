using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Threading;

namespace Asyncpal.Internal;

/// <summary>
/// How long the oldest pending task of a pool has been pending, for one that keeps no times
/// of its tasks: since the first look that came after its submission.
/// </summary>
/// <remarks>
/// <para>How it works. Tasks leave nearly in the order of their submission. So if some
/// number have left, the oldest one is the next of all that were submitted; and the first
/// look by which more than that had been submitted came after it. Where others have been
/// cancelled behind it, that is a later look, and the age too short. Few looks are kept;
/// of many, every second one. To look at the queue itself would keep it from reusing its
/// memory.</para>
/// <para>Threads: any.</para>
/// </remarks>
internal sealed class PendingAge
{
    private const int MaxLooks = 64;

    private readonly Lock _lock = new();

    // Ascending. Guarded by the lock.
    private readonly List<(long Submitted, long Time)> _looks = [];

    /// <summary>Looks.</summary>
    /// <param name="submitted">How many tasks were submitted.</param>
    /// <param name="left">How many of them are pending no more.</param>
    /// <param name="now">Of <see cref="Stopwatch.GetTimestamp"/>.</param>
    /// <returns>Zero if none is pending.</returns>
    public TimeSpan Look(long submitted, long left, long now)
    {
        using (Uninterrupted.Enter(_lock))
        {
            int gone = 0;
            while (gone < _looks.Count && _looks[gone].Submitted <= left)
            {
                ++gone;
            }
            _looks.RemoveRange(0, gone);
            if (submitted <= left)
            {
                return TimeSpan.Zero;
            }
            if (_looks.Count == 0 || submitted > _looks[^1].Submitted)
            {
                if (_looks.Count == MaxLooks)
                {
                    ThinOut();
                }
                _looks.Add((submitted, now));
            }
            return Stopwatch.GetElapsedTime(Math.Min(_looks[0].Time, now), now);
        }
    }

    private void ThinOut()
    {
        for (int i = 0; i < MaxLooks / 2; ++i)
        {
            _looks[i] = _looks[2 * i];
        }
        _looks.RemoveRange(MaxLooks / 2, MaxLooks / 2);
    }
}

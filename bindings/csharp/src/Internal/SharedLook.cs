using System;
using System.Collections.Generic;
using System.Threading;

namespace Asyncpal.Internal;

/// <summary>
/// One look at something for all who ask on a thread: a collection asks each instrument
/// once, one after the other on one thread; so one that asks again begins another look,
/// and so does one that comes much later.
/// </summary>
/// <remarks>Threads: any. Whoever has asked last keeps what was seen.</remarks>
/// <param name="look">Takes a look.</param>
/// <param name="maxAge">Of one that is shared.</param>
/// <param name="clock">Its time.</param>
internal sealed class SharedLook<T>(Func<T> look, TimeSpan maxAge, TimeProvider clock)
{
    private readonly ThreadLocal<Taken?> _last = new();

    /// <param name="who">Asks.</param>
    public T For(int who)
    {
        Taken? last = _last.Value;
        if (last == null || clock.GetElapsedTime(last.At) > maxAge || !last.Asked.Add(who))
        {
            T seen = look();
            last = new Taken(seen, clock.GetTimestamp(), [who]);
            _last.Value = last;
        }
        return last.Seen;
    }

    private sealed record Taken(T Seen, long At, HashSet<int> Asked);
}

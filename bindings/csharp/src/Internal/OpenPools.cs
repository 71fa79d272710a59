using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using System.Threading;

namespace Asyncpal.Internal;

/// <summary>The pools of this process that were not disposed of.</summary>
/// <remarks>Threads: any. It keeps no pool alive.</remarks>
internal static class OpenPools
{
    private static readonly ConcurrentDictionary<long, WeakReference<Asyncpal.Pool>>
        s_pools = new();

    private static long s_lastId;

    /// <summary>1, 2, 3, ..., in the order in which pools are made.</summary>
    public static long Add(Asyncpal.Pool pool)
    {
        PoolMetrics.Start();
        long id = Interlocked.Increment(ref s_lastId);
        s_pools[id] = new WeakReference<Asyncpal.Pool>(pool);
        if (id % 64 == 0)
        {
            All();  // forgets those that were forgotten
        }
        return id;
    }

    public static void Remove(long id) => s_pools.TryRemove(id, out _);

    /// <summary>In the order in which they were made.</summary>
    public static List<Asyncpal.Pool> All()
    {
        var pools = new List<Asyncpal.Pool>();
        foreach ((long id, WeakReference<Asyncpal.Pool> reference) in s_pools.OrderBy(
            static entry => entry.Key))
        {
            if (reference.TryGetTarget(out Asyncpal.Pool? pool))
            {
                pools.Add(pool);
            }
            else
            {
                Remove(id);
            }
        }
        return pools;
    }
}

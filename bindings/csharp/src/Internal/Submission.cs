using System;
using System.Diagnostics;

namespace Asyncpal.Internal;

/// <summary>Submissions to a pool that may be full.</summary>
internal static class Submission
{
    /// <summary>
    /// Calls <paramref name="submit"/> until it returns a handle. It returns 0 where
    /// the pool is full and the caller is to wait for room.
    /// </summary>
    /// <param name="pool">The pool that is submitted to.</param>
    /// <param name="settings">Null: none.</param>
    /// <param name="submit">One try.</param>
    /// <exception cref="RejectedException">The queue deadline has passed.</exception>
    public static long InTime(NativePool pool, NativeTaskOptions? settings, Func<long> submit)
    {
        long handle = submit();
        if (handle != 0)
        {
            return handle;
        }
        long deadline = settings?.QueueDeadline ?? long.MaxValue;
        var watch = Stopwatch.StartNew();
        while (true)
        {
            long left = deadline == long.MaxValue
                ? deadline
                : deadline - (long)watch.Elapsed.TotalNanoseconds;
            if (left <= 0)
            {
                throw new RejectedException(
                    $"pool '{pool.Name()}' had no room for a task until its queue"
                        + " deadline had passed",
                    null);
            }
            pool.WaitForRoom(left);
            handle = submit();
            if (handle != 0)
            {
                return handle;
            }
        }
    }
}

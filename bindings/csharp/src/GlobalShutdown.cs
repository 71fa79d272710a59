using System;
using Asyncpal.Internal;

namespace Asyncpal;

/// <summary>
/// Closes every open pool where the process ends: at the end of Main, by
/// <see cref="Environment.Exit"/>, by SIGTERM or SIGINT.
/// </summary>
public static class GlobalShutdown
{
    /// <summary>
    /// How long the end of the process may wait for what still runs; by default
    /// five seconds. Then worker processes are killed, and tasks on threads, which
    /// are named on stderr, end with the process.
    /// </summary>
    /// <exception cref="ArgumentException">The deadline is negative.</exception>
    public static void SetDeadline(TimeSpan deadline)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(deadline, TimeSpan.Zero);
        Library.SetShutdownDeadline(Durations.ToNanos(deadline));
    }
}

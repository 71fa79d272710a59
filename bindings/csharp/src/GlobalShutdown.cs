using System;
using Asyncpal.Internal;

namespace Asyncpal;

/// <summary>
/// Closes every open pool when the process ends: at the end of Main, and in
/// <see cref="Environment.Exit"/>.
/// </summary>
/// <remarks>
/// A crash, and a signal that the program does not handle, closes nothing: threads
/// are gone with the process, and worker processes end by themselves. Hosts such as
/// ASP.NET's handle SIGTERM and SIGINT, so Main ends as usual.
/// </remarks>
public static class GlobalShutdown
{
    private static ExitMode s_mode = ExitMode.Cancel;

    /// <summary>
    /// Sets how long the end of the process may wait for running tasks; by default
    /// five seconds. After that, worker processes are killed, and tasks on threads
    /// are named on stderr and end with the process.
    /// </summary>
    /// <exception cref="ArgumentException">The deadline is negative.</exception>
    public static void SetDeadline(TimeSpan deadline)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(deadline, TimeSpan.Zero);
        Library.SetShutdownDeadline(Durations.ToNanos(deadline, nameof(deadline)));
    }

    /// <summary>
    /// Sets what happens to open pools; by default <see cref="ExitMode.Cancel"/>.
    /// </summary>
    /// <exception cref="ArgumentException">There is no such mode.</exception>
    public static void SetMode(ExitMode mode)
    {
        Library.SetShutdownMode((int)(mode switch
        {
            ExitMode.Cancel => HostExitMode.ExitCancel,
            ExitMode.Drain => HostExitMode.ExitDrain,
            ExitMode.None => HostExitMode.ExitNone,
            _ => throw new ArgumentOutOfRangeException(nameof(mode), mode, null),
        }));
        s_mode = mode;
    }

    /// <summary>Closes all open pools, at the end of the process.</summary>
    internal static void Run()
    {
        // First what waits in .NET; then native code closes the pools.
        if (s_mode != ExitMode.None)
        {
            ThreadPoolHost.CloseAll(s_mode == ExitMode.Drain);
        }
        Library.Shutdown();
    }
}

/// <summary>
/// What happens to open pools when the process ends; set by
/// <see cref="GlobalShutdown.SetMode"/>. In all modes worker processes end with it.
/// </summary>
public enum ExitMode
{
    /// <summary>
    /// Pending tasks are cancelled, and running ones waited for until the deadline.
    /// </summary>
    Cancel,

    /// <summary>Everything that was submitted runs, until the deadline.</summary>
    Drain,

    /// <summary>Nothing is waited for.</summary>
    None,
}

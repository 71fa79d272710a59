using System;
using Asyncpal.Extensions.Hosting;

namespace Microsoft.Extensions.Logging;

/// <summary>What pools report, in a program's own logs.</summary>
public static class AsyncpalLoggerFactoryExtensions
{
    /// <summary>
    /// Gives what the pools of the process report to the category <c>Asyncpal</c>: tasks
    /// that run for too long, pools that wait for themselves, threads that are left behind,
    /// what posted tasks and observers throw. A pool with a logger of its own, by
    /// <see cref="Asyncpal.PoolOptions.LoggerFactory"/>, tells only that.
    /// </summary>
    /// <remarks>
    /// <code>
    /// using ILoggerFactory loggers = LoggerFactory.Create(logging => logging.AddConsole());
    /// using IDisposable reports = loggers.LogAsyncpal();
    /// using var pool = new ThreadPool(4);
    /// </code>
    /// <para>For programs without a host; a host that has pools does this by itself, and
    /// a second time would give each line twice.</para>
    /// <para>Threads: any; lines are written on the thread that reports.</para>
    /// </remarks>
    /// <param name="loggers">To be disposed of after the result.</param>
    /// <returns>Ends it.</returns>
    public static IDisposable LogAsyncpal(this ILoggerFactory loggers)
    {
        ArgumentNullException.ThrowIfNull(loggers);
        return new PoolEventListener(loggers.CreateLogger(nameof(Asyncpal)));
    }
}

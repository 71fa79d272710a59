using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Asyncpal.Extensions.Hosting;

/// <summary>Warms all pools of a host before it starts, and drains them when it has
/// stopped.</summary>
/// <remarks>
/// Not in StartAsync() and StopAsync(), whose order among services is that of their
/// registration: requests may submit tasks until the server has stopped.
/// </remarks>
internal sealed class PoolsHostedService(
    IServiceProvider services,
    IEnumerable<HostedPool> pools,
    IOptionsMonitor<PoolHostingOptions> hosting,
    IOptions<HostOptions> host,
    ILoggerFactory loggers) : IHostedLifecycleService, IDisposable
{
    private readonly ILogger _logger = loggers.CreateLogger(nameof(Asyncpal));
    private readonly PoolEventListener _events = new(loggers.CreateLogger(nameof(Asyncpal)));

    // Since the host has begun to stop.
    private readonly Stopwatch _stopping = new();

    /// <inheritdoc/>
    public Task StartingAsync(CancellationToken cancellationToken) =>
        // Each takes the time of its initializer, or of a process to start.
        Task.WhenAll(pools.Select(pool => Task.Run(() => Warm(pool), cancellationToken)));

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StoppingAsync(CancellationToken cancellationToken)
    {
        _stopping.Start();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StoppedAsync(CancellationToken cancellationToken) =>
        Task.WhenAll(pools.Select(DrainAsync));

    /// <inheritdoc/>
    public void Dispose() => _events.Dispose();

    private void Warm(HostedPool hosted)
    {
        Pool pool = hosted.Get(services);
        PoolHostingOptions options = hosting.Get(hosted.Name);
        if (options.TestOnStart)
        {
            pool.Test();
        }
        int workers = pool.SpawnWorkers(options.WorkersOnStart);
        _logger.LogInformation("{Pool} is ready, with {Workers} workers", pool, workers);
    }

    private async Task DrainAsync(HostedPool hosted)
    {
        Pool pool = hosted.Get(services);
        TimeSpan left = host.Value.ShutdownTimeout == Timeout.InfiniteTimeSpan
            ? Timeout.InfiniteTimeSpan
            : host.Value.ShutdownTimeout - _stopping.Elapsed;
        if (left < TimeSpan.Zero && left != Timeout.InfiniteTimeSpan)
        {
            left = TimeSpan.Zero;
        }
        await pool.ShutdownAsync(new ShutdownOptions
        {
            Mode = ShutdownMode.Drain,
            Deadline = left,
        }).ConfigureAwait(false);
        int cancelled = pool.TakeCancelledTasks().Count;
        if (cancelled > 0)
        {
            _logger.LogWarning(
                "{Pool} was closed with {Cancelled} tasks that had not begun", pool, cancelled);
        }
        if (!pool.IsTerminated)
        {
            _logger.LogWarning("{Pool} still runs tasks, which end with the process", pool);
        }
    }
}

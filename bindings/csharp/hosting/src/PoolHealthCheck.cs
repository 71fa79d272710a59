using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Asyncpal.Extensions.Hosting;

/// <summary>Whether a pool takes tasks.</summary>
internal sealed class PoolHealthCheck(Pool pool) : IHealthCheck
{
    /// <inheritdoc/>
    public Task<HealthCheckResult> CheckHealthAsync(
        HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(Check(context.Registration.FailureStatus));

    private HealthCheckResult Check(HealthStatus failure)
    {
        try
        {
            pool.Check();
            PoolStats stats = pool.Stats();
            return HealthCheckResult.Healthy(
                $"{stats.Workers} workers, {stats.Pending} tasks pending",
                new Dictionary<string, object>
                {
                    ["workers"] = stats.Workers,
                    ["busy"] = stats.Busy,
                    ["pending"] = stats.Pending,
                    ["completed"] = stats.Completed,
                    ["failed"] = stats.Failed,
                    ["lost"] = stats.Lost,
                });
        }
        catch (Exception e) when (e is BrokenPoolException or ObjectDisposedException)
        {
            return new HealthCheckResult(failure, $"{pool}: {e.Message}", e);
        }
    }
}

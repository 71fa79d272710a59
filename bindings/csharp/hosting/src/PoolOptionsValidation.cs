using System;
using System.Collections.Generic;
using System.Threading;
using Microsoft.Extensions.Options;

namespace Asyncpal.Extensions.Hosting;

/// <summary>
/// Finds what pools would refuse, so that the host says so when it starts, with the
/// names that the options have.
/// </summary>
internal sealed class PoolOptionsValidation
    : IValidateOptions<ThreadPoolOptions>,
        IValidateOptions<ProcessPoolOptions>,
        IValidateOptions<PoolHostingOptions>
{
    /// <inheritdoc/>
    public ValidateOptionsResult Validate(string? name, ThreadPoolOptions options)
    {
        var errors = new Errors(name, options);
        errors.AddIfNegative(nameof(options.StackSize), options.StackSize);
        return errors.ToResult();
    }

    /// <inheritdoc/>
    public ValidateOptionsResult Validate(string? name, ProcessPoolOptions options)
    {
        var errors = new Errors(name, options);
        errors.AddIfNegative(
            nameof(options.HandshakeTimeout), options.HandshakeTimeout ?? TimeSpan.Zero);
        errors.AddIfNegative(nameof(options.MaxPayloadBytes), options.MaxPayloadBytes);
        errors.AddIfNegative(nameof(options.MaxPendingBytes), options.MaxPendingBytes);
        errors.AddIfNegative(nameof(options.MaxWorkerBytes), options.MaxWorkerBytes);
        errors.AddIfNegative(nameof(options.MaxRestarts), options.MaxRestarts);
        errors.AddIfNegative(nameof(options.RestartWindow), options.RestartWindow);
        return errors.ToResult();
    }

    /// <inheritdoc/>
    public ValidateOptionsResult Validate(string? name, PoolHostingOptions options)
    {
        var errors = new Errors(name);
        errors.AddIfNegative(nameof(options.WorkersOnStart), options.WorkersOnStart);
        return errors.ToResult();
    }

    private sealed class Errors(string? pool)
    {
        private readonly List<string> _errors = [];

        public Errors(string? pool, PoolOptions options)
            : this(pool)
        {
            AddIfNegative(nameof(options.MaxWorkers), options.MaxWorkers);
            AddIfNegative(nameof(options.MaxTasksPerWorker), options.MaxTasksPerWorker);
            AddIfNegative(nameof(options.IdleTimeout), options.IdleTimeout);
            AddIfNegative(nameof(options.MaxPending), options.MaxPending);
            AddIfNegative(nameof(options.InitializerTimeout), options.InitializerTimeout);
            AddIfNegative(nameof(options.StallThreshold), options.StallThreshold);
            AddIfNegative(nameof(options.MinWorkers), options.MinWorkers);
            AddIfNegative(nameof(options.MaxWorkerAge), options.MaxWorkerAge);
        }

        public void AddIfNegative(string option, long value)
        {
            if (value < 0)
            {
                _errors.Add($"{option} of the pool '{pool}' is {value}; it must not be negative");
            }
        }

        public void AddIfNegative(string option, TimeSpan value)
        {
            if (value < TimeSpan.Zero && value != Timeout.InfiniteTimeSpan)
            {
                _errors.Add($"{option} of the pool '{pool}' is {value}; it must not be negative");
            }
        }

        public ValidateOptionsResult ToResult() =>
            _errors.Count == 0
                ? ValidateOptionsResult.Success
                : ValidateOptionsResult.Fail(_errors);
    }
}

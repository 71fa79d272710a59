using System;
using System.Collections.Concurrent;
using System.Threading;
using System.Threading.Tasks;
using Asyncpal.Internal;

namespace Asyncpal;

/// <content>What all forms of SubmitAfterAsync() and Every() are made of.</content>
public abstract partial class Pool
{
    // Those that have not ended; as a set.
    private readonly ConcurrentDictionary<PeriodicRuns, bool> _periodics = new();

    /// <summary>The time on the clock that delays are measured by, in nanoseconds.</summary>
    internal long ClockNow() => Native.ClockNow();

    /// <summary>What has to do with time and sizes, of the options of both kinds.</summary>
    internal static void SetTimes(NativePoolOptions settings, PoolOptions options)
    {
        ClockCalls.Set(settings, options.TimeProvider);
        settings.PriorityStep =
            Checks.Positive(nameof(options.PriorityStep), options.PriorityStep);
        settings.MinWorkers = options.MinWorkers;
        settings.MaxWorkerAge =
            Durations.ToNanos(options.MaxWorkerAge, nameof(options.MaxWorkerAge));
    }

    /// <summary>For <see cref="PoolStats.Retried"/>.</summary>
    internal void CountRetry() => Native.CountRetry();

    internal void AddPeriodic(PeriodicRuns runs) => _periodics[runs] = true;

    internal void RemovePeriodic(PeriodicRuns runs) => _periodics.TryRemove(runs, out _);

    private static TaskOptions? After(TimeSpan delay, TaskOptions? options)
    {
        long nanos = Durations.ToNanos(delay, nameof(delay));
        return nanos == 0
            ? options
            : (options ?? new TaskOptions()) with
            {
                Timing = new TaskTiming { Delay = nanos },
            };
    }

    private Periodic Repeat(
        TimeSpan period,
        PeriodicOptions? options,
        Func<TaskOptions, CancellationToken, Task> submit)
    {
        var runs = new PeriodicRuns(this, period, options, submit);
        runs.Start();
        return new Periodic(runs);
    }

    private async Task AwaitPeriodics()
    {
        foreach (PeriodicRuns runs in _periodics.Keys)
        {
            await runs.Done.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}

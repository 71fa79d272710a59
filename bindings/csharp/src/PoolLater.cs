using System;
using System.Collections.Concurrent;
using System.Threading;
using System.Threading.Tasks;
using Asyncpal.Internal;

namespace Asyncpal;

/// <content>What all forms of SubmitAfterAsync() and Every() are made of.</content>
public abstract partial class Pool
{
    // What submits one task after the other and has not ended: periodic tasks, and those
    // that are tried again; as a set.
    private readonly ConcurrentDictionary<Task, bool> _series = new();

    private readonly RetryWaiting _retryWaits = new();

    /// <summary>What <see cref="ClockNow"/> is told by.</summary>
    private protected TimeProvider TimeProvider { get; init; } = TimeProvider.System;

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

    /// <summary>
    /// Waits where a view can't keep an attempt for later. False: the wait was ended, by the
    /// token or a shutdown.
    /// </summary>
    internal Task<bool> WaitForRetryAsync(long due, CancellationToken token) =>
        _retryWaits.UntilAsync(due, ClockNow, TimeProvider, token);

    /// <summary>Until it is removed, <see cref="Join()"/> waits for its end.</summary>
    internal void AddSeries(Task end) => _series[end] = true;

    internal void RemoveSeries(Task end) => _series.TryRemove(end, out _);

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

    private async Task AwaitSeries()
    {
        foreach (Task end in _series.Keys)
        {
            await end.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}

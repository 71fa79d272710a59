using System;
using System.Threading;
using Asyncpal.Internal;

namespace Asyncpal;

/// <summary>Options of one task; the last argument of a submission.</summary>
/// <remarks>
/// <code>
/// var options = new TaskOptions { Name = "load", Timeout = TimeSpan.FromSeconds(2) };
/// string page = await pool.SubmitAsync(Load, "index.html", options: options);
/// </code>
/// <para>If one is out of range, the submission throws an
/// <see cref="ArgumentOutOfRangeException"/>, and the task is not submitted.</para>
/// </remarks>
public sealed record TaskOptions
{
    /// <summary>
    /// Shown in <see cref="Pool.Workers"/> and in messages; if it is empty, the
    /// default, the task's number is shown.
    /// </summary>
    public string Name { get; init; } = "";

    /// <summary>
    /// A task that runs longer fails with a <see cref="TimeoutException"/>, at that
    /// moment. A process pool kills and replaces its worker. A thread pool cancels
    /// the token that the function may take, and the worker stays busy until it
    /// returns; waiting for such a task blocks the waiter, even a worker of the
    /// same pool, so tasks should await it. By default no limit.
    /// </summary>
    public TimeSpan Timeout { get; init; } = System.Threading.Timeout.InfiniteTimeSpan;

    /// <summary>
    /// A task that has not started after this long never starts, and fails with a
    /// <see cref="TimeoutException"/>. By default no limit.
    /// </summary>
    public TimeSpan QueueDeadline { get; init; } =
        System.Threading.Timeout.InfiniteTimeSpan;

    /// <summary>
    /// Process pools: how often a task whose worker was lost may run; by default
    /// once.
    /// </summary>
    public int MaxAttempts { get; init; } = 1;

    /// <summary>
    /// The trace that the task belongs to, as W3C's Trace Context defines it: inside of
    /// the task, <see cref="System.Diagnostics.Activity.Current"/> is one of that trace.
    /// If it is empty, the default, that of the activity which is current in the
    /// submission, if there is one.
    /// </summary>
    public string Traceparent { get; init; } = "";

    /// <summary>Whether it begins before others that wait.</summary>
    public TaskPriority Priority { get; init; } = TaskPriority.Normal;

    /// <summary>What a shutdown does with it.</summary>
    public AtShutdown AtShutdown { get; init; }

    /// <summary>
    /// How it is tried again when it fails; by default it is not. Each attempt is a task
    /// of the pool that has these options for itself; the task that the submission
    /// returns has the outcome of the last one. The arguments of one in a process are
    /// encoded for each attempt.
    /// </summary>
    public RetryPolicy? Retry { get; init; }

    /// <summary>When it may begin; null: at once.</summary>
    internal TaskTiming? Timing { get; init; }

    internal bool HasTimeout => Timeout != System.Threading.Timeout.InfiniteTimeSpan;

    /// <summary>For native code; whoever asks disposes of it.</summary>
    internal NativeTaskOptions ToNative()
    {
        ArgumentNullException.ThrowIfNull(Name);
        ArgumentNullException.ThrowIfNull(Traceparent);
        if (MaxAttempts < 1)
        {
            throw new ArgumentOutOfRangeException(
                nameof(MaxAttempts),
                $"{nameof(MaxAttempts)} is {MaxAttempts}; it must be at least 1");
        }
        Checks.Enum(nameof(Priority), Priority);
        Checks.Enum(nameof(AtShutdown), AtShutdown);
        var settings = new NativeTaskOptions
        {
            Name = Name,
            Timeout = Durations.ToNanos(Timeout, nameof(Timeout)),
            QueueDeadline = Durations.ToNanos(QueueDeadline, nameof(QueueDeadline)),
            MaxAttempts = MaxAttempts,
            Traceparent = Traceparent,
            Priority = (int)Priority,
            AtShutdown = (int)AtShutdown,
        };
        Timing?.ApplyTo(settings);
        return settings;
    }
}

using System;
using System.Threading;
using Asyncpal.Internal;

namespace Asyncpal;

/// <summary>Options of one task, which come last where it is submitted.</summary>
/// <remarks>
/// <code>
/// var options = new TaskOptions { Name = "load", Timeout = TimeSpan.FromSeconds(2) };
/// string page = await pool.SubmitAsync(Load, "index.html", options: options);
/// </code>
/// <para>One that is out of range is an <see cref="ArgumentOutOfRangeException"/>
/// where the task is submitted, which is not submitted then.</para>
/// </remarks>
public sealed record TaskOptions
{
    /// <summary>
    /// Shows in <see cref="Pool.Workers"/> and in messages; empty, the default: the
    /// task's number does.
    /// </summary>
    public string Name { get; init; } = "";

    /// <summary>
    /// A task that runs longer fails with a <see cref="TimeoutException"/>, then and
    /// there. A process pool kills and replaces its worker. A thread pool cancels
    /// the token that the function may take, and the worker stays busy until it
    /// returns; waiting for such a task blocks the waiter, workers of the same
    /// pool included, so that these should await it. By default no limit.
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

    internal bool HasTimeout => Timeout != System.Threading.Timeout.InfiniteTimeSpan;

    /// <summary>For native code; whoever asks disposes of it.</summary>
    internal TaskSettings ToNative()
    {
        ArgumentNullException.ThrowIfNull(Name);
        if (MaxAttempts < 1)
        {
            throw new ArgumentOutOfRangeException(
                nameof(MaxAttempts),
                $"{nameof(MaxAttempts)} is {MaxAttempts}; it must be at least 1");
        }
        return new TaskSettings
        {
            Name = Name,
            Timeout = Durations.ToNanos(Timeout, nameof(Timeout)),
            QueueDeadline = Durations.ToNanos(QueueDeadline, nameof(QueueDeadline)),
            MaxAttempts = MaxAttempts,
        };
    }
}

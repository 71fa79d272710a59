using System;
using System.Threading;
using Asyncpal.Internal;

namespace Asyncpal;

/// <summary>
/// How often a task is tried, and how long to wait in between; see
/// <see cref="TaskOptions.Retry"/>.
/// </summary>
/// <remarks>
/// <code>
/// var options = new TaskOptions { Retry = new RetryPolicy { MaxAttempts = 5 } };
/// string page = await pool.SubmitAsync(Load, "index.html", options: options);
/// </code>
/// <para>An attempt that fails is followed by another one where it threw, missed its
/// <see cref="TaskOptions.Timeout"/> or <see cref="TaskOptions.QueueDeadline"/>, or lost
/// its worker; and by none where it was cancelled, rejected, could not be sent or sent
/// back, or the pool is closed or broken. The wait for the next one holds no worker; it is
/// a task for later, and cancelled as such. A shutdown ends it with the last
/// failure.</para>
/// </remarks>
public sealed record RetryPolicy
{
    /// <summary>How often the task runs at most, the first time included.</summary>
    public int MaxAttempts { get; init; } = 3;

    /// <summary>The first wait; by default 100 ms.</summary>
    public TimeSpan Backoff { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Each further wait is this many times as long; at least 1.</summary>
    public double Multiplier { get; init; } = 2;

    /// <summary>And no longer than this; by default 30 seconds.</summary>
    public TimeSpan MaxBackoff { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Up to this part of each wait is left out, at random, so that what failed together
    /// does not come back together. At least 0, and less than 1.
    /// </summary>
    public double Jitter { get; init; } = 0.5;

    /// <summary>
    /// No further attempt is due later than this after the submission, by the pool's
    /// <see cref="PoolOptions.TimeProvider"/>. By default no limit.
    /// </summary>
    public TimeSpan Total { get; init; } = Timeout.InfiniteTimeSpan;

    /// <summary>
    /// Asked about each failure that would be followed by another attempt, on a thread of
    /// the .NET thread pool. False, or an exception: there is none. By default all are.
    /// </summary>
    public Func<Exception, bool>? RetryIf { get; init; }

    /// <summary>Checks it, too. Whoever asks disposes of it.</summary>
    internal RetryWaits NewWaits()
    {
        Checks.AtLeastOne(nameof(MaxAttempts), MaxAttempts);
        Checks.AtLeastOne(nameof(Multiplier), Multiplier);
        Checks.Fraction(nameof(Jitter), Jitter);
        using var policy = new NativeRetryPolicy
        {
            MaxAttempts = MaxAttempts,
            Backoff = Durations.ToNanos(Backoff, nameof(Backoff)),
            Multiplier = Multiplier,
            MaxBackoff = Durations.ToNanos(MaxBackoff, nameof(MaxBackoff)),
            Jitter = Jitter,
            Total = Durations.ToNanos(Total, nameof(Total)),
        };
        return new RetryWaits(policy);
    }
}

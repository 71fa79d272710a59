using System;
using System.Threading.Tasks;
using Asyncpal.Internal;

namespace Asyncpal;

/// <summary>
/// A task that a pool runs again and again; what <see cref="Pool.Every(TimeSpan, Action,
/// PeriodicOptions)"/> and its other forms return.
/// </summary>
/// <remarks>
/// <code>
/// Periodic sweep = pool.Every(TimeSpan.FromSeconds(10), SweepCacheAsync);
/// sweep.Trigger();  // now, too
/// sweep.Cancel();
/// await sweep.Done.ContinueWith(_ => { });
/// </code>
/// <para>Each run is a task of the pool, which is pending until its time has come. It does
/// not begin before the last one has ended: its function has returned, and so has what an
/// asynchronous function has returned; even where its task has missed its
/// <see cref="TaskOptions.Timeout"/> before.</para>
/// <para>Threads: any may call any member, runs included. Nothing here blocks. Lifetime:
/// it goes on without this object. Ordering: what one run has done is visible to the next.
/// Errors: as said. Shutdown: of the pool ends it, also where the pool drains;
/// <see cref="Done"/> is canceled.</para>
/// </remarks>
public sealed class Periodic
{
    private readonly PeriodicRuns _runs;

    internal Periodic(PeriodicRuns runs)
    {
        _runs = runs;
    }

    /// <summary>
    /// Done when no run will begin and none goes on: completed after
    /// <see cref="PeriodicOptions.MaxRuns"/>; failed with what the last run threw for
    /// <see cref="OnRunError.Stop"/>, or with the error of a pool that has broken;
    /// canceled by <see cref="Cancel"/> or the pool's shutdown.
    /// </summary>
    public Task Done => _runs.Done;

    /// <summary>
    /// Ends it: no further run begins, and the token of one that goes on is cancelled. One
    /// in a process is not ended by that.
    /// </summary>
    /// <returns>False: it had ended, or had been cancelled.</returns>
    public bool Cancel() => _runs.Cancel();

    /// <summary>
    /// A run is due now; the time of the next tick does not change. While one goes on,
    /// another one follows it, however often this is called. Counts in
    /// <see cref="PeriodicOptions.MaxRuns"/>.
    /// </summary>
    /// <returns>False: it has ended.</returns>
    public bool Trigger() => _runs.Trigger();

    /// <summary>
    /// Changes the period, which counts from the last tick, or the end of the last run. A
    /// run whose time has passed by that comes now. Before the first run is due, its time
    /// stays. Of no effect on one that has ended.
    /// </summary>
    /// <param name="period">Positive, or infinite.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is neither.</exception>
    public void SetPeriod(TimeSpan period) =>
        _runs.SetPeriod(Checks.Positive(nameof(period), period));

    /// <summary>What has become of its runs.</summary>
    public PeriodicStats Stats() => _runs.Stats();
}

/// <summary>What has become of the runs of a periodic task.</summary>
/// <param name="Runs">Those that have ended.</param>
/// <param name="Failed">Of these.</param>
/// <param name="Skipped">Runs that were left out: see <see cref="WhenLate.Skip"/>.</param>
/// <param name="UntilNext">
/// When the next run is due, on the pool's clock; zero: one is due, or goes on. Infinite:
/// there is none, or none before <see cref="Periodic.Trigger"/>.
/// </param>
public sealed record PeriodicStats(
    long Runs, long Failed, long Skipped, TimeSpan UntilNext);

/// <summary>How a task is run again and again; the last argument of Every().</summary>
public sealed record PeriodicOptions
{
    /// <summary>For each run; null: none.</summary>
    public TaskOptions? Task { get; init; }

    /// <summary>
    /// When the first run is due; by default at once. Infinite: when
    /// <see cref="Periodic.Trigger"/> is called.
    /// </summary>
    public TimeSpan InitialDelay { get; init; }

    /// <summary>What the period counts from.</summary>
    public Cadence Cadence { get; init; }

    /// <summary>What becomes of the runs that were missed.</summary>
    public WhenLate WhenLate { get; init; }

    /// <summary>
    /// What a run that fails does: one that throws, misses a limit of <see cref="Task"/>,
    /// or loses its worker.
    /// </summary>
    public OnRunError OnError { get; init; }

    /// <summary>It ends after this many runs. 0, the default: no limit.</summary>
    public long MaxRuns { get; init; }

    /// <summary>
    /// Each run but the first is due later by up to this part of the period, at random, so
    /// that tasks of many programs don't run together. At least 0, the default, and less
    /// than 1.
    /// </summary>
    public double Jitter { get; init; }

    /// <summary>Checks them. For native code; whoever asks disposes of it.</summary>
    internal NativePeriodicOptions ToNative(long period)
    {
        Checks.Enum(nameof(Cadence), Cadence);
        Checks.Enum(nameof(WhenLate), WhenLate);
        Checks.Enum(nameof(OnError), OnError);
        Checks.NotNegative(nameof(MaxRuns), MaxRuns);
        Checks.Fraction(nameof(Jitter), Jitter);
        return new NativePeriodicOptions
        {
            Period = period,
            InitialDelay = Durations.ToNanos(InitialDelay, nameof(InitialDelay)),
            Cadence = (int)Cadence,
            WhenLate = (int)WhenLate,
            MaxRuns = MaxRuns,
            Jitter = Jitter,
        };
    }
}

/// <summary>What the period of a periodic task counts from.</summary>
public enum Cadence
{
    /// <summary>
    /// Runs are due at the first one's time and at each period after it, whenever they
    /// begin and end: they do not drift.
    /// </summary>
    FixedRate,

    /// <summary>A run is due one period after the end of the last one.</summary>
    FixedDelay,
}

/// <summary>
/// What becomes of runs at a fixed rate whose time passes while an earlier one has not
/// ended.
/// </summary>
public enum WhenLate
{
    /// <summary>
    /// They are left out, and counted: <see cref="PeriodicStats.Skipped"/>.
    /// </summary>
    Skip,

    /// <summary>They run in a row.</summary>
    CatchUp,
}

/// <summary>What a run of a periodic task that fails does.</summary>
public enum OnRunError
{
    /// <summary>
    /// The pool's <see cref="PoolOptions.UnobservedFailureHandler"/> gets a
    /// <see cref="PeriodicRunException"/>, and the next run comes.
    /// </summary>
    Continue,

    /// <summary>It was the last one; <see cref="Periodic.Done"/> has its
    /// failure.</summary>
    Stop,
}

/// <summary>
/// The failure of one run of a periodic task, for the pool's
/// <see cref="PoolOptions.UnobservedFailureHandler"/>. What the run has thrown is the
/// inner exception.
/// </summary>
public sealed class PeriodicRunException : AsyncpalException
{
    internal PeriodicRunException(string message, string name, long run, Exception inner)
        : base(message, inner)
    {
        TaskName = name;
        Run = run;
    }

    /// <summary>From its <see cref="TaskOptions"/>; may be empty.</summary>
    public string TaskName { get; }

    /// <summary>Which run it was: 1, 2, 3, ...</summary>
    public long Run { get; }
}

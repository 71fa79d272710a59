using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Linq;

namespace Asyncpal.Internal;

/// <summary>
/// The meter Asyncpal: what the open pools count, for dotnet-counters, OpenTelemetry and
/// the like. While nobody collects it, it costs nothing.
/// </summary>
internal static class PoolMetrics
{
    private static readonly List<Instrument> s_observed = [];

    // What all pools count at one moment.
    private static readonly SharedLook<List<Counted>> s_counted = new(
        Look, TimeSpan.FromMilliseconds(100), TimeProvider.System);

    // Where they are published.
    private static readonly Meter s_meter = new(
        nameof(Asyncpal), typeof(PoolMetrics).Assembly.GetName().Version?.ToString(3));

    // As the bounds of DurationHistogram, in seconds.
    private static readonly InstrumentAdvice<double> s_buckets = new()
    {
        HistogramBucketBoundaries =
            [.. Enumerable.Range(0, 32).Select(static i => 1e-6 * (1L << i)), 3600],
    };

    private static readonly Histogram<double> s_wait = s_meter.CreateHistogram(
        "asyncpal.pool.task.wait.duration",
        "s",
        "How long tasks waited for a worker, in pools that measure.",
        tags: null,
        s_buckets);

    private static readonly Histogram<double> s_run = s_meter.CreateHistogram(
        "asyncpal.pool.task.run.duration",
        "s",
        "How long tasks ran, in pools that measure.",
        tags: null,
        s_buckets);

    static PoolMetrics()
    {
        AddStates(
            "asyncpal.pool.worker.count",
            "{worker}",
            "Workers that a pool has.",
            "asyncpal.pool.worker.state",
            ("busy", static stats => stats.Busy),
            ("idle", static stats => stats.Idle));
        Observe(
            at => s_meter.CreateObservableUpDownCounter(
                "asyncpal.pool.worker.max",
                () => Measure<long>(at, static pool => [(pool.MaxWorkers, "", "")]),
                "{worker}",
                "How many workers a pool may have."));
        Observe(
            at => s_meter.CreateObservableUpDownCounter(
                "asyncpal.pool.worker.min",
                () => Measure<long>(at, static pool => [(pool.MinWorkers, "", "")]),
                "{worker}",
                "How many workers of a pool stay when they are idle."));
        Observe(
            at => s_meter.CreateObservableUpDownCounter(
                "asyncpal.pool.paused",
                () => Measure<long>(at, static pool => [(pool.IsPaused ? 1 : 0, "", "")]),
                "{pool}",
                "1 while a pool is paused, otherwise 0."));
        AddCounter(
            "asyncpal.pool.worker.started",
            "{worker}",
            "Workers that have become ready for tasks.",
            static stats => stats.WorkersStarted);
        AddCounter(
            "asyncpal.pool.worker.lost",
            "{worker}",
            "Workers that have died though nobody wanted them to.",
            static stats => stats.WorkersLost);
        AddStates(
            "asyncpal.pool.task.count",
            "{task}",
            "Tasks that are not done.",
            "asyncpal.pool.task.state",
            ("pending", static stats => stats.Pending - stats.Delayed),
            ("delayed", static stats => stats.Delayed),
            ("running", static stats => stats.Running));
        Observe(
            at => s_meter.CreateObservableGauge(
                "asyncpal.pool.task.oldest_pending",
                () => Measure<double>(
                    at,
                    static pool => [(pool.Stats.OldestPending.TotalSeconds, "", "")]),
                "s",
                "How long the oldest pending task has waited."));
        AddCounter(
            "asyncpal.pool.task.submitted",
            "{task}",
            "Tasks that were accepted.",
            static stats => stats.Submitted);
        const string Outcome = "asyncpal.pool.task.outcome";
        Observe(
            at => s_meter.CreateObservableCounter(
                "asyncpal.pool.task.done",
                () => Measure<long>(
                    at,
                    static pool =>
                    [
                        (pool.Stats.Completed, Outcome, "completed"),
                        (pool.Stats.Failed, Outcome, "failed"),
                        (pool.Stats.Cancelled, Outcome, "cancelled"),
                    ]),
                "{task}",
                "Tasks that are done, by how they ended."));
        AddCounter(
            "asyncpal.pool.task.lost",
            "{task}",
            "Tasks that failed because their worker died.",
            static stats => stats.Lost);
        AddCounter(
            "asyncpal.pool.task.rejected",
            "{task}",
            "Tasks for which a full pool had no room.",
            static stats => stats.Rejected);
        AddCounter(
            "asyncpal.pool.task.expired",
            "{task}",
            "Tasks that had not started by their queue deadline.",
            static stats => stats.Expired);
        AddCounter(
            "asyncpal.pool.task.timed_out",
            "{task}",
            "Tasks that ran longer than their timeout.",
            static stats => stats.TimedOut);
        AddCounter(
            "asyncpal.pool.task.retried",
            "{task}",
            "Attempts at tasks after the first, each of which was submitted, too.",
            static stats => stats.Retried);
        AddCounter(
            "asyncpal.pool.stalls",
            "{stall}",
            "How often all workers were blocked while tasks were pending.",
            static stats => stats.Stalls);
    }

    /// <summary>Whether anybody wants to know of each task.</summary>
    public static bool MeasuresTasks => s_wait.Enabled || s_run.Enabled;

    /// <summary>Listeners see the instruments from now on.</summary>
    public static void Start() => _ = s_observed;

    /// <summary>A task that has started is done.</summary>
    public static void Measure(
        TimeSpan waited, TimeSpan ran, TaskState outcome, TagList tags)
    {
        s_wait.Record(waited.TotalSeconds, tags);
        tags.Add("asyncpal.pool.task.outcome", outcome switch
        {
            TaskState.Completed => "completed",
            TaskState.Failed => "failed",
            _ => "cancelled",
        });
        s_run.Record(ran.TotalSeconds, tags);
    }

    public static KeyValuePair<string, object?>[] TagsOf(string name, long id, string kind) =>
    [
        new("asyncpal.pool.name", name),
        new("asyncpal.pool.id", id),
        new("asyncpal.pool.kind", kind),
    ];

    private static void Observe(Func<int, Instrument> make) =>
        s_observed.Add(make(s_observed.Count));

    private static void AddCounter(
        string name, string unit, string description, Func<PoolStats, long> read) =>
        Observe(
            at => s_meter.CreateObservableCounter(
                name,
                () => Measure<long>(at, pool => [(read(pool.Stats), "", "")]),
                unit,
                description));

    /// <param name="name">The instrument's.</param>
    /// <param name="unit">Of its values.</param>
    /// <param name="description">For people.</param>
    /// <param name="attribute">What tells the series apart.</param>
    /// <param name="series">Values of the attribute, and what they show.</param>
    private static void AddStates(
        string name,
        string unit,
        string description,
        string attribute,
        params (string Value, Func<PoolStats, long> Read)[] series) =>
        Observe(
            at => s_meter.CreateObservableUpDownCounter(
                name,
                () => Measure<long>(
                    at,
                    pool => [.. series.Select(one => (one.Read(pool.Stats), attribute, one.Value))]),
                unit,
                description));

    /// <summary>What one pool counts.</summary>
    private readonly record struct Counted(
        KeyValuePair<string, object?>[] Tags,
        int MaxWorkers,
        int MinWorkers,
        bool IsPaused,
        PoolStats Stats);

    private static List<Counted> Look()
    {
        var pools = new List<Counted>();
        foreach (Asyncpal.Pool pool in OpenPools.All())
        {
            try
            {
                pools.Add(new Counted(
                    TagsOf(pool.Name, pool.Id, pool.Kind),
                    pool.MaxWorkers,
                    pool.MinWorkers,
                    pool.IsPaused,
                    pool.Stats()));
            }
            catch (ObjectDisposedException)
            {
                // By another thread, just now.
            }
        }
        return pools;
    }

    /// <param name="instrument">Which of them is asked.</param>
    /// <param name="read">
    /// The values of a pool, each with an attribute of its own; an empty one is none.
    /// </param>
    private static List<Measurement<T>> Measure<T>(
        int instrument, Func<Counted, IEnumerable<(T Value, string Attribute, string Of)>> read)
        where T : struct
    {
        var measured = new List<Measurement<T>>();
        foreach (Counted pool in s_counted.For(instrument))
        {
            foreach ((T value, string attribute, string of) in read(pool))
            {
                measured.Add(new Measurement<T>(
                    value,
                    attribute.Length == 0
                        ? pool.Tags
                        : [.. pool.Tags, new(attribute, of)]));
            }
        }
        return measured;
    }
}

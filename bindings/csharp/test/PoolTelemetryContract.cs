using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// What pools tell collectors of metrics and traces, and people.
public abstract class PoolTelemetryContract(PoolKind kind) : PoolContract(kind)
{
    private string KindName => Kind.ClassName == nameof(ThreadPool) ? "threads" : "processes";

    private static string? CurrentTrace() => Activity.Current?.TraceId.ToHexString();

    private static string? CurrentParent() => Activity.Current?.ParentSpanId.ToHexString();

    private static string? CurrentState() => Activity.Current?.TraceStateString;

    private static async Task<string?> CurrentTraceAsync()
    {
        await Task.Yield();
        return Activity.Current?.TraceId.ToHexString();
    }

    // ----------------------------------------------------------------- Activities

    [Fact]
    public async Task TaskIsAnActivityWhoseParentIsTheSubmitters()
    {
        using var listener = new Activities();
        using Pool pool = NewPool(1);
        using Activity parent = NewParent();
        var options = new TaskOptions { Name = "square" };
        Assert.Equal(9, await pool.SubmitAsync(Square, 3, options: options).Soon());
        Activity task = listener.Single(parent);
        Assert.Equal("Asyncpal.Task", task.OperationName);
        Assert.Equal("square", task.DisplayName);
        Assert.Equal(parent.SpanId, task.ParentSpanId);
        Assert.Equal("p", task.GetTagItem("asyncpal.pool.name"));
        Assert.Equal(KindName, task.GetTagItem("asyncpal.pool.kind"));
        Assert.Equal(ActivityStatusCode.Unset, task.Status);
    }

    [Fact]
    public async Task TaskRunsInsideOfItsActivity()
    {
        using var listener = new Activities();
        using Pool pool = NewPool(1);
        using Activity parent = NewParent();
        Assert.Equal(
            parent.TraceId.ToHexString(), await pool.SubmitAsync(CurrentTrace).Soon());
        string? seen = await pool.SubmitAsync(CurrentParent).Soon();
        Activity task = listener.Of(parent)[1];
        // A process has an activity of its own, inside of the task's.
        Assert.Equal(
            (Kind is Threads ? parent.SpanId : task.SpanId).ToHexString(), seen);
    }

    [Fact]
    public async Task ParentReachesTasksWhereNobodyListens()
    {
        using Pool pool = NewPool(1);
        using Activity parent = NewParent();
        parent.TraceStateString = "vendor=7";
        Assert.Equal(
            parent.TraceId.ToHexString(), await pool.SubmitAsync(CurrentTrace).Soon());
        Assert.Equal("vendor=7", await pool.SubmitAsync(CurrentState).Soon());
    }

    [Fact]
    public async Task TaskWithoutAParentBeginsATrace()
    {
        using var listener = new Activities();
        using Pool pool = NewPool(new PoolPlan { Name = "orphans" });
        Assert.Null(Activity.Current);
        string? trace = await pool.SubmitAsync(CurrentTrace).Soon();
        Activity task = listener.All().Single(
            activity => "orphans".Equals(activity.GetTagItem("asyncpal.pool.name")));
        Assert.Equal(task.TraceId.ToHexString(), trace);
        Assert.Equal(default, task.ParentSpanId);
    }

    [Fact]
    public async Task SubmitterStaysInItsOwnActivity()
    {
        using var listener = new Activities();
        using Pool pool = NewPool(1);
        using Activity parent = NewParent();
        Task<int> task = pool.SubmitAsync(Square, 3);
        Assert.Same(parent, Activity.Current);
        await task.Soon();
        Assert.Same(parent, Activity.Current);
    }

    [Fact]
    public async Task LaterTasksBelongToTheActivityThatHasAskedForThem()
    {
        using var listener = new Activities();
        using Pool pool = NewPool(1);
        Activity parent = NewParent();
        Task<int> later =
            pool.SubmitAfterAsync(TimeSpan.FromMilliseconds(20), Square, 3);
        Periodic periodic = pool.Every(
            TimeSpan.FromMilliseconds(1), DoNothing, new PeriodicOptions { MaxRuns = 3 });
        parent.Dispose();
        Assert.Null(Activity.Current);
        await later.Soon();
        await periodic.Done.Soon();
        Waiting.Until(() => listener.Of(parent).Count() == 4);
        Assert.All(
            listener.Of(parent),
            activity => Assert.Equal(parent.SpanId, activity.ParentSpanId));
    }

    [Fact]
    public async Task FailedTaskIsAFailedActivity()
    {
        using var listener = new Activities();
        using Pool pool = NewPool(1);
        using Activity parent = NewParent();
        await Assert.ThrowsAsync<FormatException>(
            () => pool.SubmitAsync(ThrowFormatException).Soon());
        Activity task = listener.Single(parent);
        Assert.Equal(ActivityStatusCode.Error, task.Status);
        Assert.Equal("no number", task.StatusDescription);
        Assert.Equal("System.FormatException", task.GetTagItem("error.type"));
        Assert.Equal("exception", Assert.Single(task.Events).Name);
    }

    private sealed class SilentException : Exception
    {
        public override string Message => throw new NotSupportedException("no comment");
    }

    private static int ThrowSilent() => throw new SilentException();

    [Fact]
    public async Task ErrorWhoseMessageThrowsKeepsItsTypeAndEndsItsActivity()
    {
        using var listener = new Activities();
        using Pool pool = NewPool(1);
        using Activity parent = NewParent();
        Exception? error = await Record.ExceptionAsync(
            () => pool.SubmitAsync(ThrowSilent).Soon());
        Assert.Equal(
            typeof(SilentException).FullName,
            error is RemoteException remote ? remote.TypeName : error?.GetType().FullName);
        Activity task = listener.Single(parent);
        Assert.True(task.IsStopped);
        Assert.Equal(ActivityStatusCode.Error, task.Status);
    }

    [Fact]
    public async Task ActivityOfAnAsynchronousFunctionLastsUntilItsEnd()
    {
        using var listener = new Activities();
        using Pool pool = NewPool(1);
        using Activity parent = NewParent();
        Assert.Equal(
            parent.TraceId.ToHexString(), await pool.SubmitAsync(CurrentTraceAsync).Soon());
        Assert.True(listener.Single(parent).IsStopped);
    }

    [Fact]
    public void ChunkOfAMapIsAnActivity()
    {
        using var listener = new Activities();
        using Pool pool = NewPool(1);
        using Activity parent = NewParent();
        pool.MapAll(Square, Enumerable.Range(0, 10), new MapOptions { ChunkSize = 5 });
        Assert.Equal(2, listener.Of(parent).Count);
    }

    [Fact]
    public async Task LaterTasksBelongToTheTraceOfWhoeverAsksForThem()
    {
        using Pool pool = NewPool(1);
        using var folder = new SharedGate();
        string path = Path.Combine(folder.Folder, "traces");
        string trace;
        Task<string?> delayed;
        Periodic periodic;
        using (Activity parent = NewParent())
        {
            trace = parent.TraceId.ToHexString();
            delayed = pool.SubmitAfterAsync(TimeSpan.FromMilliseconds(1), CurrentTrace);
            periodic = pool.Every(
                TimeSpan.FromMilliseconds(1),
                NoteTrace,
                path,
                new PeriodicOptions { MaxRuns = 3 });
        }
        using Activity other = NewParent();
        Assert.Equal(trace, await delayed.Soon());
        await periodic.Done.Soon();
        Assert.Equal([trace, trace, trace], await File.ReadAllLinesAsync(path));
    }

    private static void NoteTrace(string path) =>
        File.AppendAllLines(path, [CurrentTrace() ?? "none"]);

    [Fact]
    public async Task TaskThatTakesATokenIsAnActivity()
    {
        using var listener = new Activities();
        using Pool pool = NewPool(1);
        using Activity parent = NewParent();
        await pool.SubmitAsync(static (CancellationToken _) => 1).Soon();
        Assert.Equal(parent.SpanId, listener.Single(parent).ParentSpanId);
    }

    // -------------------------------------------------------------------- Metrics

    [Fact]
    public async Task MeterHasWhatThePoolCounts()
    {
        using Pool pool = NewPool(new PoolPlan { MaxWorkers = 2, Name = "metered" });
        using var gate = new SharedGate();
        await pool.SubmitAsync(Square, 3).Soon();
        await Assert.ThrowsAsync<FormatException>(
            () => pool.SubmitAsync(ThrowFormatException).Soon());
        Task<int> busy = Busy(pool, gate);
        Dictionary<string, long> measured = Measure("metered");
        Assert.Equal(2, measured["asyncpal.pool.worker.max"]);
        Assert.Equal(0, measured["asyncpal.pool.worker.min"]);
        Assert.Equal(0, measured["asyncpal.pool.paused"]);
        Assert.Equal(1, measured["asyncpal.pool.worker.count busy"]);
        Assert.Equal(1, measured["asyncpal.pool.task.count running"]);
        Assert.Equal(0, measured["asyncpal.pool.task.count pending"]);
        Assert.Equal(3, measured["asyncpal.pool.task.submitted"]);
        Assert.Equal(1, measured["asyncpal.pool.task.done completed"]);
        Assert.Equal(1, measured["asyncpal.pool.task.done failed"]);
        Assert.Equal(0, measured["asyncpal.pool.task.done cancelled"]);
        Assert.Equal(0, measured["asyncpal.pool.task.lost"]);
        Assert.Equal(0, measured["asyncpal.pool.task.rejected"]);
        Assert.Equal(0, measured["asyncpal.pool.task.expired"]);
        Assert.Equal(0, measured["asyncpal.pool.task.timed_out"]);
        Assert.Equal(0, measured["asyncpal.pool.task.retried"]);
        Assert.Equal(0, measured["asyncpal.pool.task.count delayed"]);
        Assert.Equal(pool.Stats().WorkersStarted, measured["asyncpal.pool.worker.started"]);
        Assert.Equal(0, measured["asyncpal.pool.worker.lost"]);
        Assert.Equal(0, measured["asyncpal.pool.stalls"]);
        gate.Open();
        await busy.Soon();
    }

    [Fact]
    public void MeterShowsAPauseAndTheMinimum()
    {
        using Pool pool = NewPool(new PoolPlan { MaxWorkers = 2, Name = "paused" });
        pool.MinWorkers = 1;
        using ExecutionFence fence = pool.Pause();
        Dictionary<string, long> measured = Measure("paused");
        Assert.Equal(1, measured["asyncpal.pool.worker.min"]);
        Assert.Equal(1, measured["asyncpal.pool.paused"]);
    }

    [Fact]
    public async Task MeterHasFurtherAttempts()
    {
        using Pool pool = NewPool(new PoolPlan { Name = "retrying" });
        var options = new TaskOptions
        {
            Retry = new RetryPolicy
            {
                MaxAttempts = 3,
                Backoff = TimeSpan.FromMilliseconds(1),
            },
        };
        await Assert.ThrowsAsync<FormatException>(
            () => pool.SubmitAsync(ThrowFormatException, options: options).Soon());
        Dictionary<string, long> measured = Measure("retrying");
        Assert.Equal(2, measured["asyncpal.pool.task.retried"]);
        Assert.Equal(3, measured["asyncpal.pool.task.done failed"]);
    }

    [Fact]
    public void CollectionSeesOneMoment()
    {
        using Pool pool = NewPool(new PoolPlan { Name = "moment" });
        pool.Run(DoNothing);
        // A new thread has no earlier look of its own.
        Waiting.Until(() => OnNewThread(() =>
        {
            long before = pool.Stats().Submitted;
            long submitted = -1;
            long started = Stopwatch.GetTimestamp();
            Collect(null, (sample, tags) =>
            {
                if (tags[0] != "moment")
                {
                    return;
                }
                if (sample.Name == "asyncpal.pool.worker.max")
                {
                    pool.Run(DoNothing);  // after the collection has begun
                }
                else if (sample.Name == "asyncpal.pool.task.submitted")
                {
                    submitted = sample.Value;
                }
            });
            bool wasQuick =
                Stopwatch.GetElapsedTime(started) < TimeSpan.FromMilliseconds(100);
            Assert.True(!wasQuick || submitted == before);
            return wasQuick;
        }));
        Assert.Equal(pool.Stats().Submitted, Measure("moment")["asyncpal.pool.task.submitted"]);
    }

    private static bool OnNewThread(Func<bool> function)
    {
        bool result = false;
        Exception? error = null;
        var thread = new Thread(() =>
        {
            try
            {
                result = function();
            }
            catch (Exception e)
            {
                error = e;
            }
        });
        thread.Start();
        thread.Join();
        return error == null ? result : throw error;
    }

    [Fact]
    public void PoolsOfOneNameAreToldApart()
    {
        using Pool one = NewPool(new PoolPlan { Name = "twins" });
        using Pool other = NewPool(new PoolPlan { Name = "twins" });
        Assert.Equal(2, CountSeries("twins"));
    }

    [Fact]
    public void PoolThatWasDisposedOfIsNotMeasured()
    {
        using (NewPool(new PoolPlan { Name = "gone" }))
        {
            Assert.Equal(1, CountSeries("gone"));
        }
        Assert.Equal(0, CountSeries("gone"));
        Assert.DoesNotContain("'gone'", Pool.DumpState());
    }

    // ----------------------------------------------------------------------- Dump

    [Fact]
    public async Task DumpSaysWhatWorkersRun()
    {
        using Pool pool = NewPool(new PoolPlan { MaxWorkers = 2, Name = "dumped" });
        using var gate = new SharedGate();
        Task<int> busy = pool.SubmitAsync(
            SharedGate.Pass, gate.Folder, 0, options: new TaskOptions { Name = "resize" });
        gate.AwaitArrivals(1);
        string[] lines = Pool.DumpState().Split('\n');
        int start = Array.FindIndex(
            lines, line => line.StartsWith("pool 'dumped' (id ", StringComparison.Ordinal));
        Assert.Contains($", {KindName}): 1 of 2 workers, 1 busy; tasks: 0 pending, 1 running",
            lines[start]);
        Assert.Matches(@"^  dumped-worker-1 \(\d+\): runs resize for .*s, 0 done$",
            lines[start + 1]);
        gate.Open();
        await busy.Soon();
    }

    private static Activity NewParent() =>
        new Activity("test").SetIdFormat(ActivityIdFormat.W3C).Start();

    private static int CountSeries(string pool)
    {
        int count = 0;
        Collect("asyncpal.pool.worker.max", (_, tags) => count += tags[0] == pool ? 1 : 0);
        return count;
    }

    /// By the instrument's name and what tells its series apart.
    private static Dictionary<string, long> Measure(string pool)
    {
        var measured = new Dictionary<string, long>();
        Collect(null, (sample, tags) =>
        {
            if (tags[0] == pool)
            {
                string series = tags.Count > 3 ? " " + tags[3] : "";
                measured.Add(sample.Name + series, sample.Value);
            }
        });
        return measured;
    }

    private static void Collect(
        string? instrument, Action<(string Name, long Value), List<string?>> see)
    {
        using var listener = new MeterListener
        {
            InstrumentPublished = (published, listener) =>
            {
                if (published.Meter.Name == "Asyncpal"
                    && (instrument == null || published.Name == instrument))
                {
                    listener.EnableMeasurementEvents(published);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((published, value, tags, _) =>
        {
            var values = new List<string?>();
            foreach ((string _, object? tag) in tags)
            {
                values.Add(tag?.ToString());
            }
            see((published.Name, value), values);
        });
        listener.Start();
        listener.RecordObservableInstruments();
    }

    /// Those of the source, as they stop.
    private sealed class Activities : IDisposable
    {
        private readonly List<Activity> _stopped = [];
        private readonly ActivityListener _listener;

        public Activities()
        {
            _listener = new ActivityListener
            {
                ShouldListenTo = source => source.Name == "Asyncpal",
                Sample = (ref ActivityCreationOptions<ActivityContext> _) =>
                    ActivitySamplingResult.AllDataAndRecorded,
                ActivityStopped = activity =>
                {
                    lock (_stopped)
                    {
                        _stopped.Add(activity);
                    }
                },
            };
            ActivitySource.AddActivityListener(_listener);
        }

        public List<Activity> All()
        {
            lock (_stopped)
            {
                return [.. _stopped];
            }
        }

        public List<Activity> Of(Activity parent) =>
            [.. All().Where(activity => activity.TraceId == parent.TraceId)];

        public Activity Single(Activity parent) => Assert.Single(Of(parent));

        public void Dispose() => _listener.Dispose();
    }
}

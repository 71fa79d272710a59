using System;
using System.Collections.Generic;
using System.Diagnostics.Metrics;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// What every pool measures of its tasks, and which it reports as too long.
public abstract class PoolMeasureContract(PoolKind kind) : PoolContract(kind)
{
    private readonly RecordingObserver _recorder = new();

    private Pool NewWatchedPool() =>
        NewPool(new PoolPlan { Name = "p", Observer = _recorder });

    // ------------------------------------------------ Tasks that run for too long

    [Fact]
    public async Task TaskThatRunsTooLongIsReportedOnce()
    {
        using var lines = new Lines("\"slow\" has been running");
        using Pool pool = NewPool(new PoolPlan
        {
            MaxWorkers = 2,
            StallThreshold = TimeSpan.FromMilliseconds(20),
            Observer = _recorder,
        });
        using var gate = new SharedGate();
        Task<int> slow = pool.SubmitAsync(
            SharedGate.Pass, gate.Folder, 1, options: new TaskOptions { Name = "slow" });
        Waiting.Until(() => _recorder.Stalls.Any(one => one.Name == "slow"));
        // Others that begin have the pool look again.
        for (int i = 0; i < 5; ++i)
        {
            await pool.SubmitAsync(Square, i).Soon();
            await Task.Delay(10);
        }
        gate.Open();
        await slow.Soon();
        // On a slow machine others may run for as long.
        TaskReport stall = Assert.Single(_recorder.Stalls, one => one.Name == "slow");
        Assert.Equal(1, stall.Worker);
        Assert.NotNull(stall.ProcessId);
        Assert.True(stall.Ran >= TimeSpan.FromMilliseconds(20));
        Assert.Equal(1, lines.Count);
    }

    [Fact]
    public void EachTaskThatRunsTooLongIsReported()
    {
        using Pool pool = NewPool(new PoolPlan
        {
            MaxWorkers = 2,
            StallThreshold = TimeSpan.FromMilliseconds(5),
            Observer = _recorder,
        });
        for (int i = 1; i <= 2; ++i)
        {
            using var gate = new SharedGate();
            Occupy(pool, gate);
            int wanted = i;
            Waiting.Until(() => _recorder.Stalls.Length >= wanted);
            gate.Open();
        }
    }

    [Fact]
    public void NegativeThresholdIsRefused()
    {
        var error = Assert.ThrowsAny<ArgumentException>(
            () => NewPool(new PoolPlan { StallThreshold = TimeSpan.FromTicks(-2) }));
        Assert.Contains(nameof(PoolOptions.StallThreshold), error.Message);
    }

    // ------------------------------------------------------------------ Histograms

    [Fact]
    public void HistogramsAreEmptyUnlessAskedFor()
    {
        using Pool pool = NewPool(1);
        pool.Run(DoNothing);
        Assert.Empty(pool.Stats().Wait.Bounds);
        Assert.Empty(pool.Stats().Run.Counts);
    }

    [Fact]
    public async Task HistogramsHaveEachTaskThatRan()
    {
        using Pool pool = NewPool(new PoolPlan { Histograms = true });
        using var gate = new SharedGate();
        Occupy(pool, gate);
        using var cancellation = new CancellationTokenSource();
        Task<int> cancelled = pool.SubmitAsync(Square, 1, cancellation.Token);
        Task<int> second = pool.SubmitAsync(Square, 2);
        cancellation.Cancel();
        gate.Open();
        await second.Soon();
        pool.Post(DoNothing);
        pool.Run(DoNothing);
        Assert.True(cancelled.IsCanceled);
        for (int i = 0; i < 2; ++i)  // with the worker, and when it is gone
        {
            PoolStats stats = pool.Stats();
            Assert.Equal(4, stats.Wait.Count);
            Assert.Equal(4, stats.Run.Count);
            Assert.True(stats.Run.Sum > TimeSpan.Zero);
            Assert.Equal(TimeSpan.FromMicroseconds(1), stats.Wait.Bounds[0]);
            Assert.Equal(TimeSpan.FromHours(1), stats.Wait.Bounds[32]);
            Assert.Equal(34, stats.Wait.Counts.Count);
            Assert.True(pool.Join(Gate.Limit));
        }
    }

    [Fact]
    public void ObserverFillsTheHistogramsToo()
    {
        using Pool pool = NewWatchedPool();
        pool.Run(DoNothing);
        Assert.Equal(1, pool.Stats().Run.Count);
    }

    [Fact]
    public async Task TimedOutTaskIsInTheHistograms()
    {
        using Pool pool = NewPool(new PoolPlan { Histograms = true });
        using var gate = new SharedGate();
        var limited = new TaskOptions { Timeout = TimeSpan.FromMilliseconds(20) };
        await AssertTimesOut(
            pool.SubmitAsync(SharedGate.Pass, gate.Folder, 0, options: limited));
        PoolStats stats = pool.Stats();
        Assert.Equal(1, stats.Run.Count);
        Assert.True(stats.Run.Sum >= limited.Timeout);
        gate.Open();
    }

    [Fact]
    public async Task MeterHasTheDurationsOfEachTask()
    {
        var measured = new List<(string Name, double Seconds, string Tags)>();
        using var listener = new MeterListener
        {
            InstrumentPublished = static (published, listener) =>
            {
                if (published.Name.EndsWith(".duration", StringComparison.Ordinal)
                    && published.Meter.Name == "Asyncpal")
                {
                    listener.EnableMeasurementEvents(published);
                }
            },
        };
        listener.SetMeasurementEventCallback<double>((published, value, tags, _) =>
        {
            string all = string.Join(' ', tags.ToArray().Select(tag => tag.Value));
            lock (measured)
            {
                measured.Add((published.Name, value, all));
            }
        });
        listener.Start();
        using (Pool pool = NewPool(new PoolPlan { Name = "timed", Histograms = true }))
        {
            await pool.SubmitAsync(Square, 3).Soon();
            await Assert.ThrowsAsync<FormatException>(
                () => pool.SubmitAsync(ThrowFormatException).Soon());
        }
        (string Name, double Seconds, string Tags)[] mine;
        lock (measured)
        {
            mine = [.. measured.Where(
                one => one.Tags.StartsWith("timed ", StringComparison.Ordinal))];
        }
        Assert.Equal(2, mine.Count(one => one.Name == "asyncpal.pool.task.wait.duration"));
        var runs = mine.Where(one => one.Name == "asyncpal.pool.task.run.duration").ToList();
        Assert.Equal(2, runs.Count);
        Assert.EndsWith(" completed", runs[0].Tags);
        Assert.EndsWith(" failed", runs[1].Tags);
        Assert.All(mine, one => Assert.InRange(one.Seconds, 0, Gate.Limit.TotalSeconds));
    }

    // --------------------------------------------------------------- Counts beside

    [Fact]
    public async Task OldestPendingTaskGrowsOlderUntilItStarts()
    {
        using Pool pool = NewPool(1);
        Assert.Equal(TimeSpan.Zero, pool.Stats().OldestPending);
        using var gate = new SharedGate();
        Occupy(pool, gate);
        Task<int> pending = pool.SubmitAsync(Square, 1);
        Waiting.Until(
            () => pool.Stats().OldestPending >= TimeSpan.FromMilliseconds(50));
        gate.Open();
        await pending.Soon();
        Assert.Equal(TimeSpan.Zero, pool.Stats().OldestPending);
    }
}

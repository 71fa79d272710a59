using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Threading.Tasks;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;
using Xunit;

namespace Asyncpal.Tests;

/// What OpenTelemetry collects from pools, in this process and in workers.
public class OpenTelemetryTest
{
    private static readonly ActivitySource s_source = new("OpenTelemetryTest");

    // In a worker.
    private static readonly List<Activity> s_inWorker = [];
    private static TracerProvider? s_provider;

    [Fact]
    public async Task TraceGoesOnInAWorkerProcess()
    {
        var here = new List<Activity>();
        using (Collect(here))
        {
            using var pool = new ProcessPool(
                new ProcessPoolOptions { MaxWorkers = 1, Initializer = CollectInWorker });
            using (s_source.StartActivity("request"))
            {
                Assert.Equal(9, await pool.SubmitAsync(Square, 3));
            }
            Assert.Null(Activity.Current);
            // The task before has ended when this one runs.
            string[] there = await pool.SubmitAsync(TellOfWorker);

            Activity request = here.Single(one => one.OperationName == "request");
            Activity task = here.First(one => one.OperationName == "Asyncpal.Task");
            Assert.Equal(request.TraceId, task.TraceId);
            Assert.Equal(request.SpanId, task.ParentSpanId);
            Assert.Equal(ActivityKind.Client, task.Kind);
            string[] served = Find(there, "Asyncpal.Task");
            string[] inside = Find(there, "square");
            Assert.Equal(
                ["Asyncpal.Task", "Server", task.TraceId.ToHexString(), task.SpanId.ToHexString()],
                served[..4]);
            // What the function did there is inside of that.
            Assert.Equal(
                ["square", "Internal", task.TraceId.ToHexString(), served[4]], inside[..4]);
        }
    }

    [Fact]
    public async Task MetricsHaveThePools()
    {
        var metrics = new List<Metric>();
        using MeterProvider provider = Sdk.CreateMeterProviderBuilder()
            .AddMeter("Asyncpal")
            .AddInMemoryExporter(metrics)
            .Build();
        using var pool = new ThreadPool(
            new ThreadPoolOptions { MaxWorkers = 2, Name = "collected", Histograms = true });
        await pool.SubmitAsync(() => 1);
        Assert.True(provider.ForceFlush());
        Metric done = metrics.Single(metric => metric.Name == "asyncpal.pool.task.done");
        Assert.Equal("{task}", done.Unit);
        Assert.Equal(1, Sum(done, "completed"));
        Assert.Equal(0, Sum(done, "failed"));
        foreach (string name in new[] { "wait", "run" })
        {
            Metric duration = metrics.Single(
                metric => metric.Name == $"asyncpal.pool.task.{name}.duration");
            Assert.Equal("s", duration.Unit);
            Assert.Equal(MetricType.Histogram, duration.MetricType);
            Assert.Equal(1, CountOf(duration));
        }
    }

    private static long CountOf(Metric metric)
    {
        long count = 0;
        foreach (ref readonly MetricPoint point in metric.GetMetricPoints())
        {
            foreach ((string key, object? value) in point.Tags)
            {
                count += key == "asyncpal.pool.name" && "collected".Equals(value)
                    ? point.GetHistogramCount()
                    : 0;
            }
        }
        return count;
    }

    private static long Sum(Metric metric, string outcome)
    {
        long sum = 0;
        foreach (ref readonly MetricPoint point in metric.GetMetricPoints())
        {
            bool isMine = false;
            bool isOutcome = false;
            foreach ((string key, object? value) in point.Tags)
            {
                isMine |= key == "asyncpal.pool.name" && "collected".Equals(value);
                isOutcome |= key == "asyncpal.pool.task.outcome" && outcome.Equals(value);
            }
            sum += isMine && isOutcome ? point.GetSumLong() : 0;
        }
        return sum;
    }

    private static string[] Find(string[] lines, string operation) =>
        lines.Select(line => line.Split(' ')).Single(words => words[0] == operation);

    private static TracerProvider Collect(List<Activity> activities) =>
        Sdk.CreateTracerProviderBuilder()
            .AddSource("Asyncpal", s_source.Name)
            .AddInMemoryExporter(activities)
            .Build();

    private static void CollectInWorker() => s_provider = Collect(s_inWorker);

    private static int Square(int n)
    {
        using Activity? inside = s_source.StartActivity("square");
        return n * n;
    }

    private static string[] TellOfWorker()
    {
        s_provider!.ForceFlush();
        return [.. s_inWorker.Select(one =>
            $"{one.OperationName} {one.Kind} {one.TraceId} {one.ParentSpanId} "
            + one.SpanId)];
    }
}

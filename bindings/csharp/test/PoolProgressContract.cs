using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// What maps tell their IProgress. That is told of no end, so there are no such claims as
/// EveryMapTellsTheEndAfterAFailure and LeavingALazyMapTellsTheEnd; others have the names
/// of what is here in place of OnChange() and ranges: EveryMapTellsEachChunkAndThenTheEnd,
/// EveryMapOfNothingTellsBeginningAndEnd, WhatOnChangeThrowsEndsEveryMap,
/// WhatTheFirstOnChangeThrowsSubmitsNothing, TotalIsKnownWhenARangeThatDoesNotSayEnds,
/// TotalIsThatOfTheShortestRangeThatEnds.
public abstract class PoolProgressContract(PoolKind kind) : PoolContract(kind)
{
    private delegate object Form(Pool pool, Func<int, int> function, MapOptions options);

    private static readonly int[] Ten = [.. Enumerable.Range(0, 10)];

    private static readonly (string Name, Form Map)[] Forms = [
        ("Map", (pool, f, options) => pool.Map(f, Ten, options).ToList()),
        ("MapUnordered", (pool, f, options) => pool.MapUnordered(f, Ten, options).ToList()),
        ("MapAll", (pool, f, options) => pool.MapAll(f, Ten, options)),
        ("MapAllUnordered", (pool, f, options) => pool.MapAllUnordered(f, Ten, options)),
        ("Starmap", (pool, _, options) => pool.Starmap(Add, Pairs, options).ToList()),
        ("StarmapUnordered", (pool, _, options) =>
            pool.StarmapUnordered(Add, Pairs, options).ToList()),
        ("StarmapAll", (pool, _, options) => pool.StarmapAll(Add, Pairs, options)),
        ("StarmapAllUnordered", (pool, _, options) =>
            pool.StarmapAllUnordered(Add, Pairs, options)),
        ("MapAsync", (pool, f, options) =>
            pool.MapAsync(f, Ten, options).ToBlockingEnumerable().ToList()),
    ];

    private static (int, int)[] Pairs => [.. Ten.Select(n => (n, n))];

    private static int FailAtTwo(int n) =>
        n == 2 ? throw new FormatException("two is too many") : n;

    private static int PassAtZero(string gate, int n) =>
        n == 0 ? SharedGate.Pass(gate, n) : n;

    [Fact]
    public void EveryMapTellsEachChunk()
    {
        using Pool pool = NewPool(2);
        foreach ((string name, Form map) in Forms)
        {
            var told = new Recorder();
            map(pool, Square, new MapOptions { ChunkSize = 3, Progress = told });
            List<MapProgress> reports = told.Reports;
            Assert.Equal(0, reports[0].Done);
            Assert.All(reports, report => Assert.Equal(10, report.Total));
            Assert.All(reports, report => Assert.Equal(0, report.Failed));
            IEnumerable<long> steps =
                reports.Zip(reports.Skip(1), (one, next) => next.Done - one.Done);
            Assert.True(new long[] { 1, 3, 3, 3 }.SequenceEqual(steps.Order()), name);
            Assert.Equal(TimeSpan.Zero, reports[^1].Left);
            Assert.True(reports[^1].PerSecond > 0, name);
        }
    }

    [Fact]
    public void FailureIsCounted()
    {
        using Pool pool = NewPool(1);
        var told = new Recorder();
        Assert.Throws<FormatException>(
            () => pool.MapAll(FailAtTwo, Ten, new MapOptions { Progress = told }));
        // Items that follow may be done before the failure is told.
        Assert.Contains(told.Reports, report => report.Failed == 1);
        Assert.DoesNotContain(told.Reports, report => report.Failed > 1 || report.Done > 9);
    }

    [Fact]
    public void WhatReportThrowsEndsEveryMap()
    {
        using Pool pool = NewPool(1);
        foreach ((string name, Form map) in Forms)
        {
            var told = new Recorder
            {
                OnReport = report =>
                {
                    if (report.Done == 2)
                    {
                        throw new InvalidOperationException("enough");
                    }
                },
            };
            Exception? error = Record.Exception(
                () => map(pool, Square, new MapOptions { Progress = told }));
            Assert.True(error is InvalidOperationException { Message: "enough" }, name);
        }
    }

    [Fact]
    public void WhatTheFirstReportThrowsSubmitsNothing()
    {
        using Pool pool = NewPool(1);
        var told = new Recorder
        {
            OnReport = _ => throw new InvalidOperationException("enough"),
        };
        var options = new MapOptions { Progress = told };
        Assert.Throws<InvalidOperationException>(() => pool.Map(Square, Ten, options));
        Assert.Equal(0, pool.Stats().Submitted);
    }

    [Fact]
    public void EagerMapTellsWhatIsDoneBehindASlowCall()
    {
        using Pool pool = NewPool(2);
        using var gate = new SharedGate();
        var told = new Recorder
        {
            OnReport = report =>
            {
                if (report.Done == 9)
                {
                    gate.Open();
                }
            },
        };
        IEnumerable<int> results = pool.MapAll(
            PassAtZero, Ten.Select(_ => gate.Folder), Ten, new MapOptions { Progress = told });
        Assert.Equal(Ten, results);
    }

    [Fact]
    public void MapOfNothingIsReportedOnce()
    {
        using Pool pool = NewPool(1);
        var told = new Recorder();
        Assert.Empty(pool.MapAll(Square, Array.Empty<int>(), new MapOptions { Progress = told }));
        Assert.All(told.Reports, report => Assert.Equal(0, report.Total));
        Assert.NotEmpty(told.Reports);
    }

    [Fact]
    public void EveryMapTimesOutWithProgress()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Occupy(pool, gate);
        foreach ((string name, Form map) in Forms)
        {
            var told = new Recorder();
            var options = new MapOptions { Timeout = Instant, Progress = told };
            Exception? error = Record.Exception(() => map(pool, Square, options));
            Assert.True(error is TimeoutException, name);
            Assert.All(told.Reports, report => Assert.Equal(0, report.Done + report.Failed));
        }
        gate.Open();
    }

    [Fact]
    public void ResultsKeepTheirOrderWithProgress()
    {
        using Pool pool = NewPool(3);
        var options = new MapOptions { ChunkSize = 7, Progress = new Recorder() };
        Assert.Equal(
            Enumerable.Range(0, 100).Select(Square),
            pool.Map(Square, Enumerable.Range(0, 100), options));
    }

    [Fact]
    public void TotalIsKnownWhenInputsThatDoNotSayEnd()
    {
        using Pool pool = NewPool(1);
        var told = new Recorder();
        Assert.Equal(
            5,
            pool.Map(Square, Ten.Where(n => n % 2 == 0), new MapOptions { Progress = told })
                .Count());
        Assert.Null(told.Reports[0].Total);
        Assert.Null(told.Reports[0].Left);
        Assert.Equal(5, told.Reports[^1].Total);
        Assert.Equal(5, told.Reports[^1].Done);
    }

    [Fact]
    public void TotalIsThatOfTheShorterInputs()
    {
        using Pool pool = NewPool(1);
        var told = new Recorder();
        pool.MapAll(Add, Ten, new[] { 1, 2, 3 }, new MapOptions { Progress = told });
        Assert.Equal(3, told.Reports[0].Total);
    }

    [Fact]
    public async Task AsynchronousInputsAreTold()
    {
        using Pool pool = NewPool(1);
        var told = new Recorder();
        var results = new List<int>();
        await foreach (int result in pool.MapAsync(
            Square, Inputs(), new MapOptions { Progress = told }))
        {
            results.Add(result);
        }
        Assert.Equal(new[] { 0, 1, 4 }, results);
        Assert.Null(told.Reports[0].Total);
        Assert.Equal(3, told.Reports[^1].Done);
        Assert.Equal(3, told.Reports[^1].Total);
    }

    [Fact]
    public void NothingIsReportedAfterTheMapWasLeft()
    {
        using Pool pool = NewPool(1);
        var told = new Recorder();
        var options = new MapOptions { Progress = told };
        Assert.Equal(0, pool.Map(Square, Ten, options).First());
        int reports = told.Reports.Count;
        pool.Shutdown(Drain);
        Assert.Equal(reports, told.Reports.Count);
    }

    private static async IAsyncEnumerable<int> Inputs()
    {
        for (int i = 0; i < 3; ++i)
        {
            await Task.Yield();
            yield return i;
        }
    }

    /// Keeps what it is told.
    private sealed class Recorder : IProgress<MapProgress>
    {
        private readonly List<MapProgress> _reports = [];

        public Action<MapProgress>? OnReport { get; init; }

        public List<MapProgress> Reports
        {
            get
            {
                lock (_reports)
                {
                    return [.. _reports];
                }
            }
        }

        public void Report(MapProgress value)
        {
            lock (_reports)
            {
                _reports.Add(value);
            }
            OnReport?.Invoke(value);
        }
    }
}

using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// Maps that go on after failures.
public abstract class PoolSettledContract(PoolKind kind) : PoolContract(kind)
{
    private delegate IEnumerable<Settled<int>> Form(
        Pool pool, Func<int, int> function, int[] inputs, MapOptions options);

    private static readonly (string Name, Form Map)[] Forms = [
        ("MapSettled", (pool, f, inputs, options) => pool.MapSettled(f, inputs, options)),
        ("MapSettledAll", (pool, f, inputs, options) =>
            pool.MapSettledAll(f, inputs, options)),
        ("StarmapSettled", (pool, _, inputs, options) =>
            pool.StarmapSettled(FailAtThirds, Pairs(inputs), options)),
        ("StarmapSettledAll", (pool, _, inputs, options) =>
            pool.StarmapSettledAll(FailAtThirds, Pairs(inputs), options)),
        ("MapSettledAsync", (pool, f, inputs, options) =>
            pool.MapSettledAsync(f, inputs, options).ToBlockingEnumerable()),
        ("MapSettledAllAsync", (pool, f, inputs, options) =>
            pool.MapSettledAllAsync(f, inputs, options).GetAwaiter().GetResult()),
    ];

    private static readonly int[] Ten = [.. Enumerable.Range(0, 10)];

    private static IEnumerable<(int, int)> Pairs(int[] inputs) =>
        inputs.Select(n => (n, n));

    private static int FailAtThird(int n) =>
        n % 3 == 0 ? throw new FormatException($"{n} is too many") : n * n;

    private static int FailAtThirds(int n, int factor) =>
        n % 3 == 0 ? throw new FormatException($"{n} is too many") : n * factor;

    private static async Task<int> FailAtThirdAsync(int n)
    {
        await Task.Yield();
        return FailAtThird(n);
    }

    private static async Task CheckThirdAsync(int n) => await FailAtThirdAsync(n);

    private static int ThrowWithCause(int n) =>
        throw new InvalidOperationException("outer", new FormatException($"cause {n}"));

    [Fact]
    public void EverySettlingMapTellsHowEachCallEnded()
    {
        using Pool pool = NewPool(2);
        foreach ((string name, Form map) in Forms)
        {
            foreach (int chunkSize in new[] { 1, 4 })
            {
                Settled<int>[] all =
                    [.. map(pool, FailAtThird, Ten, new MapOptions { ChunkSize = chunkSize })];
                Assert.Equal(Ten, all.Select(one => one.Index));
                foreach (Settled<int> one in all)
                {
                    Assert.Equal(one.Index % 3 != 0, one.IsOk);
                    if (one.IsOk)
                    {
                        Assert.Equal(one.Index * one.Index, one.Value);
                        Assert.Equal(one.Value, one.Collect());
                    }
                    else
                    {
                        var error = Assert.IsType<FormatException>(one.Exception);
                        Assert.Equal($"{one.Index} is too many", error.Message);
                        Assert.Same(
                            error, Assert.Throws<FormatException>(() => one.Collect()));
                    }
                }
            }
        }
    }

    [Fact]
    public void AsynchronousFunctionIsSettledToo()
    {
        using Pool pool = NewPool(2);
        IReadOnlyList<Settled<int>> all = pool.MapSettledAll(
            FailAtThirdAsync, Ten, new MapOptions { ChunkSize = 4 });
        Assert.Equal(Ten.Select(n => n % 3 != 0), all.Select(one => one.IsOk));
    }

    [Fact]
    public async Task AsynchronousInputsAreSettled()
    {
        using Pool pool = NewPool(2);
        var all = new List<Settled<int>>();
        await foreach (Settled<int> one in pool.MapSettledAsync(FailAtThird, Inputs()))
        {
            all.Add(one);
        }
        Assert.Equal([0, 1, 2, 3], all.Select(one => one.Index));
        Assert.Equal([false, true, true, false], all.Select(one => one.IsOk));
    }

    private static async IAsyncEnumerable<int> Inputs()
    {
        for (int i = 0; i < 4; ++i)
        {
            await Task.Yield();
            yield return i;
        }
    }

    [Fact]
    public void SettledExceptionKeepsItsCauses()
    {
        using Pool pool = NewPool(1);
        Settled<int> one = Assert.Single(pool.MapSettled(ThrowWithCause, new[] { 7 }));
        Assert.Equal("outer <- cause 7", ChainOf(one.Exception!));
        Assert.Contains(nameof(ThrowWithCause), one.Exception!.StackTrace);
    }

    [Fact]
    public void WhatReturnsNothingIsSettledToo()
    {
        using Pool pool = NewPool(1);
        IReadOnlyList<Settled<int>> all = pool.MapSettledAll(
            CheckThirdAsync, Ten, new MapOptions { ChunkSize = 3 });
        // The input stands for the result.
        Assert.Equal([1, 2, 4, 5, 7, 8], all.Where(one => one.IsOk).Select(one => one.Value));
        Assert.Equal(4, all.Count(one => one.Exception is FormatException));
    }

    [Fact]
    public void SettlingMapsOfNothingGiveNothing()
    {
        using Pool pool = NewPool(1);
        foreach ((string _, Form map) in Forms)
        {
            Assert.Empty(map(pool, Square, [], new MapOptions()));
        }
        Assert.Equal(0, pool.Stats().Submitted);
    }

    [Fact]
    public void LazySettlingMapSubmitsNoMoreThanItsBuffer()
    {
        using Pool pool = NewPool(1);
        IEnumerable<Settled<int>> all =
            pool.MapSettled(Square, Ten, new MapOptions { BufferSize = 2 });
        Assert.Equal(2, pool.Stats().Submitted);
        Assert.Equal(10, all.Count());
    }

    [Fact]
    public void TimeoutEndsEverySettlingMap()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Occupy(pool, gate);
        foreach ((string name, Form map) in Forms)
        {
            Exception? error = Record.Exception(
                () => map(pool, Square, Ten, new MapOptions { Timeout = Instant }).Count());
            Assert.True(error is TimeoutException, name);
            Assert.Contains(name.Replace("Async", ""), error.Message);
        }
        gate.Open();
    }

    [Fact]
    public void ShutdownEndsASettlingMap()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Occupy(pool, gate);
        IEnumerable<Settled<int>> all = pool.MapSettled(Square, Ten);
        pool.Shutdown(AtOnce);
        Assert.ThrowsAny<OperationCanceledException>(() => all.Count());
        gate.Open();
    }

    [Fact]
    public void ClosedPoolRefusesEverySettlingMap()
    {
        using Pool pool = NewPool(1);
        pool.Shutdown();
        foreach ((string name, Form map) in Forms)
        {
            Exception? error = Record.Exception(
                () => map(pool, Square, Ten, new MapOptions()).Count());
            Assert.True(error is ObjectDisposedException, name);
        }
    }

    [Fact]
    public void SettlingMapsCountEachFailureByItself()
    {
        using Pool pool = NewPool(2);
        foreach ((string name, Form map) in Forms)
        {
            var last = new LastReport();
            var options = new MapOptions { ChunkSize = 5, Progress = last };
            Assert.Equal(10, map(pool, FailAtThird, Ten, options).Count());
            Assert.True(last.Value is { Done: 6, Failed: 4, Total: 10 }, $"{name}: {last.Value}");
        }
    }

    private sealed class LastReport : IProgress<MapProgress>
    {
        public MapProgress? Value { get; private set; }

        public void Report(MapProgress value) => Value = value;
    }

    // --- OnError.Skip ---

    private static readonly (string Name, SkippingForm Map)[] SkippingForms = [
        ("Map", (pool, f, inputs, options) => pool.Map(f, inputs, options)),
        ("MapUnordered", (pool, f, inputs, options) =>
            pool.MapUnordered(f, inputs, options)),
        ("MapAll", (pool, f, inputs, options) => pool.MapAll(f, inputs, options)),
        ("MapAllUnordered", (pool, f, inputs, options) =>
            pool.MapAllUnordered(f, inputs, options)),
        ("MapAsync", (pool, f, inputs, options) =>
            pool.MapAsync(f, inputs, options).ToBlockingEnumerable()),
        ("MapAllAsync", (pool, f, inputs, options) =>
            pool.MapAllAsync(f, inputs, options).GetAwaiter().GetResult()),
    ];

    private delegate IEnumerable<int> SkippingForm(
        Pool pool, Func<int, int> function, int[] inputs, MapOptions options);

    private static int SkipThird(int n) =>
        n % 3 == 0 ? throw new FormatException($"{n} is too many") : n;

    private static int FailAlways(int n) => throw new FormatException($"not {n}");

    [Fact]
    public void EverySkippingMapLeavesOutWhatFailed()
    {
        using Pool pool = NewPool(2);
        int[] inputs = [.. Enumerable.Range(0, 20)];
        int[] expected = [.. inputs.Where(n => n % 3 != 0)];
        foreach ((string name, SkippingForm map) in SkippingForms)
        {
            foreach (int chunkSize in new[] { 1, 2, 7, 20, 100 })
            {
                var options = new MapOptions { ChunkSize = chunkSize, OnError = OnError.Skip };
                IEnumerable<int> results = map(pool, SkipThird, inputs, options);
                Assert.Equal(
                    expected, name.EndsWith("Unordered") ? results.Order() : results);
            }
        }
    }

    [Fact]
    public void EverySkippingMapCountsWhatItLeftOut()
    {
        using Pool pool = NewPool(2);
        foreach ((string _, SkippingForm map) in SkippingForms)
        {
            var told = new Reports();
            var options = new MapOptions
            {
                ChunkSize = 5,
                OnError = OnError.Skip,
                Progress = told,
            };
            Assert.Equal(6, map(pool, SkipThird, Ten, options).Count());
            Assert.Equal(3, told.All.Count);
            Assert.Equal(6, told.All[^1].Done);
            Assert.Equal(4, told.All[^1].Failed);
        }
    }

    private sealed class Reports : IProgress<MapProgress>
    {
        public List<MapProgress> All { get; } = [];

        public void Report(MapProgress value) => All.Add(value);
    }

    [Fact]
    public void SkippingMapWhoseCallsAllFailGivesNothing()
    {
        using Pool pool = NewPool(2);
        foreach ((string name, SkippingForm map) in SkippingForms)
        {
            var options = new MapOptions { ChunkSize = 3, OnError = OnError.Skip };
            Assert.True(!map(pool, FailAlways, Ten, options).Any(), name);
        }
    }

    [Fact]
    public void SkippingMapOfWhatReturnsNothingGoesOn()
    {
        using Pool pool = NewPool(2);
        var options = new MapOptions { ChunkSize = 3, OnError = OnError.Skip };
        // The input stands for the result.
        Assert.Equal([1, 2, 4, 5, 7, 8], pool.MapAll(CheckThirdAsync, Ten, options));
    }

    [Fact]
    public async Task AsynchronousInputsMayBeSkipped()
    {
        using Pool pool = NewPool(2);
        var options = new MapOptions { OnError = OnError.Skip };
        Assert.Equal([1, 4], await pool.MapAllAsync(FailAtThird, Inputs(), options));
    }

    [Fact]
    public void ShutdownEndsASkippingMap()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Occupy(pool, gate);
        IEnumerable<int> all =
            pool.Map(Square, Ten, new MapOptions { OnError = OnError.Skip });
        pool.Shutdown(AtOnce);
        Assert.ThrowsAny<OperationCanceledException>(() => all.Count());
        gate.Open();
    }

    [Fact]
    public void SettlingMapsRefuseToSkip()
    {
        using Pool pool = NewPool(1);
        foreach ((string name, Form map) in Forms)
        {
            var error = Assert.Throws<ArgumentException>(
                () => map(pool, Square, Ten, new MapOptions { OnError = OnError.Skip })
                    .Count());
            Assert.Contains(
                $"OnError is Skip; {name} gives", error.Message);
        }
        Assert.Equal(0, pool.Stats().Submitted);
    }

    [Fact]
    public void UnknownOnErrorIsRefused()
    {
        using Pool pool = NewPool(1);
        var error = Assert.ThrowsAny<ArgumentException>(
            () => pool.MapAll(Square, Ten, new MapOptions { OnError = (OnError)7 }));
        Assert.Contains("OnError is 7", error.Message);
    }
}

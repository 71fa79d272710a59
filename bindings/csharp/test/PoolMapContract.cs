using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// The map family. Claims of C++ that are not here:
/// - MapOfWhatReturnsNothingGivesAMarkForEachCall,
///   MapAllOfWhatReturnsNothingRunsEachCall: what is mapped returns something.
/// - MapWithoutKeepOrderGivesFirstWhatIsDoneFirst: MapOptions has no KeepOrder;
///   see UnorderedMapGivesFirstWhatIsDoneFirst.
public abstract class PoolMapContract(PoolKind kind) : PoolContract(kind)
{
    private static readonly int[] Numbers = [.. Enumerable.Range(0, 30)];

    private static readonly (int, int)[] Pairs = [.. Numbers.Select(n => (n, 100 * n))];

    private static readonly int[] Sums = [.. Numbers.Select(n => 101 * n)];

    private static readonly MapOptions Late = new() { Timeout = Instant };

    /// One of the eight maps, over pairs.
    private delegate IEnumerable<int> Form(
        Pool pool, MapOptions? options, IReadOnlyCollection<(int, int)> pairs);

    private static readonly (string Name, bool IsOrdered, Form Map)[] Forms = [
        ("Map", true, (pool, options, pairs) =>
            pool.Map(Add, pairs.Select(First), pairs.Select(Second), options)),
        ("MapUnordered", false, (pool, options, pairs) =>
            pool.MapUnordered(Add, pairs.Select(First), pairs.Select(Second), options)),
        ("MapAll", true, (pool, options, pairs) =>
            pool.MapAll(Add, pairs.Select(First), pairs.Select(Second), options)),
        ("MapAllUnordered", false, (pool, options, pairs) =>
            pool.MapAllUnordered(Add, pairs.Select(First), pairs.Select(Second), options)),
        ("Starmap", true, (pool, options, pairs) => pool.Starmap(Add, pairs, options)),
        ("StarmapUnordered", false, (pool, options, pairs) =>
            pool.StarmapUnordered(Add, pairs, options)),
        ("StarmapAll", true, (pool, options, pairs) => pool.StarmapAll(Add, pairs, options)),
        ("StarmapAllUnordered", false, (pool, options, pairs) =>
            pool.StarmapAllUnordered(Add, pairs, options)),
    ];

    private static int First((int, int) pair) => pair.Item1;

    private static int Second((int, int) pair) => pair.Item2;

    /// 2 and only 2 is a bad number.
    private static int FailAtTwo(int n) =>
        n == 2 ? throw new FormatException("two is too many") : n;

    /// Everything after 2 waits at the gate.
    private static int FailAtTwoThenPass(string gate, int n) =>
        n > 2 ? SharedGate.Pass(gate, n) : FailAtTwo(n);

    private static int PassAtZero(string gate, int n) =>
        n == 0 ? SharedGate.Pass(gate, n) : n;

    private static IEnumerable<int> Endless()
    {
        for (int i = 1; ; ++i)
        {
            yield return i;
        }
    }

    // ------------------------------------------------------------------ Results

    [Fact]
    public void EveryMapGivesEveryResult()
    {
        using Pool pool = NewPool(2);
        foreach ((string name, _, Form map) in Forms)
        {
            Assert.True(Sums.SequenceEqual(map(pool, null, Pairs).Order()), name);
        }
    }

    [Fact]
    public async Task EveryAsynchronousMapGivesEveryResult()
    {
        using Pool pool = NewPool(2);
        Assert.Equal(Sums, await pool.StarmapAsync(Add, Pairs).ToListAsync());
        Assert.Equal(Sums, (await pool.StarmapUnorderedAsync(Add, Pairs).ToListAsync()).Order());
        Assert.Equal(Sums, await pool.StarmapAllAsync(Add, Pairs).Soon());
        Assert.Equal(Sums, (await pool.StarmapAllUnorderedAsync(Add, Pairs).Soon()).Order());
        Assert.Equal(Numbers, await pool.MapAsync(FailAtThousand, Numbers).ToListAsync());
        Assert.Equal(
            Numbers,
            (await pool.MapUnorderedAsync(FailAtThousand, Numbers).ToListAsync()).Order());
        Assert.Equal(Numbers, await pool.MapAllAsync(FailAtThousand, Numbers).Soon());
        Assert.Equal(
            Numbers, (await pool.MapAllUnorderedAsync(FailAtThousand, Numbers).Soon()).Order());
        Assert.Equal(
            Sums,
            await pool.MapAsync(Add, Pairs.Select(First), Pairs.Select(Second)).ToListAsync());
    }

    private static int FailAtThousand(int n) =>
        n == 1000 ? throw new FormatException("too many") : n;

    [Fact]
    public void OrderedMapsKeepTheOrder()
    {
        using Pool pool = NewPool(2);
        foreach ((string name, _, Form map) in Forms.Where(form => form.IsOrdered))
        {
            Assert.True(Sums.SequenceEqual(map(pool, null, Pairs)), name);
        }
    }

    [Fact]
    public void ChunksOfAnySizeChangeNoResult()
    {
        using Pool pool = NewPool(2);
        foreach (int size in new[] { 0, 1, 7, 30, 31, int.MaxValue })
        {
            AssertAllGiveEveryResult(pool, new MapOptions { ChunkSize = size });
        }
    }

    private static void AssertAllGiveEveryResult(Pool pool, MapOptions options)
    {
        foreach ((string name, bool isOrdered, Form map) in Forms)
        {
            IEnumerable<int> results = map(pool, options, Pairs);
            Assert.True(
                Sums.SequenceEqual(isOrdered ? results : results.Order()), $"{name} {options}");
        }
    }

    [Fact]
    public void ChunkMakesOneTask()
    {
        using Pool pool = NewPool(2);
        pool.MapAll(Square, Numbers, new MapOptions { ChunkSize = 7 });
        Assert.Equal(5, pool.Stats().Submitted);
    }

    [Fact]
    public void EveryMapOfNothingGivesNothing()
    {
        using Pool pool = NewPool(1);
        Assert.All(Forms, form => Assert.Empty(form.Map(pool, null, [])));
    }

    [Fact]
    public void BufferOfOneGivesEveryResult()
    {
        using Pool pool = NewPool(2);
        AssertAllGiveEveryResult(pool, new MapOptions { BufferSize = 1 });
    }

    [Fact]
    public void HugeBufferGivesEveryResult()
    {
        using Pool pool = NewPool(2);
        AssertAllGiveEveryResult(pool, new MapOptions { BufferSize = int.MaxValue });
    }

    [Fact]
    public void ShortestRangeEndsTheMap()
    {
        using Pool pool = NewPool(2);
        Assert.Equal([0, 2, 4], pool.Map(Add, Numbers.Take(5), Numbers.Take(3)));
    }

    private void AssertGivesFirstWhatIsDoneFirst(
        Func<Pool, string[], int[], IEnumerable<int>> map)
    {
        using Pool pool = NewPool(2);
        using var gate = new SharedGate();
        using IEnumerator<int> results =
            map(pool, [gate.Folder, gate.Folder], [0, 1]).GetEnumerator();
        Assert.True(results.MoveNext());
        Assert.Equal(1, results.Current);
        gate.Open();
        Assert.True(results.MoveNext());
        Assert.Equal(0, results.Current);
    }

    [Fact]
    public void UnorderedMapGivesFirstWhatIsDoneFirst() =>
        AssertGivesFirstWhatIsDoneFirst(
            (pool, gates, numbers) => pool.MapUnordered(PassAtZero, gates, numbers));

    [Fact]
    public async Task MapAllUnorderedGivesFirstWhatIsDoneFirst()
    {
        using Pool pool = NewPool(2);
        using var gate = new SharedGate();
        string[] gates = [gate.Folder, gate.Folder];
        int[] numbers = [0, 1];
        Task<IReadOnlyList<int>> map = pool.MapAllUnorderedAsync(PassAtZero, gates, numbers);
        // The other call is done when its task is.
        Waiting.Until(() => pool.Stats().Completed == 1);
        gate.Open();
        Assert.Equal([1, 0], await map.Soon());
    }

    // ----------------------------------------------------------------- Laziness

    [Fact]
    public void LazyMapStartsAtTheCall()
    {
        using Pool pool = NewPool(2);
        using var gate = new SharedGate();
        string[] gates = [gate.Folder, gate.Folder];
        using IEnumerator<int> results =
            pool.Map(SharedGate.Pass, gates, Numbers).GetEnumerator();
        gate.AwaitArrivals(2);
        gate.Open();
        Assert.True(results.MoveNext());
    }

    [Fact]
    public void LazyMapTakesAnInputWithoutEnd()
    {
        using Pool pool = NewPool(2);
        Assert.Equal([1, 4, 9], pool.Map(Square, Endless()).Take(3));
        Assert.Equal(3, pool.MapUnordered(Square, Endless()).Take(3).Count());
    }

    [Fact]
    public void LazyMapSubmitsNoMoreThanItsBuffer()
    {
        using Pool pool = NewPool(2);
        IEnumerable<int> map = pool.Map(Square, Endless(), new MapOptions { BufferSize = 3 });
        Assert.Equal(3, pool.Stats().Submitted);
        map.GetEnumerator().Dispose();
    }

    [Fact]
    public void LazyMapSubmitsOneForEachOneTaken()
    {
        using Pool pool = NewPool(2);
        using IEnumerator<int> results = pool
            .Map(Square, Endless(), new MapOptions { BufferSize = 3 }).GetEnumerator();
        Assert.True(results.MoveNext());
        Assert.True(results.MoveNext());
        Assert.Equal(5, pool.Stats().Submitted);
    }

    [Fact]
    public void BufferIsTwiceTheWorkersByDefault()
    {
        using Pool pool = NewPool(3);
        using IEnumerator<int> results = pool.MapUnordered(Square, Endless()).GetEnumerator();
        Assert.Equal(6, pool.Stats().Submitted);
    }

    private void AssertLeavingCancelsWhatHasNotStarted(
        Func<Pool, MapOptions, IEnumerable<int>> map)
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Occupy(pool, gate);
        map(pool, new MapOptions { BufferSize = 5 }).GetEnumerator().Dispose();
        Assert.Equal(5, pool.Stats().Cancelled);
    }

    [Fact]
    public void LeavingALazyMapCancelsWhatHasNotStarted() =>
        AssertLeavingCancelsWhatHasNotStarted(
            (pool, options) => pool.Map(Square, Numbers, options));

    [Fact]
    public void LeavingAnUnorderedMapCancelsWhatHasNotStarted() =>
        AssertLeavingCancelsWhatHasNotStarted(
            (pool, options) => pool.MapUnordered(Square, Numbers, options));

    [Fact]
    public async Task LeavingAnAsynchronousMapCancelsWhatHasNotStarted()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Occupy(pool, gate);
        var options = new MapOptions { BufferSize = 5 };
        await pool.MapAsync(Square, Numbers, options).GetAsyncEnumerator().DisposeAsync();
        Assert.Equal(5, pool.Stats().Cancelled);
    }

    [Fact]
    public async Task LeavingAMapEarlyLeavesThePoolUsable()
    {
        using Pool pool = NewPool(1);
        Assert.Equal([0, 1], pool.Map(Square, Numbers).Take(2));
        Assert.Equal(3, await pool.SubmitAsync(Add, 1, 2).Soon());
    }

    // ------------------------------------------------------------------- Errors

    private void AssertResultsBeforeAnErrorComeOut(MapOptions options)
    {
        using Pool pool = NewPool(2);
        var results = new List<int>();
        var error = Assert.Throws<FormatException>(() =>
        {
            foreach (int result in pool.Map(FailAtTwo, Numbers, options))
            {
                results.Add(result);
            }
        });
        Assert.Equal("two is too many", error.Message);
        Assert.Equal([0, 1], results);
    }

    [Fact]
    public void ResultsBeforeAnErrorComeOut() =>
        AssertResultsBeforeAnErrorComeOut(new MapOptions());

    [Fact]
    public void ResultsBeforeAnErrorInTheirChunkComeOut() =>
        AssertResultsBeforeAnErrorComeOut(new MapOptions { ChunkSize = 5 });

    [Fact]
    public void ErrorEndsTheRange()
    {
        using Pool pool = NewPool(2);
        using IEnumerator<int> results = pool.Map(FailAtTwo, Numbers).GetEnumerator();
        Assert.True(results.MoveNext());
        Assert.True(results.MoveNext());
        Assert.Throws<FormatException>(() => results.MoveNext());
        Assert.False(results.MoveNext());
    }

    private void AssertErrorCancelsWhatHasNotStarted(
        Func<Pool, string[], int[], MapOptions, IEnumerable<int>> map)
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        string[] gates = [.. Enumerable.Repeat(gate.Folder, 10)];
        Assert.Throws<FormatException>(
            () => map(pool, gates, Numbers, new MapOptions { BufferSize = 10 }).Count());
        // The call with 3 may have started.
        Assert.True(pool.Stats().Cancelled >= 6, $"{pool.Stats()}");
    }

    [Fact]
    public void ErrorCancelsWhatHasNotStarted() =>
        AssertErrorCancelsWhatHasNotStarted((pool, gates, numbers, options) =>
            pool.Map(FailAtTwoThenPass, gates, numbers, options));

    [Fact]
    public void ErrorInAnUnorderedMapCancelsWhatHasNotStarted() =>
        AssertErrorCancelsWhatHasNotStarted((pool, gates, numbers, options) =>
            pool.MapUnordered(FailAtTwoThenPass, gates, numbers, options));

    [Fact]
    public void ErrorInAnEagerMapCancelsWhatHasNotStarted() =>
        AssertErrorCancelsWhatHasNotStarted((pool, gates, numbers, options) =>
            pool.MapAll(FailAtTwoThenPass, gates, numbers, options));

    [Fact]
    public async Task EveryEagerMapThrowsWhatACallThrew()
    {
        using Pool pool = NewPool(2);
        Assert.Throws<FormatException>(() => pool.MapAll(FailAtTwo, Numbers));
        Assert.Throws<FormatException>(() => pool.MapAllUnordered(FailAtTwo, Numbers));
        await Assert.ThrowsAsync<FormatException>(
            () => pool.MapAllAsync(FailAtTwo, Numbers).Soon());
    }

    [Fact]
    public void PoolGoesOnAfterAFailedMap()
    {
        using Pool pool = NewPool(2);
        Assert.Throws<FormatException>(() => pool.MapAll(FailAtTwo, Numbers));
        Assert.Equal([0, 1, 4], pool.MapAll(Square, Numbers.Take(3)));
    }

    [Fact]
    public void TimeoutErrorNamesTheMapAndThePool()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Occupy(pool, gate);
        foreach ((string name, _, Form map) in Forms)
        {
            var error = Assert.Throws<TimeoutException>(() => map(pool, Late, Pairs).Count());
            Assert.StartsWith($"{name}() of ", error.Message);
            Assert.Contains("'p'", error.Message);
            Assert.Contains("00:00:00.001", error.Message);
        }
    }

    [Fact]
    public void TimeoutCancelsWhatHasNotStarted()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Occupy(pool, gate);
        Assert.Throws<TimeoutException>(() => pool.MapAll(Square, Numbers, Late));
        Assert.Equal(30, pool.Stats().Cancelled);
    }

    [Fact]
    public void ZeroTimeoutOfABusyPoolTimesOut()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Occupy(pool, gate);
        var options = new MapOptions { Timeout = TimeSpan.Zero };
        Assert.All(Forms, form => Assert.Throws<TimeoutException>(
            () => form.Map(pool, options, Pairs).Count()));
    }

    [Fact]
    public void EveryMapRefusesANegativeChunkSize() =>
        AssertEveryMapRefuses(new MapOptions { ChunkSize = -1 });

    [Fact]
    public void EveryMapRefusesANegativeTimeout() =>
        AssertEveryMapRefuses(new MapOptions { Timeout = TimeSpan.FromSeconds(-1) });

    private void AssertEveryMapRefuses(MapOptions options)
    {
        using Pool pool = NewPool(1);
        Assert.All(Forms, form => Assert.Throws<ArgumentOutOfRangeException>(
            () => form.Map(pool, options, Pairs)));
    }

    [Fact]
    public void RefusedMapSubmitsNothing()
    {
        using Pool pool = NewPool(1);
        Assert.Throws<ArgumentOutOfRangeException>(
            () => pool.Map(Square, Numbers, new MapOptions { ChunkSize = -1 }));
        Assert.Equal(0, pool.Stats().Submitted);
    }

    [Fact]
    public void EveryMapOfAClosedPoolThrows()
    {
        using Pool pool = NewPool(1);
        pool.Shutdown();
        Assert.All(Forms, form => Assert.Throws<ObjectDisposedException>(
            () => form.Map(pool, null, Pairs)));
    }

    [Fact]
    public void ShutdownEndsAMapWithCancelledError()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        Occupy(pool, gate);
        IEnumerable<int> results = pool.Map(Square, Numbers);
        pool.Shutdown(AtOnce);
        Assert.ThrowsAny<OperationCanceledException>(() => results.Count());
        Assert.Empty(pool.TakeCancelledTasks());
    }

    [Fact]
    public async Task TokenEndsTheMap()
    {
        using Pool pool = NewPool(1);
        using var source = new CancellationTokenSource();
        await using IAsyncEnumerator<int> results = pool
            .MapAsync(Square, Endless(), cancellationToken: source.Token)
            .GetAsyncEnumerator();
        Assert.True(await results.MoveNextAsync());
        source.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            while (await results.MoveNextAsync())
            {
            }
        });
    }
}

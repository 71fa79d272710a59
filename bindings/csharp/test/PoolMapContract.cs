using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// What the maps of every pool do.
public abstract class PoolMapContract
{
    private static readonly int[] Inputs = [.. Enumerable.Range(1, 25)];

    private static readonly int[] Squares = [.. Inputs.Select(x => x * x)];

    protected abstract Pool NewPool(int workers);

    private static int Square(int x) => x * x;

    private static int Add(int x, int y) => x + y;

    private static int RefuseSeven(int x) =>
        x == 7 ? throw new FormatException("seven") : x;

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(100)]
    public async Task EveryMapGivesEveryResult(int chunkSize)
    {
        using Pool pool = NewPool(2);
        var options = new MapOptions { ChunkSize = chunkSize };
        Assert.Equal(Squares, pool.Map(Square, Inputs, options));
        Assert.Equal(Squares, pool.MapUnordered(Square, Inputs, options).Order());
        Assert.Equal(Squares, pool.MapAll(Square, Inputs, options));
        Assert.Equal(Squares, pool.MapAllUnordered(Square, Inputs, options).Order());
        Assert.Equal(Squares, await pool.MapAsync(Square, Inputs, options).ToListAsync());
        Assert.Equal(
            Squares, (await pool.MapUnorderedAsync(Square, Inputs, options).ToListAsync()).Order());
        Assert.Equal(Squares, await pool.MapAllAsync(Square, Inputs, options).Soon());
        Assert.Equal(
            Squares, (await pool.MapAllUnorderedAsync(Square, Inputs, options).Soon()).Order());
    }

    [Fact]
    public async Task EveryStarmapGivesEveryResult()
    {
        using Pool pool = NewPool(2);
        (int, int)[] pairs = [(1, 2), (3, 4), (5, 6)];
        int[] sums = [3, 7, 11];
        Assert.Equal(sums, pool.Starmap(Add, pairs));
        Assert.Equal(sums, pool.StarmapUnordered(Add, pairs).Order());
        Assert.Equal(sums, pool.StarmapAll(Add, pairs));
        Assert.Equal(sums, pool.StarmapAllUnordered(Add, pairs).Order());
        Assert.Equal(sums, await pool.StarmapAsync(Add, pairs).ToListAsync());
        Assert.Equal(sums, (await pool.StarmapUnorderedAsync(Add, pairs).ToListAsync()).Order());
        Assert.Equal(sums, await pool.StarmapAllAsync(Add, pairs).Soon());
        Assert.Equal(sums, (await pool.StarmapAllUnorderedAsync(Add, pairs).Soon()).Order());
    }

    [Fact]
    public void ShortestRangeEndsTheMap()
    {
        using Pool pool = NewPool(2);
        int[] numbers = [10, 20];
        Assert.Equal([11, 22], pool.Map(Add, numbers, Inputs));
    }

    [Fact]
    public void ChunkMakesOneTask()
    {
        using Pool pool = NewPool(2);
        pool.MapAll(Square, Inputs, new MapOptions { ChunkSize = 10 });
        Assert.Equal(3, pool.Stats().Submitted);
    }

    [Fact]
    public void EveryMapOfNothingGivesNothing()
    {
        using Pool pool = NewPool(1);
        Assert.Empty(pool.Map(Square, Array.Empty<int>()));
        Assert.Empty(pool.MapUnordered(Square, Array.Empty<int>()));
        Assert.Empty(pool.MapAll(Square, Array.Empty<int>()));
        Assert.Empty(pool.MapAllUnordered(Square, Array.Empty<int>()));
    }

    [Fact]
    public void LazyMapTakesAnInputWithoutEnd()
    {
        using Pool pool = NewPool(2);
        Assert.Equal([1, 4, 9], pool.Map(Square, Numbers()).Take(3));
        Assert.Equal(3, pool.MapUnordered(Square, Numbers()).Take(3).Count());
    }

    [Fact]
    public void LazyMapSubmitsNoMoreThanItsBuffer()
    {
        using Pool pool = NewPool(2);
        IEnumerable<int> map = pool.Map(
            Square, Numbers(), new MapOptions { BufferSize = 3 });
        Assert.Equal(3, pool.Stats().Submitted);
        using IEnumerator<int> results = map.GetEnumerator();
        Assert.True(results.MoveNext());
        Assert.Equal(4, pool.Stats().Submitted);
    }

    [Fact]
    public void BufferIsTwiceTheWorkersByDefault()
    {
        using Pool pool = NewPool(3);
        using IEnumerator<int> results = pool.Map(Square, Numbers()).GetEnumerator();
        Assert.Equal(6, pool.Stats().Submitted);
        results.MoveNext();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    public void ResultsBeforeAnErrorComeOut(int chunkSize)
    {
        using Pool pool = NewPool(2);
        var options = new MapOptions { ChunkSize = chunkSize };
        var results = new List<int>();
        var error = Assert.Throws<FormatException>(() =>
        {
            foreach (int result in pool.Map(RefuseSeven, Inputs, options))
            {
                results.Add(result);
            }
        });
        Assert.Equal("seven", error.Message);
        Assert.Equal([1, 2, 3, 4, 5, 6], results);
    }

    [Fact]
    public async Task EveryEagerMapThrowsWhatACallThrew()
    {
        using Pool pool = NewPool(2);
        Assert.Throws<FormatException>(() => pool.MapAll(RefuseSeven, Inputs));
        Assert.Throws<FormatException>(() => pool.MapAllUnordered(RefuseSeven, Inputs));
        await Assert.ThrowsAsync<FormatException>(
            () => pool.MapAllAsync(RefuseSeven, Inputs).Soon());
    }

    [Fact]
    public async Task PoolGoesOnAfterAFailedMap()
    {
        using Pool pool = NewPool(1);
        Assert.Throws<FormatException>(() => pool.MapAll(RefuseSeven, Inputs));
        Assert.Equal(4, await pool.SubmitAsync(Square, 2).Soon());
    }

    [Fact]
    public void EveryMapRefusesChunksOfNothing()
    {
        using Pool pool = NewPool(1);
        var options = new MapOptions { ChunkSize = 0 };
        Assert.Throws<ArgumentOutOfRangeException>(() => pool.Map(Square, Inputs, options));
        Assert.Throws<ArgumentOutOfRangeException>(() => pool.MapAll(Square, Inputs, options));
        Assert.Equal(0, pool.Stats().Submitted);
    }

    [Fact]
    public async Task TokenEndsTheMap()
    {
        using Pool pool = NewPool(1);
        using var source = new CancellationTokenSource();
        await using IAsyncEnumerator<int> results = pool
            .MapAsync(Square, Numbers(), cancellationToken: source.Token)
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

    private static IEnumerable<int> Numbers()
    {
        for (int i = 1; ; ++i)
        {
            yield return i;
        }
    }
}

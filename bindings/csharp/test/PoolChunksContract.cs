using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// Maps that find the size of their chunks themselves.
public abstract class PoolChunksContract(PoolKind kind) : PoolContract(kind)
{
    private static readonly MapOptions Automatic = new() { ChunkSize = 0 };

    private static readonly int[] Numbers = [.. Enumerable.Range(0, 2000)];

    private static readonly int[] Squares = [.. Numbers.Select(Square)];

    private static string Describe(string text) => $"<{text}>";

    private static async Task<int> SquareAsync(int n)
    {
        await Task.Yield();
        return Square(n);
    }

    private static int FailAtOdd(int n) =>
        n % 2 == 1 ? throw new FormatException($"{n} is odd") : n;

    private static int FailAtThousand(int n) =>
        n == 1000 ? throw new FormatException("too many") : n;

    [Fact]
    public void AutomaticChunksGiveAllResultsInOrder()
    {
        using Pool pool = NewPool(2);
        Assert.Equal(Squares, pool.MapAll(Square, Numbers, Automatic));
        Assert.Equal(Squares, pool.Map(Square, Numbers, Automatic));
    }

    [Fact]
    public void AutomaticChunksGiveAllResultsUnordered()
    {
        using Pool pool = NewPool(2);
        Assert.Equal(Squares, pool.MapAllUnordered(Square, Numbers, Automatic).Order());
    }

    [Fact]
    public async Task AutomaticChunksOfAsynchronousMapsGiveAllResults()
    {
        using Pool pool = NewPool(2);
        Assert.Equal(Squares, await pool.MapAllAsync(SquareAsync, Numbers, Automatic).Soon());
        Assert.Equal(Squares, await pool.MapAsync(Square, Numbers, Automatic).ToListAsync());
        Assert.Equal(
            Squares,
            (await pool.MapUnorderedAsync(Square, OneByOne(Numbers), Automatic).ToListAsync())
                .Order());
    }

    private static async IAsyncEnumerable<int> OneByOne(int[] numbers)
    {
        foreach (int number in numbers)
        {
            if (number % 100 == 0)
            {
                await Task.Yield();
            }
            yield return number;
        }
    }

    [Fact]
    public void AutomaticChunksOfFastCallsGrow()
    {
        using Pool pool = NewPool(2);
        pool.MapAll(Square, Enumerable.Range(0, 20_000), Automatic);
        Assert.True(pool.Join(Gate.Limit));
        // How far depends on the machine.
        Assert.InRange(pool.Stats().Completed, 1, 19_999);
    }

    [Fact]
    public void AutomaticChunksTakeAnyInput()
    {
        using Pool pool = NewPool(2);
        Assert.Equal([], pool.MapAll(Square, Array.Empty<int>(), Automatic));
        Assert.Equal([9], pool.MapAll(Square, [3], Automatic));
        Assert.Equal(["<a>", "<b>"], pool.MapAll(Describe, ["a", "b"], Automatic));
        Assert.Equal([0, 1, 4], pool.Map(Square, Endless(), Automatic).Take(3));
    }

    private static IEnumerable<int> Endless()
    {
        for (int i = 0; ; ++i)
        {
            yield return i;
        }
    }

    [Fact]
    public void AutomaticChunksSettleEachCall()
    {
        using Pool pool = NewPool(2);
        Settled<int>[] all = [.. pool.MapSettledAll(FailAtOdd, Numbers, Automatic)];
        Assert.Equal(Numbers, all.Select(one => one.Index));
        Assert.All(all, one => Assert.Equal(one.Index % 2 == 0, one.IsOk));
        MapOptions skipping = Automatic with { OnError = OnError.Skip };
        Assert.Equal(
            Numbers.Where(n => n % 2 == 0), pool.MapAll(FailAtOdd, Numbers, skipping));
    }

    [Fact]
    public void ResultsBeforeAFailureInAnAutomaticChunkComeOut()
    {
        using Pool pool = NewPool(2);
        var results = new List<int>();
        Assert.Throws<FormatException>(() =>
        {
            foreach (int result in pool.Map(FailAtThousand, Numbers, Automatic))
            {
                results.Add(result);
            }
        });
        Assert.Equal(Numbers.Take(1000), results);
    }

    [Fact]
    public void AutomaticChunksRunInViews()
    {
        using Pool pool = NewPool(2);
        Assert.Equal(Squares, pool.Limited(2).MapAll(Square, Numbers, Automatic));
        Assert.Equal(Squares, pool.Serial().Map(Square, Numbers, Automatic));
    }

    [Fact]
    public async Task WhatHasComeIsNotHeldBackForWhatComesLater()
    {
        using Pool pool = NewPool(1);
        var rest = new TaskCompletionSource();
        await using IAsyncEnumerator<int> results = pool
            .MapAsync(Square, ThenRest(rest.Task), Automatic)
            .GetAsyncEnumerator();
        for (int i = 0; i < 100; ++i)
        {
            Assert.True(await results.MoveNextAsync().AsTask().Soon());
            Assert.Equal(i * i, results.Current);
        }
        rest.SetResult();
        Assert.True(await results.MoveNextAsync().AsTask().Soon());
        Assert.Equal(100 * 100, results.Current);
        Assert.False(await results.MoveNextAsync().AsTask().Soon());
    }

    private static async IAsyncEnumerable<int> ThenRest(Task rest)
    {
        for (int i = 0; i < 100; ++i)
        {
            yield return i;
        }
        await rest;
        yield return 100;
    }

    [Fact]
    public async Task InputsAreNotLeftWhileTheyAreAsked()
    {
        using Pool pool = NewPool(1);
        var rest = new TaskCompletionSource();
        IAsyncEnumerator<int> results = pool
            .MapAsync(Square, ThenRest(rest.Task), Automatic)
            .GetAsyncEnumerator();
        Assert.True(await results.MoveNextAsync().AsTask().Soon());
        await results.DisposeAsync();
        rest.SetResult();
        Assert.Equal(9, pool.Run(Square, 3));
    }
}

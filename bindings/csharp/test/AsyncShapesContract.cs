using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Channels;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// What both kinds of pools do with asynchronous functions of each shape. That each
/// gets its own overload is tested by OverloadsTest.
public abstract class AsyncShapesContract(PoolKind kind) : PoolContract(kind)
{
    private static async Task<string> LoadAsync(string name)
    {
        await Task.Yield();
        return name.Length > 0 ? $"<{name}>" : throw new FormatException("no name");
    }

    private static async ValueTask<int> AddAsync(int a, int b, CancellationToken stop)
    {
        await Task.Delay(1, stop);
        return a + b;
    }

    private static async Task FailAsync(int n)
    {
        await Task.Yield();
        throw new FormatException($"no {n}");
    }

    private static async ValueTask FailValueAsync(int n)
    {
        await Task.Yield();
        throw new FormatException($"no {n}");
    }

    private static ValueTask<int> FourAsync(int a, int b, int c, int d) =>
        ValueTask.FromResult((a * 1000) + (b * 100) + (c * 10) + d);

    private static int Four(int a, int b, int c, int d) =>
        (a * 1000) + (b * 100) + (c * 10) + d;

    private static Task NoTask() => null!;

    private static async Task<int> SquareAsync(int n)
    {
        await Task.Yield();
        return n >= 0 ? n * n : throw new FormatException($"no {n}");
    }

    private static async ValueTask NoteAsync(int n)
    {
        await Task.Yield();
        ArgumentOutOfRangeException.ThrowIfNegative(n);
    }

    private static async IAsyncEnumerable<int> CountAsync(
        int count, [EnumeratorCancellation] CancellationToken token = default)
    {
        for (int i = 0; i < count; ++i)
        {
            await Task.Yield();
            token.ThrowIfCancellationRequested();
            yield return i;
        }
    }

    [Fact]
    public async Task MethodThatReturnsATaskGivesItsResult()
    {
        using Pool pool = NewPool(1);
        Assert.Equal("<a.html>", await pool.SubmitAsync(LoadAsync, "a.html").Soon());
    }

    [Fact]
    public async Task MethodThatReturnsAValueTaskGivesItsResult()
    {
        using Pool pool = NewPool(1);
        Assert.Equal(5, await pool.SubmitAsync(AddAsync, 2, 3).Soon());
        Assert.Equal(1234, await pool.SubmitAsync(FourAsync, 1, 2, 3, 4).Soon());
    }

    [Fact]
    public async Task FourArgumentsArrive()
    {
        using Pool pool = NewPool(1);
        Assert.Equal(1234, await pool.SubmitAsync(Four, 1, 2, 3, 4).Soon());
    }

    [Fact]
    public async Task ExceptionInsideFailsTheTask()
    {
        using Pool pool = NewPool(1);
        await Assert.ThrowsAsync<FormatException>(
            () => pool.SubmitAsync(LoadAsync, "").Soon());
        await Assert.ThrowsAsync<FormatException>(
            () => pool.SubmitAsync(FailAsync, 1).Soon());
        await Assert.ThrowsAsync<FormatException>(
            () => pool.SubmitAsync(FailValueAsync, 1).Soon());
    }

    [Fact]
    public async Task LambdaThatThrowsFailsTheTask()
    {
        using Pool pool = NewPool(1);
        await Assert.ThrowsAsync<FormatException>(
            () => pool.SubmitAsync(static () => throw new FormatException()).Soon());
    }

    [Fact]
    public async Task NullInsteadOfATaskFailsTheTask()
    {
        using Pool pool = NewPool(1);
        await Assert.ThrowsAsync<InvalidOperationException>(
            () => pool.SubmitAsync(NoTask).Soon());
    }

    [Fact]
    public void RunWaitsForAnAsynchronousFunction()
    {
        using Pool pool = NewPool(1);
        Assert.Equal("<x>", pool.Run(LoadAsync, "x"));
        Assert.Equal(5, pool.Run(AddAsync, 2, 3));
        Assert.Throws<FormatException>(() => pool.Run(FailAsync, 1));
        Assert.Throws<FormatException>(() => pool.Run(FailValueAsync, 1));
    }

    [Fact]
    public async Task PostReportsWhatAnAsynchronousFunctionThrew()
    {
        var failures = Channel.CreateUnbounded<Exception>();
        using Pool pool = NewPool(new PoolPlan
        {
            UnobservedFailureHandler = e => failures.Writer.TryWrite(e),
        });
        pool.Post(FailAsync, 1);
        pool.Post(FailValueAsync, 2);
        pool.Post(static async () => { await Task.Yield(); throw new FormatException("no 3"); });
        var messages = new List<string>();
        while (messages.Count < 3)
        {
            Exception e = await failures.Reader.ReadAsync().AsTask().Soon();
            messages.Add(Assert.IsType<FormatException>(e).Message);
        }
        Assert.Equal(["no 1", "no 2", "no 3"], messages.Order());
    }

    [Fact]
    public async Task MapsAwaitAsynchronousFunctions()
    {
        using Pool pool = NewPool(2);
        Assert.Equal([0, 1, 4], pool.Map(SquareAsync, [0, 1, 2]));
        Assert.Equal([0, 1, 4], await pool.MapAllAsync(SquareAsync, [0, 1, 2]).Soon());
        var sums = new List<int>();
        await foreach (int sum in pool.StarmapAsync(AddAsync, [(1, 2), (3, 4)]))
        {
            sums.Add(sum);
        }
        Assert.Equal([3, 7], sums);
        Assert.Equal([1234, 5678], pool.MapAll(FourAsync, [1, 5], [2, 6], [3, 7], [4, 8]));
    }

    [Fact]
    public void MapOfAFunctionWithoutResultGivesItsInputs()
    {
        using Pool pool = NewPool(2);
        Assert.Equal([3, 2, 1], pool.Map(NoteAsync, [3, 2, 1]));
        Assert.Equal(
            [1, 2, 3], pool.MapAll(NoteAsync, [1, 2, 3], new MapOptions { ChunkSize = 2 }));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void ResultsBeforeAnAsynchronousErrorComeOut(int chunkSize)
    {
        using Pool pool = NewPool(1);
        var options = new MapOptions { ChunkSize = chunkSize };
        using (IEnumerator<int> results =
            pool.Map(SquareAsync, [1, 2, -1, 3], options).GetEnumerator())
        {
            Assert.True(results.MoveNext());
            Assert.True(results.MoveNext());
            Assert.Equal(4, results.Current);
            Assert.Throws<FormatException>(() => results.MoveNext());
        }
        using (IEnumerator<int> inputs =
            pool.Map(NoteAsync, [1, 2, -1, 3], options).GetEnumerator())
        {
            Assert.True(inputs.MoveNext());
            Assert.True(inputs.MoveNext());
            Assert.Equal(2, inputs.Current);
            Assert.Throws<ArgumentOutOfRangeException>(() => inputs.MoveNext());
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task MapsTakeAsynchronousInputs(int chunkSize)
    {
        using Pool pool = NewPool(2);
        var options = new MapOptions { ChunkSize = chunkSize };
        Assert.Equal(
            Enumerable.Range(0, 20).Select(Square),
            await ReadAsync(pool.MapAsync(Square, CountAsync(20), options)).Soon());
        Assert.Equal(
            Enumerable.Range(0, 20).Select(Square),
            (await ReadAsync(pool.MapUnorderedAsync(SquareAsync, CountAsync(20), options)).Soon())
                .Order());
        Assert.Equal(
            Enumerable.Range(0, 20),
            await pool.MapAllAsync(NoteAsync, CountAsync(20), options).Soon());
    }

    [Fact]
    public async Task ResultsComeWhileTheNextInputIsUnderWay()
    {
        using Pool pool = NewPool(1);
        var inputs = Channel.CreateUnbounded<int>();
        inputs.Writer.TryWrite(3);
        await using IAsyncEnumerator<int> results =
            pool.MapAsync(Square, inputs.Reader.ReadAllAsync()).GetAsyncEnumerator();
        Assert.True(await results.MoveNextAsync().AsTask().Soon());
        Assert.Equal(9, results.Current);
        inputs.Writer.Complete();
        Assert.False(await results.MoveNextAsync().AsTask().Soon());
    }

    [Fact]
    public async Task AsynchronousInputsAreReadNoFurtherThanTheBuffer()
    {
        using Pool pool = NewPool(1);
        int read = 0;
        async IAsyncEnumerable<int> Endless()
        {
            while (true)
            {
                await Task.CompletedTask;
                yield return Interlocked.Increment(ref read);
            }
        }
        await using IAsyncEnumerator<int> results = pool
            .MapAsync(Square, Endless(), new MapOptions { BufferSize = 3 })
            .GetAsyncEnumerator();
        Assert.True(await results.MoveNextAsync().AsTask().Soon());
        Waiting.Until(() => Volatile.Read(ref read) == 4);
        Assert.True(await results.MoveNextAsync().AsTask().Soon());
        Waiting.Until(() => Volatile.Read(ref read) == 5);
    }

    [Fact]
    public async Task ErrorOfAsynchronousInputsComesAfterTheResults()
    {
        using Pool pool = NewPool(1);
        static async IAsyncEnumerable<int> OneAndAnError()
        {
            yield return 5;
            await Task.Yield();
            throw new FormatException("no more");
        }
        await using IAsyncEnumerator<int> results =
            pool.MapAsync(Square, OneAndAnError()).GetAsyncEnumerator();
        Assert.True(await results.MoveNextAsync().AsTask().Soon());
        Assert.Equal(25, results.Current);
        await Assert.ThrowsAsync<FormatException>(
            () => results.MoveNextAsync().AsTask().Soon());
    }

    [Fact]
    public async Task LeavingAMapEndsItsAsynchronousInputs()
    {
        using Pool pool = NewPool(1);
        var ended = new TaskCompletionSource();
        async IAsyncEnumerable<int> One([EnumeratorCancellation] CancellationToken token = default)
        {
            try
            {
                yield return 1;
                await Task.Delay(Timeout.Infinite, token);
            }
            finally
            {
                ended.SetResult();
            }
        }
        await foreach (int square in pool.MapAsync(Square, One()))
        {
            Assert.Equal(1, square);
            break;
        }
        await ended.Task.Soon();
    }

    [Fact]
    public async Task TokensEndAMapOfAsynchronousInputs()
    {
        using Pool pool = NewPool(1);
        using var source = new CancellationTokenSource();
        var never = Channel.CreateUnbounded<int>();
        Task reading = ReadAsync(pool.MapAsync(
            Square, never.Reader.ReadAllAsync(), cancellationToken: source.Token));
        source.Cancel();
        var error = await Assert.ThrowsAsync<TaskCanceledException>(() => reading.Soon());
        Assert.Equal(source.Token, error.CancellationToken);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => ReadAsync(
            pool.MapAsync(Square, never.Reader.ReadAllAsync()), source.Token).Soon());
    }

    [Fact]
    public async Task TimeoutEndsAMapOfAsynchronousInputs()
    {
        using Pool pool = NewPool(1);
        var never = Channel.CreateUnbounded<int>();
        await Assert.ThrowsAsync<TimeoutException>(() => ReadAsync(pool.MapAsync(
            Square, never.Reader.ReadAllAsync(), new MapOptions { Timeout = Instant })).Soon());
    }

    private static async Task<List<T>> ReadAsync<T>(
        IAsyncEnumerable<T> results, CancellationToken token = default)
    {
        var list = new List<T>();
        await foreach (T result in results.WithCancellation(token))
        {
            list.Add(result);
        }
        return list;
    }
}

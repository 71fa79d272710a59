using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// What the views of every pool do.
public abstract class PoolViewsContract(PoolKind kind) : PoolContract(kind), IDisposable
{
    private readonly SharedGate _gate = new();

    public void Dispose()
    {
        _gate.Dispose();
        GC.SuppressFinalize(this);
    }

    /// A serial view of the pool whose first task waits at the gate.
    private PoolView BusySerial(Pool pool)
    {
        PoolView view = pool.Serial("busy");
        _ = view.SubmitAsync(SharedGate.Pass, _gate.Folder, 0);
        _gate.AwaitArrivals(1);
        return view;
    }

    private static int Record(string folder, int n)
    {
        File.AppendAllText(Path.Combine(folder, "order"), $"{n} ");
        return n;
    }

    private static string OrderIn(string folder) =>
        File.ReadAllText(Path.Combine(folder, "order")).TrimEnd();

    private static string Numbers(int count) => string.Join(' ', Enumerable.Range(0, count));

    [Fact]
    public async Task SerialViewRunsOneAtATime()
    {
        using Pool pool = NewPool(2);
        using var second = new SharedGate();
        PoolView view = BusySerial(pool);
        Task<int> waiting = view.SubmitAsync(SharedGate.Pass, second.Folder, 1);
        Assert.Equal(9, pool.Run(Square, 3));  // a worker was free all the time
        Assert.Equal(0, second.CountArrivals());
        Assert.False(waiting.IsCompleted);
        _gate.Open();
        second.AwaitArrivals(1);
        second.Open();
        Assert.Equal(1, await waiting.Soon());
    }

    [Fact]
    public async Task SerialViewKeepsTheOrderOfSubmission()
    {
        using Pool pool = NewPool(3);
        PoolView view = pool.Serial();
        await Task.WhenAll(Enumerable.Range(0, 100).Select(
            i => view.SubmitAsync(Record, _gate.Folder, i))).Soon();
        Assert.Equal(Numbers(100), OrderIn(_gate.Folder));
    }

    [Fact]
    public async Task LimitedViewRunsSoManyAtOnceAndNoMore()
    {
        using Pool pool = NewPool(3);
        PoolView view = pool.Limited(2);
        Task<int>[] tasks = [.. Enumerable.Range(0, 4).Select(
            i => view.SubmitAsync(SharedGate.Pass, _gate.Folder, i))];
        _gate.AwaitArrivals(2);
        Assert.Equal(9, pool.Run(Square, 3));
        Assert.Equal(0, _gate.CountArrivals());
        PoolStats stats = pool.Stats();
        Assert.Equal(2, stats.Pending);
        Assert.Equal(2, stats.Running);
        _gate.Open();
        var results = await Task.WhenAll(tasks).Soon();
        Assert.Equal([0, 1, 2, 3], results);
    }

    [Fact]
    public void LimitBelowOneIsRefusedByItsName()
    {
        using Pool pool = NewPool(1);
        foreach (int n in new[] { 0, -1 })
        {
            var error = Assert.Throws<ArgumentOutOfRangeException>(() => pool.Limited(n));
            Assert.Contains($"n is {n}; it must be at least 1", error.Message);
        }
    }

    [Fact]
    public void ViewTellsItsNameAndLimit()
    {
        using Pool pool = NewPool(1);
        Assert.Equal("mail", pool.Serial("mail").Name);
        Assert.Equal(1, pool.Serial().Limit);
        Assert.Equal(7, pool.Limited(7).Limit);
    }

    [Fact]
    public async Task ViewGoesToTheBackOfTheQueueEachTime()
    {
        using Pool pool = NewPool(1);
        Occupy(pool, _gate);
        PoolView view = pool.Serial();
        using var order = new SharedGate();
        List<Task<int>> tasks =
        [
            .. new[] { 1, 2, 3 }.Select(i => view.SubmitAsync(Record, order.Folder, i)),
            .. new[] { 11, 12 }.Select(i => pool.SubmitAsync(Record, order.Folder, i)),
        ];
        _gate.Open();
        await Task.WhenAll(tasks).Soon();
        Assert.Equal("1 11 12 2 3", OrderIn(order.Folder));
    }

    [Fact]
    public async Task FailedTaskPassesItsPlaceOn()
    {
        using Pool pool = NewPool(2);
        PoolView view = pool.Serial();
        Task<int> failing = view.SubmitAsync(ThrowFormatException);
        Assert.Equal(25, await view.SubmitAsync(Square, 5).Soon());
        await Assert.ThrowsAsync<FormatException>(() => failing.Soon());
    }

    [Fact]
    public async Task WaitingTaskIsCancelledAtOnce()
    {
        using Pool pool = NewPool(2);
        PoolView view = BusySerial(pool);
        using var source = new CancellationTokenSource();
        Task<int> cancelled = view.SubmitAsync(Square, 2, source.Token);
        Task<int> kept = view.SubmitAsync(Square, 3);
        source.Cancel();
        Waiting.Until(() => cancelled.IsCanceled);
        PoolStats stats = pool.Stats();
        Assert.Equal(1, stats.Cancelled);
        Assert.Equal(1, stats.Pending);
        Assert.Equal(3, stats.Submitted);
        _gate.Open();
        Assert.Equal(9, await kept.Soon());
    }

    [Fact]
    public async Task CancelledTaskInTheQueuePassesItsPlaceOn()
    {
        using Pool pool = NewPool(1);
        Occupy(pool, _gate);
        PoolView view = pool.Serial();
        using var source = new CancellationTokenSource();
        _ = view.SubmitAsync(Square, 2, source.Token);
        Task<int> second = view.SubmitAsync(Square, 3);
        source.Cancel();
        _gate.Open();
        Assert.Equal(9, await second.Soon());
    }

    [Fact]
    public async Task CountsWhatWaitsAsPending()
    {
        using Pool pool = NewPool(2);
        PoolView view = BusySerial(pool);
        Task<int>[] tasks =
            [.. Enumerable.Range(0, 3).Select(i => view.SubmitAsync(Square, i))];
        PoolStats stats = pool.Stats();
        Assert.Equal(4, stats.Submitted);
        Assert.Equal(3, stats.Pending);
        Assert.Equal(1, stats.Running);
        _gate.Open();
        await Task.WhenAll(tasks).Soon();
        Waiting.Until(() => pool.Stats().Completed == 4);
        Assert.Equal(0, pool.Stats().Pending);
    }

    [Fact]
    public void JoinWaitsForWhatWaits()
    {
        using Pool pool = NewPool(2);
        PoolView view = BusySerial(pool);
        Task<int> waiting = view.SubmitAsync(Square, 2);
        Assert.False(pool.Join(TimeSpan.FromMilliseconds(20)));
        _gate.Open();
        Assert.True(pool.Join(Gate.Limit));
        Assert.Equal(2, pool.Stats().Completed);
    }

    [Fact]
    public async Task ShutdownCancelsWhatWaitsAndHandsItBack()
    {
        using Pool other = NewPool(1);
        using Pool pool = NewPool(2);
        using var touched = new SharedGate();
        PoolView view = BusySerial(pool);
        Task<int>[] waiting = [.. Enumerable.Range(0, 3).Select(
            i => view.SubmitAsync(SharedGate.Touch, touched.Folder, i))];
        Task closed = pool.ShutdownAsync();
        Waiting.Until(() => waiting.All(task => task.IsCanceled));
        _gate.Open();
        await closed.Soon();
        IReadOnlyList<CancelledTask> tasks = pool.TakeCancelledTasks();
        Assert.Equal(3, tasks.Count);
        foreach (CancelledTask task in tasks)
        {
            other.Post(task);
        }
        touched.AwaitArrivals(3);
    }

    [Fact]
    public async Task DrainRunsWhatWaits()
    {
        using Pool pool = NewPool(2);
        PoolView view = BusySerial(pool);
        Task<int>[] waiting =
            [.. Enumerable.Range(0, 5).Select(i => view.SubmitAsync(Square, i))];
        Task closed = pool.ShutdownAsync(Drain);
        Waiting.Until(() => pool.IsClosed);
        Assert.Throws<ObjectDisposedException>(() => { _ = view.SubmitAsync(Square, 9); });
        _gate.Open();
        await closed.Soon();
        var results = await Task.WhenAll(waiting).Soon();
        Assert.Equal([0, 1, 4, 9, 16], results);
    }

    [Fact]
    public void ViewOutlivesItsPoolAndRefusesTasks()
    {
        Pool pool = NewPool(1);
        PoolView view = pool.Serial();
        pool.Dispose();
        Assert.Throws<ObjectDisposedException>(() => { _ = view.SubmitAsync(Square, 2); });
        Assert.Throws<ObjectDisposedException>(() => view.Post(DoNothing));
    }

    [Fact]
    public async Task TasksOutliveTheirView()
    {
        using Pool pool = NewPool(2);
        Task<int> last = SubmitToAViewThatGoes(pool);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        _gate.Open();
        Assert.Equal(9, await last.Soon());
    }

    // By itself, so that no variable of the test keeps the view.
    [System.Runtime.CompilerServices.MethodImpl(
        System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private Task<int> SubmitToAViewThatGoes(Pool pool)
    {
        PoolView view = BusySerial(pool);
        _ = view.SubmitAsync(Square, 2);
        return view.SubmitAsync(Square, 3);
    }

    [Fact]
    public async Task FullPoolCountsWhatWaits()
    {
        using Pool pool = NewPool(
            new PoolPlan { MaxPending = 2, WhenFull = WhenFull.Reject });
        PoolView view = BusySerial(pool);
        _ = view.SubmitAsync(Square, 2);
        Task<int> second = view.SubmitAsync(Square, 3);
        Assert.Throws<RejectedException>(() => { _ = view.SubmitAsync(Square, 4); });
        Assert.Throws<RejectedException>(() => { _ = pool.SubmitAsync(Square, 4); });
        Assert.Equal(2, pool.Stats().Rejected);
        _gate.Open();
        Assert.Equal(9, await second.Soon());
    }

    [Fact]
    public async Task FullPoolBlocksASubmissionToAView()
    {
        using Pool pool = NewPool(new PoolPlan { MaxPending = 1 });
        PoolView view = BusySerial(pool);
        _ = view.SubmitAsync(Square, 2);
        Task<Task<int>> second = Task.Factory.StartNew(
            () => view.SubmitAsync(Square, 3),
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default);
        Assert.Equal(1, pool.Stats().Pending);
        _gate.Open();
        Assert.Equal(9, await (await second.Soon()).Soon());
    }

    [Fact]
    public async Task OldestMakesRoomAlsoWhereItWaitsInAView()
    {
        using Pool pool = NewPool(
            new PoolPlan { MaxPending = 2, WhenFull = WhenFull.DropOldest });
        PoolView view = BusySerial(pool);
        Task<int> first = view.SubmitAsync(Square, 2);
        Task<int> second = view.SubmitAsync(Square, 3);
        Task<int> third = view.SubmitAsync(Square, 4);
        await Assert.ThrowsAsync<RejectedException>(() => first.Soon());
        _gate.Open();
        Assert.Equal(16, await third.Soon());
        Assert.Equal(9, await second.Soon());
    }

    [Fact]
    public async Task QueueDeadlineCountsFromTheSubmission()
    {
        using Pool pool = NewPool(2);
        PoolView view = BusySerial(pool);
        Task late = view.SubmitAsync(
            Square, 2, options: new TaskOptions { QueueDeadline = Instant });
        await AssertTimesOut(late);
        Assert.Equal(1, pool.Stats().Expired);
        _gate.Open();
        Assert.Equal(9, await view.SubmitAsync(Square, 3).Soon());
    }

    [Fact]
    public void ViewRunsPostsAndMaps()
    {
        using Pool pool = NewPool(2);
        PoolView view = pool.Limited(2);
        view.Post(DoNothing);
        Assert.Equal(16, view.Run(Square, 4));
        Assert.Equal([0, 1, 4, 9, 16], view.MapAll(Square, [0, 1, 2, 3, 4]));
        Assert.Equal([0, 1, 4], view.Map(Square, [0, 1, 2]));
        Assert.True(pool.Join(Gate.Limit));
        Assert.Equal(1 + 1 + 5 + 3, pool.Stats().Completed);
    }

    private static async Task<int> SquareAsync(int n)
    {
        await Task.Yield();
        return n * n;
    }

    [Fact]
    public async Task ViewRunsAsynchronousFunctions()
    {
        using Pool pool = NewPool(2);
        PoolView view = pool.Serial();
        Assert.Equal(16, await view.SubmitAsync(SquareAsync, 4).Soon());
        Assert.Equal([0, 1, 4], await view.MapAllAsync(SquareAsync, [0, 1, 2]).Soon());
    }

    [Fact]
    public async Task OneKeyRunsOneAtATimeAndKeysSideBySide()
    {
        using Pool pool = NewPool(3);
        KeyedPool<string> keyed = pool.Keyed<string>();
        using var a = new SharedGate();
        using var b = new SharedGate();
        var tasks = new List<Task<int>>();
        for (int i = 0; i < 2; ++i)
        {
            tasks.Add(keyed.SubmitAsync("a", SharedGate.Pass, a.Folder, i));
            tasks.Add(keyed.SubmitAsync("b", SharedGate.Pass, b.Folder, i));
        }
        a.AwaitArrivals(1);
        b.AwaitArrivals(1);
        Assert.Equal(9, pool.Run(Square, 3));
        Assert.Equal(0, a.CountArrivals());
        Assert.Equal(0, b.CountArrivals());
        a.Open();
        b.Open();
        var results = await Task.WhenAll(tasks).Soon();
        Assert.Equal([0, 0, 1, 1], results);
    }

    [Fact]
    public async Task KeyKeepsTheOrderOfSubmission()
    {
        using Pool pool = NewPool(3);
        KeyedPool<int> keyed = pool.Keyed<int>();
        SharedGate[] orders = [.. Enumerable.Range(0, 5).Select(_ => new SharedGate())];
        var tasks = new List<Task<int>>();
        for (int i = 0; i < 20; ++i)
        {
            for (int key = 0; key < orders.Length; ++key)
            {
                tasks.Add(keyed.SubmitAsync(key, Record, orders[key].Folder, i));
            }
        }
        await Task.WhenAll(tasks).Soon();
        foreach (SharedGate order in orders)
        {
            Assert.Equal(Numbers(20), OrderIn(order.Folder));
            order.Dispose();
        }
    }

    [Fact]
    public void KeyHasAViewOfItsOwn()
    {
        using Pool pool = NewPool(2);
        KeyedPool<string> keyed = pool.Keyed<string>();
        keyed.Post("a", DoNothing);
        Assert.Equal(9, keyed.Run("a", Square, 3));
        Assert.Equal([0, 1, 4], keyed.Key("a").MapAll(Square, [0, 1, 2]));
        Assert.True(pool.Join(Gate.Limit));
    }

    // --- With what else tasks may have ---

    [Fact]
    public async Task ShutdownRunsWhatIsToFinish()
    {
        using Pool pool = NewPool(2);
        PoolView view = BusySerial(pool);
        Task<int> cancelled = view.SubmitAsync(Square, 2);
        Task<int> finished = view.SubmitAsync(
            Square, 3, options: new TaskOptions { AtShutdown = AtShutdown.Finish });
        Task closed = pool.ShutdownAsync();
        Waiting.Until(() => cancelled.IsCanceled);
        _gate.Open();
        await closed.Soon();
        Assert.Equal(9, await finished.Soon());
    }

    [Fact]
    public async Task PausedPoolBeginsNothingOfAView()
    {
        using Pool pool = NewPool(2);
        PoolView view = BusySerial(pool);
        Task<int> next = view.SubmitAsync(Square, 3);
        using (ExecutionFence fence = pool.Pause())
        {
            _gate.Open();
            Assert.True(await fence.WaitForQuietAsync(Gate.Limit));
            Assert.Equal(1, pool.Stats().Pending);
        }
        Assert.Equal(9, await next.Soon());
    }
}

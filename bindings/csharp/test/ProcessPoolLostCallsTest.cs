using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Reflection;
using System.Threading;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// What a worker that is lost in the middle of a map's chunk, or a result that can't be
/// sent, costs: one call.
public class ProcessPoolLostCallsTest() : PoolContract(new Processes())
{
    private static readonly int[] Ten = [.. Enumerable.Range(0, 10)];

    private static MapOptions Whole => new() { ChunkSize = 10 };

    private static MapOptions Skipping => new() { ChunkSize = 10, OnError = OnError.Skip };

    private static (int, int)[] Pairs => [.. Ten.Select(n => (n, 0))];

    // --- In workers ---

    private static int Die()
    {
        Process.GetCurrentProcess().Kill();
        Thread.Sleep(Timeout.Infinite);
        return 0;
    }

    private static bool HasUnsent() =>
        (bool)typeof(Pool).Assembly.GetType("Asyncpal.Internal.HostedWorker")!
            .GetMethod("HasUnsent", BindingFlags.Static | BindingFlags.Public)!
            .Invoke(null, null)!;

    /// When the results before this call are out.
    private static int DieOnceSent()
    {
        Waiting.Until(() => !HasUnsent());
        return Die();
    }

    private static int DieAtFour(int n) => n == 4 ? Die() : n;

    private static int DieAtFourOnceSent(int n) => n == 4 ? DieOnceSent() : n;

    private static int DieAtFourOfTwo(int n, int other) => DieAtFourOnceSent(n) + other;

    private static async Task<int> DieAtFourLater(int n)
    {
        // On the worker's own thread, which knows what is sent.
        int result = DieAtFourOnceSent(n);
        await Task.Yield();
        return result;
    }

    private static async Task DieAtFourWithoutResult(int n) => await DieAtFourLater(n);

    private static int DieAtMultiplesOfFour(int n) => n % 4 == 0 ? DieOnceSent() : n;

    private static int FailOrDie(int n) =>
        n == 1 ? throw new FormatException("one is not enough") : DieAtFourOnceSent(n);

    private static int FailOrDieOfTwo(int n, int other) => FailOrDie(n) + other;

    private static int PassThenDie(int n, string folder) =>
        DieAtFourOnceSent(n > 4 ? SharedGate.Pass(folder, n) : n);

    // --- The caller ---

    private static IEnumerable<int> LostOf<T>(IEnumerable<Settled<T>> settled) =>
        IndexesOf<T, WorkerLostException>(settled);

    private static IEnumerable<int> IndexesOf<T, TError>(IEnumerable<Settled<T>> settled) =>
        settled.Where(one => one.Exception is TError).Select(one => one.Index);

    private static void CheckOthers(IReadOnlyList<Settled<int>> settled)
    {
        Assert.Equal(Ten, settled.Select(one => one.Index));
        Assert.All(
            settled.Where(one => one.IsOk), one => Assert.Equal(one.Index, one.Value));
    }

    private sealed class Reports : IProgress<MapProgress>
    {
        private readonly List<MapProgress> _all = [];

        public MapProgress Last
        {
            get
            {
                lock (_all)
                {
                    return _all[^1];
                }
            }
        }

        public void Report(MapProgress value)
        {
            lock (_all)
            {
                _all.Add(value);
            }
        }
    }

    [Fact]
    public void CallsBehindTheLostOneRunElsewhere()
    {
        using Pool pool = NewPool(2);
        IReadOnlyList<Settled<int>> settled = pool.MapSettledAll(DieAtFour, Ten, Whole);
        CheckOthers(settled);
        int[] lost = [.. LostOf(settled)];
        Assert.Contains(4, lost);
        Assert.All(lost, index => Assert.InRange(index, 0, 4));
    }

    [Fact]
    public void EverySettlingMapKeepsWhatWasSent()
    {
        using Pool pool = NewPool(2);
        Func<MapOptions, IEnumerable<Settled<int>>>[] forms = [
            options => pool.MapSettled(DieAtFourOnceSent, Ten, options),
            options => pool.MapSettled(DieAtFourLater, Ten, options),
            options => pool.MapSettled(DieAtFourWithoutResult, Ten, options),
            options => pool.MapSettledAll(DieAtFourOnceSent, Ten, options),
            options => pool.StarmapSettled(DieAtFourOfTwo, Pairs, options),
            options => pool.StarmapSettledAll(DieAtFourOfTwo, Pairs, options),
            options => pool.MapSettledAsync(DieAtFourOnceSent, Ten, options)
                .ToBlockingEnumerable(),
            options => pool.MapSettledAsync(DieAtFourOnceSent, Later(), options)
                .ToBlockingEnumerable(),
            options => pool.MapSettledAllAsync(DieAtFourOnceSent, Ten, options)
                .GetAwaiter().GetResult(),
        ];
        foreach (Func<MapOptions, IEnumerable<Settled<int>>> form in forms)
        {
            var told = new Reports();
            var settled =
                form(new MapOptions { ChunkSize = 10, Progress = told }).ToList();
            CheckOthers(settled);
            Assert.Equal([4], LostOf(settled));
            Assert.True(told.Last is { Done: 9, Failed: 1 }, $"{told.Last}");
        }
    }

    private static async IAsyncEnumerable<int> Later()
    {
        foreach (int n in Ten)
        {
            await Task.Yield();
            yield return n;
        }
    }

    [Fact]
    public void EverySkippingMapLeavesOutTheLostCall()
    {
        using Pool pool = NewPool(2);
        Func<MapOptions, IEnumerable<int>>[] forms = [
            options => pool.Map(FailOrDie, Ten, options),
            options => pool.MapUnordered(FailOrDie, Ten, options),
            options => pool.MapAll(FailOrDie, Ten, options),
            options => pool.MapAllUnordered(FailOrDie, Ten, options),
            options => pool.Starmap(FailOrDieOfTwo, Pairs, options),
            options => pool.StarmapUnordered(FailOrDieOfTwo, Pairs, options),
            options => pool.StarmapAll(FailOrDieOfTwo, Pairs, options),
            options => pool.StarmapAllUnordered(FailOrDieOfTwo, Pairs, options),
            options => pool.MapAsync(FailOrDie, Ten, options).ToBlockingEnumerable(),
            options => pool.MapAsync(FailOrDie, Later(), options).ToBlockingEnumerable(),
            options => pool.MapUnorderedAsync(FailOrDie, Later(), options)
                .ToBlockingEnumerable(),
        ];
        foreach (Func<MapOptions, IEnumerable<int>> form in forms)
        {
            var told = new Reports();
            var options = new MapOptions
            {
                ChunkSize = 10,
                OnError = OnError.Skip,
                Progress = told,
            };
            Assert.Equal([0, 2, 3, 5, 6, 7, 8, 9], form(options));
            Assert.True(told.Last is { Done: 8, Failed: 2 }, $"{told.Last}");
        }
    }

    [Fact]
    public async Task ProgressIsToldOfTheLostCallsBeforeTheRest()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        var told = new Reports();
        Task<IReadOnlyList<Settled<int>>> map = pool.StarmapSettledAllAsync(
            PassThenDie,
            Ten.Select(n => (n, gate.Folder)),
            new MapOptions { ChunkSize = 10, Progress = told });
        gate.AwaitArrivals(1);
        Waiting.Until(() => told.Last is { Done: 4, Failed: 1 });
        gate.Open();
        CheckOthers(await map.Soon());
        Assert.True(told.Last is { Done: 9, Failed: 1 }, $"{told.Last}");
    }

    [Fact]
    public void TheRestIsOneMoreTask()
    {
        using Pool pool = NewPool(1);
        Assert.Equal([4], LostOf(pool.MapSettledAll(DieAtFourOnceSent, Ten, Whole)));
        // As in C++: the lost chunk has results, and so its task is no failure.
        PoolStats stats = pool.Stats();
        Assert.Equal(
            (2, 2, 0, 1),
            (stats.Submitted, stats.Completed, stats.Failed, stats.WorkersLost));
    }

    [Fact]
    public void MapGoesOnInItsOrder()
    {
        using Pool pool = NewPool(2);
        List<Settled<int>> settled = [.. pool.MapSettled(
            DieAtFourOnceSent, Ten, new MapOptions { ChunkSize = 3, BufferSize = 2 })];
        CheckOthers(settled);
        Assert.Equal([4], LostOf(settled));
    }

    [Fact]
    public void ChunkMayLoseSeveralWorkers()
    {
        using Pool pool = NewPool(1);
        IReadOnlyList<Settled<int>> settled =
            pool.MapSettledAll(DieAtMultiplesOfFour, Ten, Whole);
        CheckOthers(settled);
        Assert.Equal([0, 4, 8], LostOf(settled));
    }

    [Fact]
    public void ChunksOfAutomaticSizesGoOn()
    {
        using Pool pool = NewPool(2);
        var options = new MapOptions { ChunkSize = 0, OnError = OnError.Skip };
        Assert.Equal(
            [1, 2, 3, 5, 6, 7, 9, 10],
            pool.MapAllUnordered(DieAtMultiplesOfFour, Enumerable.Range(1, 10), options)
                .Order());
        int[] many = [.. Enumerable.Range(0, 1000)];
        Assert.Equal(many, pool.MapAll(static n => n, many, options));
    }

    [Fact]
    public void OtherFailuresInTheChunkStay()
    {
        using Pool pool = NewPool(1);
        IReadOnlyList<Settled<int>> settled = pool.MapSettledAll(FailOrDie, Ten, Whole);
        CheckOthers(settled);
        Assert.Equal([1], IndexesOf<int, FormatException>(settled));
        Assert.Equal([4], LostOf(settled));
    }

    [Fact]
    public void RaisingMapEndsWithTheLoss()
    {
        using Pool pool = NewPool(2);
        Assert.Throws<WorkerLostException>(() => pool.MapAll(DieAtFour, Ten, Whole));
    }

    [Fact]
    public void MapOfAViewGoesOnInTheView()
    {
        using Pool pool = NewPool(2);
        IReadOnlyList<Settled<int>> settled = pool.Serial("one at a time").MapSettledAll(
            DieAtFourOnceSent, Ten, new MapOptions { ChunkSize = 5 });
        CheckOthers(settled);
        Assert.Equal([4], LostOf(settled));
    }

    private static int PassFirst(int n, string folder) =>
        DieAtFourOnceSent(n == 0 ? SharedGate.Pass(folder, n) : n);

    [Fact]
    public async Task PoolThatIsShutDownDoesNotBeginTheRest()
    {
        using Pool pool = NewPool(1);
        using var gate = new SharedGate();
        var told = new Reports();
        Task<IReadOnlyList<Settled<int>>> map = pool.StarmapSettledAllAsync(
            PassFirst,
            Ten.Select(n => (n, gate.Folder)),
            new MapOptions { ChunkSize = 10, Progress = told });
        gate.AwaitArrivals(1);
        Task shutdown = Task.Run(() => pool.Shutdown());
        Waiting.Until(() => pool.IsClosed);
        gate.Open();
        IReadOnlyList<Settled<int>> settled = await map.Soon();
        CheckOthers(settled);
        Assert.Equal([4, 5, 6, 7, 8, 9], LostOf(settled));
        Assert.True(told.Last is { Done: 4, Failed: 6 }, $"{told.Last}");
        await shutdown.Soon();
    }

    // --- What can't be sent or read ---

    public sealed class Fragile
    {
        public int Number { get; set; }

        /// Can't be written if it is 2.
        public int Checked
        {
            get => Number == 2 ? throw new FormatException("two is fragile") : Number;
            set => Number = value;
        }
    }

    private static Fragile ToFragile(int n) => new() { Number = n };

    [Fact]
    public void ResultThatCanNotBeSentIsTheOnlyOneLost()
    {
        using Pool pool = NewPool(2);
        IReadOnlyList<Settled<Fragile>> settled = pool.MapSettledAll(ToFragile, Ten, Whole);
        Assert.Equal(
            [2],
            settled.Where(one => !one.IsOk).Select(one => one.Index));
        Assert.Equal(9, settled[9].Value!.Number);
        Assert.Equal(
            [0, 1, 3, 4, 5, 6, 7, 8, 9],
            pool.MapAll(ToFragile, Ten, Skipping).Select(one => one.Number));
    }

    private static string Grow(int n) => new('x', n == 4 ? 30_000 : 10);

    [Fact]
    public void ResultsBeyondTheLimitAreLostOneByOne()
    {
        using var pool = new ProcessPool(
            new ProcessPoolOptions { MaxWorkers = 1, MaxPayloadBytes = 20_000 });
        IReadOnlyList<Settled<string>> settled = pool.MapSettledAll(Grow, Ten, Whole);
        Assert.Equal([4], IndexesOf<string, SerializationException>(settled));
        Assert.Equal(new string('x', 10), settled[9].Value);
    }

    public sealed class NotThree
    {
        public int Number { get; set; }

        /// Can't be read if it is 3.
        public int Checked
        {
            get => Number;
            set => Number = value == 3 ? throw new FormatException("not three") : value;
        }
    }

    private static int Add(NotThree first, int second) => first.Number + second;

    /// The calls behind it in the chunk find their own.
    [Fact]
    public void ArgumentThatCanNotBeReadCostsItsCall()
    {
        using Pool pool = NewPool(1);
        IReadOnlyList<Settled<int>> settled = pool.StarmapSettledAll(
            Add, Ten.Select(n => (new NotThree { Number = n }, n * 10)), Whole);
        Assert.Equal([3], settled.Where(one => !one.IsOk).Select(one => one.Index));
        Assert.Equal(44, settled[4].Value);
        Assert.Equal(99, settled[9].Value);
    }
}

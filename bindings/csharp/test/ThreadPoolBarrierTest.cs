using System;
using System.Diagnostics;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// <summary>Every task of a pool gets a worker if there is room for one.</summary>
public class ThreadPoolBarrierTest
{
    private const int Rounds = 20_000;
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(6);

    // A worker that had just taken a task still counted as on its way to the
    // queue: a submission in that moment woke nobody.
    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(8)]
    public async Task AsManyTasksAsWorkersAlwaysMeet(int workers)
    {
        using var pool = new ThreadPool(workers);
        using var barrier = new Barrier(workers);
        var watch = Stopwatch.StartNew();
        for (int round = 0; round < Rounds && watch.Elapsed < s_limit; round++)
        {
            Task<bool>[] tasks = Enumerable.Range(0, workers)
                .Select(_ => pool.SubmitAsync(() => barrier.SignalAndWait(Gate.Limit)))
                .ToArray();
            bool[] met = await Task.WhenAll(tasks);
            Assert.True(met.All(static one => one), $"in round {round}");
        }
    }
}

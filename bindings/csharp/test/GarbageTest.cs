using System;
using System.Linq;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// Callbacks from native threads while the garbage collector runs.
public class GarbageTest
{
    [Fact]
    public async Task MillionTasksSurviveCollectionsAndLeaveNothingBehind()
    {
        using var pool = new ThreadPool(2);
        long before = await RunTasks(pool, 100_000);
        long after = await RunTasks(pool, 1_000_000);
        Assert.Equal(1_100_000, pool.Stats().Completed);
        // A task that stayed would be 100 bytes at the very least.
        Assert.True(after - before < 10_000_000, $"{before} bytes became {after}");
    }

    private static async Task<long> RunTasks(ThreadPool pool, int count)
    {
        const int Batch = 1_000;
        long sum = 0;
        for (int start = 0; start < count; start += Batch)
        {
            Task<int>[] tasks = [.. Enumerable.Range(0, Batch).Select(
                i => pool.SubmitAsync(() => i))];
            GC.Collect(start % 50_000 == 0 ? GC.MaxGeneration : 0);
            sum += (await Task.WhenAll(tasks).Soon()).Sum(i => (long)i);
        }
        Assert.Equal((long)count / Batch * Enumerable.Range(0, Batch).Sum(i => (long)i), sum);
        return GC.GetTotalMemory(forceFullCollection: true);
    }
}

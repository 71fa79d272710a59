using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using System.Threading.Tasks;
using Asyncpal;

namespace Asyncpal.Benchmarks;

/// Measures the pools beside .NET's own, in turns, so that what else the machine
/// does hits all of them. Compare ratios, not runs.
internal static class Compare
{
    private const int Tasks = 1_000_000;
    private const int RoundTrips = 2_000;
    private const int Rounds = 7;

    // To see whether it runs: so much less of everything.
    private const int SmokeDivisor = 1_000;

    private static readonly ThreadPool Threads = new(Environment.ProcessorCount);
    private static readonly ThreadPool Continuing = new(new ThreadPoolOptions
    {
        MaxWorkers = Environment.ProcessorCount,
        AllowContinuationsOnWorkers = true,
    });

    private static readonly ProcessPool Processes = new(1);

    private static readonly List<(string Name, int Count, Func<int, Task> Run)> Cases = [
        ("Task.Run, await all", Tasks, n => AwaitAll(n, () => Task.Run(Nothing))),
        ("ThreadPool.SubmitAsync, await all", Tasks,
            n => AwaitAll(n, () => Threads.SubmitAsync(Nothing))),
        ("Task.Run, one by one", RoundTrips, n => OneByOne(n, () => Task.Run(Nothing))),
        ("ThreadPool.SubmitAsync, one by one", RoundTrips,
            n => OneByOne(n, () => Threads.SubmitAsync(Nothing))),
        ("the same, AllowContinuationsOnWorkers", RoundTrips,
            n => OneByOne(n, () => Continuing.SubmitAsync(Nothing))),
        ("ProcessPool.SubmitAsync, one by one", RoundTrips,
            n => OneByOne(n, () => Processes.SubmitAsync(static () => 1))),
    ];

    private static async Task<int> Main(string[] args)
    {
        bool smoke = args is ["--smoke"];
        if (args.Length > 0 && !smoke)
        {
            Console.Error.WriteLine($"unknown: {string.Join(' ', args)}\nusage: compare [--smoke]");
            return 2;
        }
        await Measure(smoke ? 1 : Rounds, smoke ? SmokeDivisor : 1);
        return 0;
    }

    private static async Task Measure(int rounds, int divisor)
    {
        var times = Cases.Select(_ => new List<double>()).ToArray();
        // The first round is the just-in-time compiler's.
        for (int round = 0; round <= rounds; ++round)
        {
            for (int i = 0; i < Cases.Count; ++i)
            {
                int count = Cases[i].Count / divisor;
                GC.Collect();
                long start = Stopwatch.GetTimestamp();
                await Cases[i].Run(count);
                if (round > 0)
                {
                    times[i].Add(
                        Stopwatch.GetElapsedTime(start).TotalNanoseconds / count);
                }
            }
        }
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{"per task, median of rounds",-40} {"ns",10}  ratio"));
        double reference = 0;
        for (int i = 0; i < Cases.Count; ++i)
        {
            double median = times[i].Order().ElementAt(rounds / 2);
            if (Cases[i].Name.StartsWith("Task.Run", StringComparison.Ordinal))
            {
                reference = median;
            }
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{Cases[i].Name,-40} {median,10:0}  {median / reference:0.00}"));
        }
    }

    private static int Nothing() => 1;

    private static async Task AwaitAll(int count, Func<Task<int>> start)
    {
        var tasks = new Task<int>[count];
        for (int i = 0; i < count; ++i)
        {
            tasks[i] = start();
        }
        foreach (Task<int> task in tasks)
        {
            await task;
        }
    }

    private static async Task OneByOne(int count, Func<Task<int>> start)
    {
        for (int i = 0; i < count; ++i)
        {
            await start();
        }
    }
}

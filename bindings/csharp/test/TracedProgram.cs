using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Asyncpal;

namespace Asyncpal.Tests;

/// What trace_test.py wants to see in a trace. With an argument it traces into that file
/// itself, amid its pools; otherwise its environment may say so.
internal static class TracedProgram
{
    private static void Main(string[] args)
    {
        using (var threads = new ThreadPool(
            new ThreadPoolOptions { MaxWorkers = 2, Name = "threads" }))
        using (var processes = new ProcessPool(
            new ProcessPoolOptions { MaxWorkers = 1, Name = "processes" }))
        {
            if (args.Length == 0)
            {
                Use(threads, processes);
            }
            else
            {
                TraceAmid(threads, processes, args[0]);
            }
        }
        Console.WriteLine("done");
    }

    private static void TraceAmid(ThreadPool threads, ProcessPool processes, string file)
    {
        using var gate = new ManualResetEventSlim();
        var before = new List<Task<int>>();
        for (int i = 0; i < 2; ++i)
        {
            before.Add(threads.SubmitAsync(() => gate.Wait(TimeSpan.FromSeconds(60)) ? 1 : 0));
        }
        for (int i = 0; i < 100; ++i)
        {
            before.Add(threads.SubmitAsync(() => 1));
        }
        Expect<IOException>("/nowhere/run.json", () => Trace.Start("/nowhere/run.json"));
        using (Trace.Start(file))
        {
            Expect<InvalidOperationException>(
                "there is a trace already", () => Trace.Start(file));
            // Behind those that wait in .NET.
            Task<int> behind = threads.SubmitAsync(() => 1);
            gate.Set();
            Check(behind.Result == 1, "it has another result");
            Use(threads, processes);
            Check(before.All(one => one.Result == 1), "an earlier one is lost");
        }
        Trace.Stop();  // nothing
        threads.SubmitAsync(() => 1, options: Named("afterwards")).Wait();
    }

    private static void Use(ThreadPool threads, ProcessPool processes)
    {
        List<Task<int>> doubled = [.. Enumerable.Range(0, 20).Select(
            n => threads.SubmitAsync(() => 2 * n, options: Named("double")))];
        Check(doubled.Select(one => one.Result).Sum() == 380, "it has another result");
        List<Task> unnamed = [.. Enumerable.Range(0, 100).Select(
            n => threads.SubmitAsync(() => { }))];
        Task.WaitAll(unnamed);
        Task.Factory.StartNew(
            () => { },
            CancellationToken.None,
            TaskCreationOptions.None,
            threads.AsTaskScheduler()).Wait();
        Check(threads.Run(() => threads.SubmitAsync(() => 7).Result) == 7, "it does not nest");
        Check(threads.MapAll(n => n + 1, [1, 2, 3, 4]).Count() == 4, "it has another size");
        Check(
            processes.SubmitAsync(static () => 3, options: Named("remote")).Result == 3, "no 3");
        try
        {
            processes.SubmitAsync(static () => Environment.Exit(42)).Wait();
            Check(false, "it lives");
        }
        catch (AggregateException e)
        {
            Check(e.InnerException is WorkerLostException, $"it failed: {e}");
        }
    }

    private static TaskOptions Named(string name) => new() { Name = name };

    private static void Expect<T>(string part, Action action)
        where T : Exception
    {
        try
        {
            action();
        }
        catch (T e)
        {
            Check(e.Message.Contains(part, StringComparison.Ordinal), e.Message);
            return;
        }
        Check(false, $"no {typeof(T)}");
    }

    private static void Check(bool holds, string message)
    {
        if (!holds)
        {
            throw new InvalidOperationException(message);
        }
    }
}

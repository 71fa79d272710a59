using System;
using System.IO;
using System.Threading;
using System.Threading.Tasks;
using Asyncpal;

namespace Asyncpal.Tests;

/// Ends in one of several ways, while tasks run in pools of both kinds. What its
/// worker is, it prints before.
internal static class ExitProgram
{
    private static int Main(string[] args)
    {
        GlobalShutdown.SetDeadline(TimeSpan.FromSeconds(1));
        if (args[0] == "late-pool")
        {
            return UsePoolsAfterTheEnd();
        }
        var threads = new ThreadPool(2);
        var processes = new ProcessPool(1);
        var running = new ManualResetEventSlim();
        threads.SubmitAsync(() =>
        {
            running.Set();
            Thread.Sleep(Timeout.Infinite);
        });
        threads.SubmitAsync(() => { });
        running.Wait();
        int pid = processes.SubmitAsync(static () => Environment.ProcessId).Result;
        processes.SubmitAsync(static () => Thread.Sleep(Timeout.Infinite));
        SpinWait.SpinUntil(() => processes.Stats().Running == 1);
        Console.WriteLine(pid);
        switch (args[0])
        {
            case "return":
                return 7;
            case "exit":
                Environment.Exit(7);
                break;
            case "throw":
                throw new InvalidOperationException("leaves Main");
            case "task-throw":
                new Thread(() => throw new InvalidOperationException("leaves a thread")).Start();
                break;
        }
        // Until a signal comes.
        Thread.Sleep(Timeout.Infinite);
        return 0;
    }

    /// Makes pools when those that were open have been closed.
    private static int UsePoolsAfterTheEnd()
    {
        new ThreadPool(1).Dispose();
        AppDomain.CurrentDomain.ProcessExit += (_, _) =>
        {
            using var threads = new ThreadPool(1);
            using var processes = new ProcessPool(1);
            bool ended = threads.IsTerminated && processes.IsTerminated;
            Console.Error.WriteLine($"late pools have ended: {ended}");
            Environment.ExitCode = ended ? 7 : 1;
        };
        Console.WriteLine(Environment.ProcessId);
        Environment.ExitCode = 1;
        Environment.Exit(1);
        return 1;
    }
}

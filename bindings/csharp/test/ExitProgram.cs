using System;
using System.Collections.Generic;
using System.IO;
using System.Threading;
using System.Threading.Tasks;
using Asyncpal;

namespace Asyncpal.Tests;

/// Ends in one of several ways, while tasks run in pools of both kinds. What its
/// worker is, it prints before.
internal static class ExitProgram
{
    // The deadline is longer than the test takes.
    private static readonly HashSet<string> MustNotWait =
    [
        "exit-none", "task-exit", "inner-task-exit", "scheduler-task-exit", "drain", "cancel",
    ];

    private static int Main(string[] args)
    {
        GlobalShutdown.SetDeadline(
            MustNotWait.Contains(args[0]) ? TimeSpan.FromMinutes(30) : TimeSpan.FromSeconds(1));
        switch (args[0])
        {
            case "late-pool":
                return UsePoolsAfterTheEnd();
            case "drain":
                return EndBeforeTasksAreDone(ExitMode.Drain);
            case "cancel":
                return EndBeforeTasksAreDone(ExitMode.Cancel);
            case "task-exit":
            case "inner-task-exit":
            case "scheduler-task-exit":
                return ExitInTask(args[0]);
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
            case "exit-none":
                GlobalShutdown.SetMode(ExitMode.None);
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

    /// A task that ends the process can't end before, and is not waited for.
    private static int ExitInTask(string way)
    {
        var processes = new ProcessPool(1);
        Console.WriteLine(processes.Run(static () => Environment.ProcessId));
        var threads = new ThreadPool(1);
        Task exiting = way switch
        {
            "task-exit" => threads.SubmitAsync(() => Environment.Exit(7)),
            // On the worker that waits for it.
            "inner-task-exit" => threads.SubmitAsync(
                () => threads.SubmitAsync(() => Environment.Exit(7)).Wait()),
            _ => Task.Factory.StartNew(
                () => Environment.Exit(7),
                CancellationToken.None,
                TaskCreationOptions.None,
                threads.AsTaskScheduler()),
        };
        exiting.Wait();
        return 1;
    }

    /// The exit code says whether all tasks have run.
    private static int EndBeforeTasksAreDone(ExitMode mode)
    {
        const int Tasks = 100;
        GlobalShutdown.SetMode(mode);
        var threads = new ThreadPool(1);
        var started = new ManualResetEventSlim();
        threads.SubmitAsync(() =>
        {
            started.Set();
            // The others are still pending when the end has begun.
            SpinWait.SpinUntil(() => threads.IsClosed);
        });
        int done = 0;
        for (int i = 0; i < Tasks; ++i)
        {
            threads.SubmitAsync(() =>
            {
                if (++done == Tasks)
                {
                    Environment.ExitCode = 7;
                }
            });
        }
        started.Wait();
        Console.WriteLine(Environment.ProcessId);
        Environment.Exit(8);
        return 1;
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

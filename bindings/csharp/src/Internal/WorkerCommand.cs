using System;
using System.Collections.Generic;
using System.Diagnostics.CodeAnalysis;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Text;

namespace Asyncpal.Internal;

/// <summary>
/// How to start this program once more so that it becomes a worker: by the same
/// host, with the same options and assemblies. Where its Main does not call
/// RunWorkerIfAsked(), a startup hook of ours takes over before Main.
/// </summary>
/// <param name="Words">The program and its arguments.</param>
/// <param name="Environment">"NAME=value", besides this process's own.</param>
internal sealed record WorkerCommand(
    IReadOnlyList<string> Words, IReadOnlyList<string> Environment)
{
    /// <summary>In the environment of what is to become a worker.</summary>
    public const string WorkerVariable = "ASYNCPAL_WORKER";

    private const string Hooks = "DOTNET_STARTUP_HOOKS";
    private const string OriginalHooks = "ASYNCPAL_ORIGINAL_STARTUP_HOOKS";

    /// <exception cref="PlatformNotSupportedException">
    /// This program can't be started so.
    /// </exception>
    [UnconditionalSuppressMessage(
        "SingleFile", "IL3000", Justification = "then its name will do")]
    public static WorkerCommand Make()
    {
        if (WorkerEntry.IsInMain)
        {
            return new WorkerCommand(HostCommand(), []);
        }
        if ((AppContext.TryGetSwitch(
                "System.StartupHookProvider.IsSupported", out bool supported) && !supported)
            || !typeof(WorkerCommand).HasMetadataToken())
        {
            throw new PlatformNotSupportedException(
                "this program was trimmed, compiled ahead of time or started by `dotnet run "
                + "app.cs`, so its ProcessPools need a line of their own, first in Main: "
                + "if (ProcessPool.RunWorkerIfAsked(args)) return;");
        }
        string ours = typeof(WorkerCommand).Assembly.Location;
        if (ours.Length == 0)
        {
            // In a single file: by its name.
            ours = typeof(WorkerCommand).Assembly.GetName().Name!;
        }
        string? theirs = System.Environment.GetEnvironmentVariable(Hooks);
        return new WorkerCommand(
            HostCommand(),
            [
                $"{OriginalHooks}={theirs}",
                // The last one: the others do then what they do in this process.
                $"{Hooks}={(string.IsNullOrEmpty(theirs) ? ours : $"{theirs}:{ours}")}",
            ]);
    }

    /// <summary>What a worker starts in its turn knows nothing of the hook.</summary>
    public static void RestoreEnvironment()
    {
        string? original = System.Environment.GetEnvironmentVariable(OriginalHooks);
        System.Environment.SetEnvironmentVariable(
            Hooks, string.IsNullOrEmpty(original) ? null : original);
        System.Environment.SetEnvironmentVariable(OriginalHooks, null);
    }

    /// <summary>This process's command, without the program's own arguments.</summary>
    private static List<string> HostCommand()
    {
        // Each word ends with a zero, and may be empty.
        string[] words = File.ReadAllText("/proc/self/cmdline", Encoding.UTF8)
            .Split('\0')[..^1];
        // The managed program comes first, or the native one in its stead.
        string[] managed = System.Environment.GetCommandLineArgs();
        int own = managed.Length - 1;
        if (own >= words.Length)
        {
            throw new PlatformNotSupportedException(
                "a ProcessPool can't tell how this process was started; say so in "
                + "ProcessPoolOptions.WorkerCommand");
        }
        List<string> command = [.. words.Take(words.Length - own)];
        command[0] = System.Environment.ProcessPath ?? command[0];
        if (command.Count > 1 && File.Exists(managed[0]))
        {
            command[^1] = Path.GetFullPath(managed[0]);
        }
        return command;
    }
}

using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;

namespace Asyncpal.Internal;

/// <summary>
/// How to start this program once more so that it becomes a worker: by the same
/// host, with the same options and assemblies, and a startup hook of ours.
/// </summary>
internal static class WorkerCommand
{
    private const string Hooks = "DOTNET_STARTUP_HOOKS";
    private const string OriginalHooks = "ASYNCPAL_ORIGINAL_STARTUP_HOOKS";

    /// <summary>The program and its arguments.</summary>
    public static IReadOnlyList<string> Make()
    {
        if (AppContext.TryGetSwitch("System.StartupHookProvider.IsSupported", out bool supported)
            && !supported)
        {
            throw new PlatformNotSupportedException(
                "a ProcessPool starts its workers by a startup hook, which this program "
                + "was built without: set StartupHookSupport to true in its project");
        }
        string ours = typeof(WorkerCommand).Assembly.Location;
        if (ours.Length == 0)
        {
            // In a single file: by its name.
            ours = typeof(WorkerCommand).Assembly.GetName().Name!;
        }
        string? theirs = Environment.GetEnvironmentVariable(Hooks);
        return [
            "/usr/bin/env",
            $"{OriginalHooks}={theirs}",
            // The last one: the others do then what they do in this process.
            $"{Hooks}={(string.IsNullOrEmpty(theirs) ? ours : $"{theirs}:{ours}")}",
            .. HostCommand(),
        ];
    }

    /// <summary>What a worker starts in its turn knows nothing of the hook.</summary>
    public static void RestoreEnvironment()
    {
        string? original = Environment.GetEnvironmentVariable(OriginalHooks);
        Environment.SetEnvironmentVariable(
            Hooks, string.IsNullOrEmpty(original) ? null : original);
        Environment.SetEnvironmentVariable(OriginalHooks, null);
    }

    /// <summary>This process's command, without the program's own arguments.</summary>
    private static List<string> HostCommand()
    {
        string[] words = File.ReadAllText("/proc/self/cmdline", Encoding.UTF8)
            .TrimEnd('\0').Split('\0');
        // The managed program comes first, or the native one in its stead.
        string[] managed = Environment.GetCommandLineArgs();
        int own = managed.Length - 1;
        if (own >= words.Length)
        {
            throw new PlatformNotSupportedException(
                "a ProcessPool can't tell how this process was started; say so in "
                + "ProcessPoolOptions.WorkerCommand");
        }
        List<string> command = [.. words.Take(words.Length - own)];
        command[0] = Environment.ProcessPath ?? command[0];
        if (command.Count > 1 && File.Exists(managed[0]))
        {
            command[^1] = Path.GetFullPath(managed[0]);
        }
        return command;
    }
}

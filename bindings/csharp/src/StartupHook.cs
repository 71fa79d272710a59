using Asyncpal.Internal;

/// <summary>
/// The entry point of worker processes: .NET's host calls it before the program's
/// Main, which then never runs.
/// </summary>
internal static class StartupHook
{
    /// <summary>Called by the host, as DOTNET_STARTUP_HOOKS asks.</summary>
    public static void Initialize()
    {
        WorkerCommand.RestoreEnvironment();
        if (HostedWorker.IsOne())
        {
            WorkerMain.Run();
        }
    }
}

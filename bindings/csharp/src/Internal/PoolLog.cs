using System;
using System.Diagnostics.Tracing;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Extensions.Logging;

namespace Asyncpal.Internal;

/// <summary>
/// Where the messages of one pool go, those of native code, too: to a logger of its
/// <see cref="PoolOptions.LoggerFactory"/>, or else to <see cref="AsyncpalEvents"/>.
/// </summary>
/// <remarks>
/// <para>Threads: any.</para>
/// <para>Errors: what the logger throws becomes an event, as does the message then.</para>
/// </remarks>
internal sealed unsafe class PoolLog
{
    // As asyncpal::swig::LogCallbacks.
    [StructLayout(LayoutKind.Sequential)]
    private struct Callbacks
    {
        public delegate* unmanaged<IntPtr, int, byte*, int, void> Write;
        public delegate* unmanaged<IntPtr, void> Free;
    }

    private static readonly Callbacks* s_callbacks = MakeCallbacks();

    private readonly ILogger? _logger;

    public PoolLog(PoolOptions options)
    {
        _logger = options.LoggerFactory?.CreateLogger(nameof(Asyncpal));
    }

    /// <summary>Has native pools of these settings write here.</summary>
    public void Set(NativePoolOptions settings)
    {
        if (_logger != null)
        {
            Internal.Native.LogBy(
                settings, GCHandle.ToIntPtr(GCHandle.Alloc(this)), (IntPtr)s_callbacks);
        }
    }

    /// <summary>A pool of threads may wait for itself.</summary>
    public void TellBlocked(string message)
    {
        if (!Log(LogLevel.Warning, AsyncpalEvents.WorkersBlockedId, message, null))
        {
            AsyncpalEvents.Log.TellBlocked(message);
        }
    }

    /// <summary>Anything else that no task tells of.</summary>
    /// <param name="level">How serious it is.</param>
    /// <param name="message">What has happened.</param>
    /// <param name="error">What was thrown, if anything was.</param>
    public void Tell(EventLevel level, string message, Exception? error = null)
    {
        bool isLogged = level switch
        {
            EventLevel.Error =>
                Log(LogLevel.Error, AsyncpalEvents.ErrorId, message, error),
            EventLevel.Warning =>
                Log(LogLevel.Warning, AsyncpalEvents.WarningId, message, error),
            _ => Log(LogLevel.Information, AsyncpalEvents.InformationId, message, error),
        };
        if (!isLogged)
        {
            AsyncpalEvents.Log.Tell(
                level, error == null ? message : $"{message}: {Guarded.Text(error)}");
        }
    }

    private bool Log(LogLevel level, EventId id, string message, Exception? error)
    {
        try
        {
            _logger?.Log(level, id, error, "{Report}", message);
            return _logger != null;
        }
        catch (Exception e)
        {
            AsyncpalEvents.Log.Tell(
                EventLevel.Error, $"a pool's logger threw: {Guarded.Text(e)}");
            return false;
        }
    }

    private static Callbacks* MakeCallbacks()
    {
        var callbacks = (Callbacks*)RuntimeHelpers.AllocateTypeAssociatedMemory(
            typeof(PoolLog), sizeof(Callbacks));
        callbacks->Write = &Write;
        callbacks->Free = &Free;
        return callbacks;
    }

    [UnmanagedCallersOnly]
    private static void Write(IntPtr self, int severity, byte* text, int size)
    {
        try
        {
            ((PoolLog)GCHandle.FromIntPtr(self).Target!).Tell(
                AsyncpalEvents.LevelOf(severity), Encoding.UTF8.GetString(text, size));
        }
        catch
        {
            // Native code can't do anything about it.
        }
    }

    [UnmanagedCallersOnly]
    private static void Free(IntPtr self) => GCHandle.FromIntPtr(self).Free();
}

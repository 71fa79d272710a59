using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading;

namespace Asyncpal.Internal;

/// <summary>What the native library needs before its first use.</summary>
internal static unsafe class NativeErrors
{
    /// <summary>Called once, by what SWIG generates.</summary>
    public static bool Register()
    {
        AsyncpalRegisterFailureFunction(&OnFailure);
        AsyncpalRegisterLogFunction(&OnMessage);
        Library.Init((int)OptionNaming.UpperCamelNames);
        // Threads and processes of pools end while managed code still runs.
        AppDomain.CurrentDomain.ProcessExit +=
            (_, _) => ExitingWorkers.LeaveDuring(GlobalShutdown.Run);
        return true;
    }

    [DllImport("asyncpal_csharp")]
    private static extern void AsyncpalRegisterFailureFunction(
        delegate* unmanaged<IntPtr, void> function);

    [DllImport("asyncpal_csharp")]
    private static extern void AsyncpalRegisterLogFunction(
        delegate* unmanaged<int, byte*, int, void> function);

    /// <summary>The native library has something to say.</summary>
    [UnmanagedCallersOnly]
    private static void OnMessage(int severity, byte* text, int size)
    {
        try
        {
            AsyncpalEvents.Log.Tell(
                AsyncpalEvents.LevelOf(severity),
                Encoding.UTF8.GetString(text, size));
        }
        catch
        {
            // Native code can't do anything about it.
        }
    }

    /// <summary>A native call of this thread has failed.</summary>
    [UnmanagedCallersOnly]
    private static void OnFailure(IntPtr failure)
    {
        try
        {
            using var chain = new Failure(failure, owned: true);
            NativePINVOKE.SWIGPendingException.Set(Failures.ToException(chain));
        }
        catch (Exception e)
        {
            NativePINVOKE.SWIGPendingException.Set(e);
        }
    }
}

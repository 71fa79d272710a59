using System;
using System.IO;
using System.Threading;
using Asyncpal.Internal;

namespace Asyncpal;

/// <summary>
/// Records what all pools of this process do, task by task, into a file that Perfetto
/// (https://ui.perfetto.dev), <c>chrome://tracing</c> and speedscope
/// (https://www.speedscope.app) show.
/// </summary>
/// <remarks>
/// <code>
/// using (Trace.Start("run.json"))
/// {
///     await pool.SubmitAsync(Load, "index.html");
/// }
/// </code>
/// <para>Without a change to the program, <c>ASYNCPAL_TRACE=run.json</c> in its
/// environment starts one with its first pool, which ends with the process. A file that
/// can't be written is an event of the source <c>Asyncpal</c> there.</para>
/// <para>Each worker has a lane, a worker process as one of its own, with a slice for
/// each run of a task. An asynchronous event is the time that a task has waited, a flow
/// leads from its submission to its run, and an instant tells how a worker has ended.
/// Tasks are called by the name that their <see cref="TaskOptions"/> give them, or by
/// their number. Those that were submitted before the start are not there, though what a
/// worker does for them may be one slice without a name; nor is what pools inside of
/// worker processes do. Meanwhile tasks of thread pools are handed to native code one by
/// one, as those with <see cref="TaskOptions"/> always are, which costs each some
/// microseconds.</para>
/// <para>Threads: any. Lifetime: from <see cref="Start"/> to <see cref="Stop"/>, or to
/// the end of the process. Ordering: events are in the order of their times. Errors: as
/// said; a disk that is full ends the trace, with one message, and nothing else
/// notices. Shutdown: what still waits or runs when it stops ends there in the
/// file.</para>
/// </remarks>
public sealed class Trace : IDisposable
{
    private const string Variable = "ASYNCPAL_TRACE";

    // Of a process that is to become a worker: native code does not trace there.
    private const string WorkerVariable = "ASYNCPAL_WORKER";

    private static readonly Lock s_lock = new();

    private static volatile bool s_isOn =
        !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(Variable))
        && Environment.GetEnvironmentVariable(WorkerVariable) == null;

    // Guarded by the lock. Null: none, or that of the environment.
    private static Trace? s_current;

    private Trace()
    {
    }

    /// <summary>
    /// Whether native code must see each task; true for a while after a trace has ended
    /// by itself.
    /// </summary>
    internal static bool IsOn => s_isOn;

    /// <summary>Starts to record. Overwrites the file.</summary>
    /// <param name="path">Of the file.</param>
    /// <returns>What stops it; <see cref="Stop"/> does that, too.</returns>
    /// <exception cref="IOException">The file can't be written.</exception>
    /// <exception cref="InvalidOperationException">There is a trace.</exception>
    public static Trace Start(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        lock (s_lock)
        {
            try
            {
                Library.StartTrace(Path.GetFullPath(path));
            }
            catch (RemoteException e) when (e.TypeName == "std::system_error")
            {
                throw new IOException(e.Message);
            }
            s_isOn = true;
            return s_current = new Trace();
        }
    }

    /// <summary>
    /// Stops the trace. The file is complete when this returns. Without a trace it does
    /// nothing.
    /// </summary>
    public static void Stop()
    {
        lock (s_lock)
        {
            s_current = null;
            s_isOn = false;
            Library.StopTrace();
        }
    }

    /// <summary>Stops this trace. Does nothing if it was stopped before.</summary>
    public void Dispose()
    {
        lock (s_lock)
        {
            if (s_current == this)
            {
                Stop();
            }
        }
    }
}

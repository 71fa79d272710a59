using System;
using System.Collections.Concurrent;
using System.Linq;
using System.Runtime.ExceptionServices;
using System.Threading;
using System.Threading.Tasks;

namespace Asyncpal.Internal;

/// <summary>
/// Exceptions on their way through native code, as chains of links, and back. For
/// C++ a link has text; the first one of a C# exception also has all that is needed
/// to make it again, with its causes.
/// </summary>
/// <remarks>
/// Errors: none, whatever code of the user's own there is in an exception.
/// </remarks>
internal static class Failures
{
    // A cause of a cause of a cause: more than any program has on purpose.
    private const int MaxLinks = 64;

    // Exceptions of this process that are on their way through native code.
    private static readonly ConcurrentDictionary<long, WeakReference<Exception>>
        Local = new();

    private static long s_lastKey;

    /// <summary>
    /// Describes an exception that stays within this process: the very object
    /// comes back, as long as something else keeps it alive.
    /// </summary>
    public static void DescribeLocal(Exception error, Failure failure)
    {
        long key = Interlocked.Increment(ref s_lastKey);
        Local[key] = new WeakReference<Exception>(error);
        Describe(error, failure, key);
    }

    /// <summary>Describes an exception and its causes.</summary>
    public static void Describe(Exception error, Failure failure, long key = 0)
    {
        Exception? link = error;
        bool isNew = true;
        for (int i = 0; link != null && i < MaxLinks; ++i)
        {
            Add(failure, link, isNew ? StateOf(link, key) : []);
            // Which C++ has a type of its own for, and no place for its state.
            isNew = link is SerializationException;
            link = link.InnerException;
        }
    }

    /// <summary>The exception that a chain describes, with its causes.</summary>
    public static Exception ToException(Failure failure)
    {
        try
        {
            return ToException(failure, 0) ?? new AsyncpalException("an unknown error");
        }
        catch (Exception e)
        {
            return new AsyncpalException("an error can't be told: " + Guarded.Text(e));
        }
    }

    private static byte[] StateOf(Exception error, long key)
    {
        try
        {
            return ExceptionState.Of(error).ToBytes(Environment.ProcessId, key);
        }
        catch (Exception)
        {
            return [];  // it is too large, perhaps
        }
    }

    private static void Add(Failure failure, Exception link, byte[] state)
    {
        FailureKind kind = link is SerializationException
            ? FailureKind.SerializationFailed
            : FailureKind.RemoteFailure;
        failure.Add(
            (int)kind,
            link.GetType().FullName ?? link.GetType().Name,
            Guarded.Message(link),
            Guarded.StackTrace(link),
            state);
    }

    private static Exception? ToException(Failure failure, int index)
    {
        if (index >= failure.Size())
        {
            return null;
        }
        using FailureLink link = failure.Link(index);
        if (Restore(link.State) is { } own)
        {
            return own;
        }
        Exception error = ToException(link, ToException(failure, index + 1));
        if (link.Traceback is { Length: > 0 } stack)
        {
            ExceptionDispatchInfo.SetRemoteStackTrace(error, stack);
        }
        return error;
    }

    private static Exception ToException(FailureLink link, Exception? inner)
    {
        string message = link.Message;
        return (FailureKind)link.Kind switch
        {
            FailureKind.InvalidArgument => new ArgumentException(message, inner),
            FailureKind.Timeout => new TimeoutException(message, inner),
            FailureKind.Cancelled => new TaskCanceledException(message, inner),
            FailureKind.InvalidState => new InvalidOperationException(message, inner),
            FailureKind.ClosedPool => new ObjectDisposedException(message, inner),
            FailureKind.BrokenPool => new BrokenPoolException(message, inner),
            FailureKind.InitializerFailed => new InitializerException(message, inner),
            FailureKind.FinalizerFailed => new FinalizerException(message, inner),
            FailureKind.Rejected => new RejectedException(message, inner),
            FailureKind.SerializationFailed =>
                new SerializationException(message, inner),
            FailureKind.WorkerLost => new WorkerLostException(
                message, inner, link.Pid, link.Signal, link.ExitCode, link.Phase),
            _ => new RemoteException(link.Type, message, inner),
        };
    }

    /// <summary>An exception of C#'s own; null: it is none.</summary>
    private static Exception? Restore(byte[] bytes)
    {
        if (bytes.Length == 0)
        {
            return null;
        }
        try
        {
            ExceptionState state = ExceptionState.Read(bytes, out int process, out long key);
            return process == Environment.ProcessId
                && Local.TryGetValue(key, out WeakReference<Exception>? weak)
                && weak.TryGetTarget(out Exception? same)
                    ? same
                    : ExceptionMaker.Make(state);
        }
        catch (Exception)
        {
            return null;  // the text of the links remains
        }
    }
}

using System;
using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using System.Text;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;

namespace Asyncpal.Internal;

/// <summary>Exceptions as chains of links that cross the border, and back.</summary>
internal static class Failures
{
    // A cause of a cause of a cause: more than any program has on purpose.
    private const int MaxLinks = 64;

    // Exceptions of this process that are on their way through native code.
    private static readonly ConcurrentDictionary<long, WeakReference<Exception>>
        Local = new();

    private static long s_lastKey;

    /// <summary>What is needed to make an exception of the same type.</summary>
    private sealed record State(string AssemblyQualifiedName, int ProcessId, long Key);

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
        for (int i = 0; link != null && i < MaxLinks; ++i, key = 0)
        {
            var state = new State(
                link.GetType().AssemblyQualifiedName ?? "", Environment.ProcessId, key);
            FailureKind kind = link is SerializationException
                ? FailureKind.SerializationFailed
                : FailureKind.RemoteFailure;
            failure.Add(
                (int)kind,
                link.GetType().FullName ?? link.GetType().Name,
                link.Message,
                link.StackTrace ?? "",
                JsonSerializer.SerializeToUtf8Bytes(state));
            link = link.InnerException;
        }
    }

    /// <summary>The exception that a chain describes, with its causes.</summary>
    public static Exception ToException(Failure failure)
    {
        Exception? inner = null;
        for (int i = failure.Size() - 1; i >= 0; --i)
        {
            FailureLink link = failure.Link(i);
            Exception error = ToException(link, inner);
            if (link.Traceback is { Length: > 0 } stack && error.StackTrace == null)
            {
                ExceptionDispatchInfo.SetRemoteStackTrace(error, stack);
            }
            inner = error;
        }
        return inner ?? new AsyncpalException("an unknown error");
    }

    private static Exception ToException(FailureLink link, Exception? inner)
    {
        string message = link.Message;
        switch ((FailureKind)link.Kind)
        {
            case FailureKind.InvalidArgument:
                return new ArgumentException(message, inner);
            case FailureKind.Timeout:
                return new TimeoutException(message, inner);
            case FailureKind.Cancelled:
                return new TaskCanceledException(message, inner);
            case FailureKind.InvalidState:
                return new InvalidOperationException(message, inner);
            case FailureKind.ClosedPool:
                return new ObjectDisposedException(message, inner);
            case FailureKind.BrokenPool:
                return new BrokenPoolException(message, inner);
            case FailureKind.InitializerFailed:
                return new InitializerException(message, inner);
            case FailureKind.FinalizerFailed:
                return new FinalizerException(message, inner);
            case FailureKind.Rejected:
                return new RejectedException(message, inner);
            case FailureKind.SerializationFailed:
                return new SerializationException(message, inner);
            case FailureKind.WorkerLost:
                return new WorkerLostException(
                    message, inner, link.Pid, link.Signal, link.ExitCode, link.Phase);
            default:
                return Restore(link, message, inner)
                    ?? new RemoteException(link.Type, message, inner);
        }
    }

    /// <summary>An exception of C#'s own, or null if it is not known here.</summary>
    private static Exception? Restore(FailureLink link, string message, Exception? inner)
    {
        byte[] bytes = link.State;
        if (bytes.Length == 0)
        {
            return null;
        }
        try
        {
            var state = JsonSerializer.Deserialize<State>(bytes);
            if (state == null)
            {
                return null;
            }
            if (state.ProcessId == Environment.ProcessId
                && Local.TryGetValue(state.Key, out WeakReference<Exception>? weak)
                && weak.TryGetTarget(out Exception? same))
            {
                return same;
            }
            return Make(Type.GetType(state.AssemblyQualifiedName), message, inner);
        }
        catch (Exception e) when (e is JsonException or MemberAccessException
            or System.IO.IOException or System.Reflection.TargetInvocationException
            or BadImageFormatException or ArgumentException or TypeLoadException)
        {
            return null;
        }
    }

    private static Exception? Make(Type? type, string message, Exception? inner)
    {
        if (type == null || !typeof(Exception).IsAssignableFrom(type))
        {
            return null;
        }
        if (type.GetConstructor([typeof(string), typeof(Exception)]) is { } both)
        {
            return (Exception)both.Invoke([message, inner]);
        }
        // A cause that can't be kept would be lost without a word.
        return inner == null && type.GetConstructor([typeof(string)]) is { } one
            ? (Exception)one.Invoke([message])
            : null;
    }
}

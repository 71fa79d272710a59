using System;

namespace Asyncpal;

/// <summary>What pools themselves throw, as opposed to what tasks throw.</summary>
public class AsyncpalException : Exception
{
    internal AsyncpalException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}

/// <summary>
/// The pool can no longer run tasks; <see cref="Exception.InnerException"/>, if
/// there is one, says why.
/// </summary>
public class BrokenPoolException : AsyncpalException
{
    internal BrokenPoolException(string message, Exception? inner)
        : base(message, inner)
    {
    }
}

/// <summary>The initializer of a worker has thrown the inner exception.</summary>
public sealed class InitializerException : BrokenPoolException
{
    internal InitializerException(string message, Exception? inner)
        : base(message, inner)
    {
    }
}

/// <summary>The finalizer of a worker has thrown the inner exception.</summary>
public sealed class FinalizerException : BrokenPoolException
{
    internal FinalizerException(string message, Exception? inner)
        : base(message, inner)
    {
    }
}

/// <summary>The pool has no room for another task.</summary>
public sealed class RejectedException : AsyncpalException
{
    internal RejectedException(string message, Exception? inner)
        : base(message, inner)
    {
    }
}

/// <summary>A task, an argument or a result can't travel to another process.</summary>
public sealed class SerializationException : AsyncpalException
{
    /// <summary>Makes one whose message says what can't travel, and why.</summary>
    public SerializationException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}

/// <summary>The process that ran the task has died.</summary>
public sealed class WorkerLostException : AsyncpalException
{
    internal WorkerLostException(
        string message, Exception? inner, long pid, int signal, int exitCode, string phase)
        : base(message, inner)
    {
        ProcessId = pid;
        Signal = signal == 0 ? null : signal;
        ExitCode = exitCode < 0 ? null : exitCode;
        Phase = phase;
    }

    /// <summary>The id that the process had.</summary>
    public long ProcessId { get; }

    /// <summary>The signal that killed it, such as 9; null if no signal
    /// did.</summary>
    public int? Signal { get; }

    /// <summary>The code that it exited with; null if it did not exit, or if the
    /// code is unknown.</summary>
    public int? ExitCode { get; }

    /// <summary>What the worker was doing, such as "running the task".</summary>
    public string Phase { get; }
}

/// <summary>
/// An exception from another process or language that can't be recreated here: its
/// type is unknown, or it has state that can't be set by its public constructors
/// and properties. Its <see cref="Exception.StackTrace"/> begins where it was
/// thrown; its message, <see cref="Exception.Data"/> and causes are the original's.
/// </summary>
public sealed class RemoteException : AsyncpalException
{
    internal RemoteException(string typeName, string message, Exception? inner)
        : base(message, inner)
    {
        TypeName = typeName;
    }

    /// <summary>The name that its type has there.</summary>
    public string TypeName { get; }

    /// <inheritdoc/>
    public override string ToString() => $"{TypeName} as {base.ToString()}";
}

using System;
using System.Threading;

namespace Asyncpal;

/// <summary>
/// A task that was cancelled by a shutdown or left by a broken pool. Its
/// <see cref="System.Threading.Tasks.Task"/> is done, but its work can still be
/// done once: on this thread by <see cref="Run"/>, or in another pool by
/// <see cref="Pool.Post(CancelledTask)"/>.
/// </summary>
/// <remarks>
/// <code>
/// foreach (CancelledTask task in first.TakeCancelledTasks())
/// {
///     second.Post(task);
/// }
/// </code>
/// <para>Threads: any. It outlives its pool.</para>
/// </remarks>
public sealed class CancelledTask
{
    private readonly Func<byte[]>? _encode;
    private readonly string _cppName;
    private Action? _work;

    internal CancelledTask(
        string name, Action work, Func<byte[]>? encode = null, string cppName = "")
    {
        Name = name;
        _work = work;
        _encode = encode;
        _cppName = cppName;
    }

    /// <summary>The name from its <see cref="TaskOptions"/>, may be empty.</summary>
    public string Name { get; }

    /// <summary>
    /// Does the work on this thread; what it throws, this throws.
    /// </summary>
    /// <exception cref="InvalidOperationException">
    /// The task was run or posted before, or is a C++ task.
    /// </exception>
    public void Run() => Take()();

    /// <summary>The work, which then is the caller's to do.</summary>
    internal Action Take() =>
        Interlocked.Exchange(ref _work, null)
        ?? throw new InvalidOperationException(
            $"the cancelled task '{Name}' was run or posted before");

    /// <summary>The same as a call for another process.</summary>
    internal byte[] TakeCall(out string cppName)
    {
        if (_encode == null)
        {
            throw new SerializationException(
                $"the cancelled task '{Name}' is a thread pool's, and can't travel to "
                + "another process");
        }
        byte[] call = _encode();
        Take();
        cppName = _cppName;
        return call;
    }
}

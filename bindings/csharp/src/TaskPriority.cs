using Asyncpal.Internal;

namespace Asyncpal;

/// <summary>
/// Which of the tasks that wait begins first. In a class, tasks begin in the order of
/// their submission. Between classes, the next one is that with the smallest time of
/// submission, less one <see cref="PoolOptions.PriorityStep"/> for each class: a background
/// task waits behind urgent ones that came up to four steps later.
/// </summary>
public enum TaskPriority
{
    /// <summary>After all others.</summary>
    Background,

    /// <summary>After normal ones.</summary>
    Low,

    /// <summary>As tasks are without a priority.</summary>
    Normal,

    /// <summary>Before normal ones.</summary>
    High,

    /// <summary>Before all others.</summary>
    Urgent,
}

/// <summary>
/// What a shutdown does with one task, whatever the mode says of the others.
/// <see cref="ShutdownMode.Kill"/> beats it.
/// </summary>
public enum AtShutdown
{
    /// <summary>What the mode says.</summary>
    AsPool,

    /// <summary>It is cancelled if it has not begun, even where the pool drains.</summary>
    Skip,

    /// <summary>
    /// It runs, though the mode cancels what is pending, and is not asked to stop; at its
    /// own time, if it was submitted for later. When the deadline passes it is treated as
    /// any other.
    /// </summary>
    Finish,

    /// <summary>
    /// Nobody waits for it. If it has not begun, it is cancelled. If it runs, a process
    /// pool kills its worker; a thread pool cancels its token, and leaves its thread
    /// behind, which ends without a finalizer when the task does.
    /// </summary>
    Abandon,
}

using System;

namespace Asyncpal;

/// <summary>
/// What a pool has done, and is doing, at one moment. Every task submitted is
/// counted as exactly one of pending, running, completed, failed and cancelled.
/// </summary>
/// <param name="Workers">Workers, busy and idle ones.</param>
/// <param name="Busy">Workers that run a task.</param>
/// <param name="Idle">Workers that wait for one.</param>
/// <param name="Submitted">Tasks that were ever submitted.</param>
/// <param name="Pending">Tasks that wait for a worker.</param>
/// <param name="Running">Tasks that run.</param>
/// <param name="Completed">Tasks that have returned.</param>
/// <param name="Failed">Tasks that have thrown, or could not be run.</param>
/// <param name="Cancelled">Tasks that were cancelled.</param>
/// <param name="Lost">Failed tasks whose worker has died.</param>
/// <param name="Rejected">
/// Tasks that there was no room for: refused at the call, and so not submitted, or
/// dropped for another one, and counted in Failed, too.
/// </param>
/// <param name="Stalls">
/// How often a thread pool was found with tasks pending, every worker blocked inside
/// of a task, and nothing ending for a moment; see <see cref="ThreadPool"/>.
/// </param>
public sealed record PoolStats(
    long Workers,
    long Busy,
    long Idle,
    long Submitted,
    long Pending,
    long Running,
    long Completed,
    long Failed,
    long Cancelled,
    long Lost,
    long Rejected,
    long Stalls);

/// <summary>One worker of a pool.</summary>
/// <param name="Id">1, 2, 3, ... in each pool.</param>
/// <param name="Name">Its name, which a thread has, too.</param>
/// <param name="ProcessId">
/// Of a process; for a thread, the system's thread id; null before there is one.
/// </param>
/// <param name="IsBusy">Whether it runs a task.</param>
/// <param name="TasksDone">How many tasks it has run.</param>
/// <param name="CurrentTask">The name of the task that it runs, or "".</param>
/// <param name="RunningFor">How long it has run that task.</param>
public sealed record WorkerInfo(
    long Id,
    string Name,
    long? ProcessId,
    bool IsBusy,
    long TasksDone,
    string CurrentTask,
    TimeSpan RunningFor);

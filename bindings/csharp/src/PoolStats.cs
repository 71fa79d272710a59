using System;
using Asyncpal.Internal;

namespace Asyncpal;

/// <summary>
/// What a pool has done and is doing, as a snapshot. Every task submitted is
/// counted as exactly one of pending, running, completed, failed and cancelled.
/// </summary>
/// <param name="Workers">Workers, busy and idle ones.</param>
/// <param name="Busy">Workers that run a task.</param>
/// <param name="Idle">Workers that wait for one.</param>
/// <param name="Submitted">Tasks that were ever submitted.</param>
/// <param name="Pending">Tasks that wait for a worker, or for their time.</param>
/// <param name="Running">Tasks that run.</param>
/// <param name="Completed">Tasks that have returned.</param>
/// <param name="Failed">Tasks that have thrown, or could not be run.</param>
/// <param name="Cancelled">Tasks that were cancelled.</param>
/// <param name="Lost">Failed tasks whose worker has died.</param>
/// <param name="Rejected">
/// Tasks that there was no room for: refused at the call (never submitted), or
/// dropped for another task (counted in Failed too).
/// </param>
/// <param name="Stalls">
/// How often a thread pool was found with tasks pending, every worker blocked
/// inside a task, and nothing ending for a moment; see <see cref="ThreadPool"/>.
/// </param>
/// <param name="Expired">
/// Tasks that had not started by their queue deadline; counted in Failed too.
/// </param>
/// <param name="TimedOut">
/// Tasks that ran longer than their timeout; counted in Failed too.
/// </param>
/// <param name="WorkersStarted">
/// Workers that have become ready for tasks, those that replaced others included.
/// </param>
/// <param name="WorkersLost">
/// Worker processes that have died though nobody wanted them to.
/// </param>
/// <param name="OldestPending">
/// How long the task has been pending that has waited longest; zero: none is. For a task
/// of a thread pool without <see cref="TaskOptions"/>, it counts from the first look after
/// its submission, by whoever asks for this, or by the pool itself, which looks twice a
/// second while tasks are pending; and is shorter if tasks behind it were cancelled. A
/// pool with <see cref="PoolOptions.Histograms"/> or an observer counts from the
/// submission.
/// </param>
/// <param name="Wait">
/// How long the tasks that have started had waited; empty without
/// <see cref="PoolOptions.Histograms"/> and without an observer.
/// </param>
/// <param name="Run">
/// How long those that have run did so; a little ahead of the counts, or behind.
/// </param>
/// <param name="Delayed">
/// Pending tasks whose time has not come: see <c>SubmitAfterAsync()</c> and
/// <c>Every()</c>.
/// </param>
/// <param name="Retried">
/// Attempts at a task after the first; each is a task that was submitted, too. See
/// <see cref="TaskOptions.Retry"/>.
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
    long Stalls,
    long Expired,
    long TimedOut,
    long WorkersStarted,
    long WorkersLost,
    TimeSpan OldestPending,
    DurationHistogram Wait,
    DurationHistogram Run,
    long Delayed,
    long Retried);

/// <summary>One worker of a pool.</summary>
/// <param name="Id">1, 2, 3, ... in each pool.</param>
/// <param name="Name">Its name; also that of the thread.</param>
/// <param name="ProcessId">
/// The process id, or for a thread the system's thread id; null before there is
/// one.
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
    TimeSpan RunningFor)
{
    internal static WorkerInfo Of(NativeWorkerInfo worker) => new(
        worker.Id,
        worker.Name,
        worker.Pid != 0 ? worker.Pid : null,
        worker.Busy,
        worker.TasksDone,
        worker.CurrentTask,
        Durations.FromNanos(worker.RunningFor));
}

using System;
using System.Runtime.CompilerServices;
using System.Threading.Tasks;
using Asyncpal.Internal;

namespace Asyncpal;

/// <summary>
/// How far a task is, by its own account: see <see cref="TaskContext.ReportProgress"/>.
/// </summary>
/// <param name="Fraction">How much is done, from 0 to 1.</param>
/// <param name="Text">For people; may be empty.</param>
public sealed record TaskProgress(double Fraction, string Text)
{
    // Of tasks on threads. Only those are here that have reported something.
    private static readonly ConditionalWeakTable<Task, ReportedProgress> s_reported = [];

    /// <summary>
    /// What the task of a pool has reported last; null: nothing, or it does not run. On
    /// any thread; it does not block.
    /// </summary>
    /// <param name="task">
    /// One that a pool has returned. Behind what <c>ContinueWith()</c> and the like
    /// return is no task of a pool: for these it is null.
    /// </param>
    public static TaskProgress? Of(Task task)
    {
        ArgumentNullException.ThrowIfNull(task);
        if (task.IsCompleted)
        {
            return null;
        }
        return task.AsyncState switch
        {
            RemoteTask remote => remote.Progress(),
            LastAttempt last => last.Task is { } attempt ? Of(attempt) : null,
            _ => s_reported.TryGetValue(task, out ReportedProgress? reported)
                ? reported.Last
                : null,
        };
    }

    /// <param name="task">The pool's.</param>
    /// <param name="call">Of an asynchronous function, whose caller has another.</param>
    /// <param name="progress">What the function says.</param>
    internal static void Report(Task task, AsyncCall? call, TaskProgress progress)
    {
        ReportedProgress reported =
            s_reported.GetValue(task, static _ => new ReportedProgress());
        reported.Last = progress;
        call?.Reports(reported);
    }

    /// <summary>From now on, it has what is reported there.</summary>
    internal static void Share(Task task, ReportedProgress reported) =>
        s_reported.AddOrUpdate(task, reported);
}

using System;
using System.Diagnostics;
using System.Threading;
using System.Threading.Tasks;
using Asyncpal.Internal;

namespace Asyncpal;

/// <summary>
/// What a task can know of itself while it runs, on a thread or in a process.
/// </summary>
/// <remarks>
/// <code>
/// static void Render(Scene scene)
/// {
///     TaskContext task = TaskContext.Current!;
///     for (int line = 0; line &lt; 100; ++line)
///     {
///         task.CancellationToken.ThrowIfCancellationRequested();
///         scene.RenderLine(line);
///         task.ReportProgress((line + 1) / 100.0, $"line {line}");
///     }
/// }
/// </code>
/// <para>A task that never asks for it pays nothing, unless its function is
/// asynchronous: the context of that goes with its <see cref="ExecutionContext"/>.</para>
/// <para>Threads: <see cref="Current"/> is of the calling thread; an asynchronous
/// function has it after each await, too, and so has what it starts, such as
/// <c>Task.Run()</c>. What it returns may be used by any thread while the task runs.
/// Lifetime: until the task ends; after that, reports do nothing. Ordering: none.
/// Errors: as said. Shutdown: none.</para>
/// </remarks>
public sealed class TaskContext
{
    // Of the asynchronous function that goes on here. What a pool is given has none of
    // its submitter's, so that on a worker it belongs to what runs on top of the stack.
    private static readonly AsyncLocal<TaskContext?> s_flowing = new();

    // Null: the task is in another process than its pool.
    private readonly IWorkItem? _item;

    // Null: its function is not asynchronous.
    private readonly AsyncCall? _call;

    internal TaskContext(
        string name, long id, int attempt, IWorkItem? item, AsyncCall? call)
    {
        Name = name;
        Id = id;
        Attempt = attempt;
        Traceparent = Activity.Current is { IdFormat: ActivityIdFormat.W3C, Id: { } trace }
            ? trace
            : "";
        _item = item;
        _call = call;
    }

    /// <summary>
    /// That of the innermost task that runs on this thread, or of the asynchronous
    /// function that goes on here. Null: there is none, as in an initializer, in a thread
    /// that a function has started which is not asynchronous, and where a full pool has
    /// its submitter run the task (<see cref="WhenFull.CallerRuns"/>).
    /// </summary>
    public static TaskContext? Current
    {
        get
        {
            if (NativeShare.IsOnCaller)
            {
                return null;
            }
            Worker? worker = Worker.Current;
            return s_flowing.Value is { } flowing && worker is not { RunsNewItem: true }
                ? flowing
                : worker?.Context() ?? WorkerMain.Context();
        }
    }

    /// <summary>From its <see cref="TaskOptions"/>; may be empty.</summary>
    public string Name { get; }

    /// <summary>
    /// The task's number, which <see cref="Pool.Workers"/> and messages have, too; unique
    /// in its pool.
    /// </summary>
    public long Id { get; }

    /// <summary>
    /// 1; or more where earlier attempts have failed, see <see cref="TaskOptions.Retry"/>,
    /// or earlier workers have died of the task, see <see cref="TaskOptions.MaxAttempts"/>.
    /// </summary>
    public int Attempt { get; }

    /// <summary>
    /// What the function gets if it takes a token; in a process none, as whoever cancels
    /// ends that.
    /// </summary>
    public CancellationToken CancellationToken => _item?.StopToken ?? default;

    /// <summary>
    /// The trace that the task belongs to, as W3C's Trace Context defines it: that of
    /// <see cref="Activity.Current"/> when the context was asked for. Empty: none.
    /// </summary>
    public string Traceparent { get; }

    /// <summary>
    /// Tells those who ask by <see cref="TaskProgress.Of"/> how far the task is. Takes
    /// about a microsecond, and sends nothing.
    /// </summary>
    /// <param name="fraction">How much is done, from 0 to 1.</param>
    /// <param name="text">For people; in a process, up to 256 bytes of it are kept.</param>
    /// <exception cref="ArgumentOutOfRangeException">Another fraction.</exception>
    public void ReportProgress(double fraction, string text = "")
    {
        ArgumentNullException.ThrowIfNull(text);
        if (!(fraction is >= 0 and <= 1))
        {
            throw new ArgumentOutOfRangeException(
                nameof(fraction),
                string.Create(
                    System.Globalization.CultureInfo.InvariantCulture,
                    $"fraction is {fraction}; it must be between 0 and 1"));
        }
        if (_item != null)
        {
            TaskProgress.Report(_item.Task, _call, new TaskProgress(fraction, text));
        }
        else
        {
            HostedWorker.ReportProgress(Id, Attempt, fraction, text);
        }
    }

    /// <summary>
    /// What follows here, and after each await of it, has that context; null: none, but
    /// for that of the worker.
    /// </summary>
    /// <returns>What has been there.</returns>
    internal static TaskContext? Flow(TaskContext? context)
    {
        TaskContext? outer = s_flowing.Value;
        if (context != outer)
        {
            s_flowing.Value = context;
        }
        return outer;
    }
}

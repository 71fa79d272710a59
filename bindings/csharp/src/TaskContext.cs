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
/// <para>A task that never asks for it pays nothing.</para>
/// <para>Threads: <see cref="Current"/> is of the calling thread, so an asynchronous
/// function asks for it before its first await. What it returns may be used by any
/// thread while the task runs. Lifetime: until the task ends; after that, reports do
/// nothing. Ordering: none. Errors: as said. Shutdown: none.</para>
/// </remarks>
public sealed class TaskContext
{
    // Null: the task is in another process than its pool.
    private readonly Task? _task;

    internal TaskContext(
        string name, long id, int attempt, CancellationToken token, Task? task)
    {
        Name = name;
        Id = id;
        Attempt = attempt;
        CancellationToken = token;
        Traceparent = Activity.Current is { IdFormat: ActivityIdFormat.W3C, Id: { } trace }
            ? trace
            : "";
        _task = task;
    }

    /// <summary>
    /// That of the innermost task that runs on this thread. Null: none does, as in an
    /// initializer, in a thread that the task has started itself, and where a full pool
    /// has its submitter run the task (<see cref="WhenFull.CallerRuns"/>).
    /// </summary>
    public static TaskContext? Current =>
        NativeShare.IsOnCaller ? null : Worker.Current?.Context() ?? WorkerMain.Context();

    /// <summary>From its <see cref="TaskOptions"/>; may be empty.</summary>
    public string Name { get; }

    /// <summary>
    /// The task's number, which <see cref="Pool.Workers"/> and messages have, too; unique
    /// in its pool.
    /// </summary>
    public long Id { get; }

    /// <summary>
    /// 1; or more where earlier workers have died of the task, see
    /// <see cref="TaskOptions.MaxAttempts"/>.
    /// </summary>
    public int Attempt { get; }

    /// <summary>
    /// What the function gets if it takes a token; in a process none, as whoever cancels
    /// ends that.
    /// </summary>
    public CancellationToken CancellationToken { get; }

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
        if (_task != null)
        {
            TaskProgress.Report(_task, new TaskProgress(fraction, text));
        }
        else
        {
            HostedWorker.ReportProgress(Id, Attempt, fraction, text);
        }
    }
}

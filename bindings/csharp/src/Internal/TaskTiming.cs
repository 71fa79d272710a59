using System.Threading.Tasks;

namespace Asyncpal.Internal;

/// <summary>
/// When a task may begin, by its time or its view, and the task that waits for that.
/// </summary>
/// <remarks>Threads: any, once it was submitted.</remarks>
internal sealed class TaskTiming
{
    private volatile ITimedTask? _task;

    /// <summary>Nanoseconds; 0: it may at once.</summary>
    public long Delay { get; init; }

    /// <summary>
    /// When the next run of a periodic task is due, on the pool's clock. Null: it is none,
    /// or the first.
    /// </summary>
    public long? NextDue { get; init; }

    /// <summary>
    /// It is a run of a periodic task: what its token does is to ask it to stop, and to
    /// kill nothing.
    /// </summary>
    public bool IsRun { get; init; }

    /// <summary>Null: it is a task of no view.</summary>
    public NativeView? View { get; init; }

    /// <summary>In a view with keys, the number of its own.</summary>
    public long Key { get; init; }

    /// <summary>Whether it may have to wait for its time.</summary>
    public bool IsLater => Delay > 0 || NextDue != null;

    /// <summary>Whether somebody waits for <see cref="Gone"/>.</summary>
    public bool WantsGone => IsRun || View != null;

    /// <summary>It is an attempt, whose task is not the one that its caller has.</summary>
    public bool IsAttempt { get; init; }

    /// <summary>Which attempt at something it is.</summary>
    public int Attempt { get; init; } = 1;

    /// <summary>What waits; null: it was not submitted.</summary>
    public ITimedTask? Task
    {
        get => _task;
        set => _task = value;
    }

    /// <summary>
    /// Done when the function of a run, or of a view's task, has returned or will not be
    /// called. Null: so it is when the task is done.
    /// </summary>
    public TaskCompletionSource? Gone { get; set; }

    public void ApplyTo(NativeTaskOptions settings)
    {
        settings.Delay = Delay;
        settings.Attempt = Attempt;
        if (NextDue is { } due)
        {
            settings.NextDue = due;
        }
    }
}

/// <summary>A task that waits for its time.</summary>
internal interface ITimedTask
{
    /// <summary>Whether it has neither begun nor ended.</summary>
    bool HasNotBegun { get; }

    /// <summary>
    /// It waits until that time, on the pool's clock, or is queued at once. False: it
    /// does not wait. Meanwhile nobody may cancel it.
    /// </summary>
    bool MoveDelayed(long due);
}

using System;
using System.Threading;
using System.Threading.Tasks;

namespace Asyncpal.Internal;

/// <summary>
/// A call of an asynchronous function on a thread: its task's context goes with it
/// through its awaits, and what it reports belongs to the task that its caller has.
/// </summary>
/// <remarks>
/// Threads: any. The caller has its task once the call is submitted, when the function
/// may have reported something already; so whoever comes second of a report and
/// <see cref="Returns"/> brings the two together.
/// </remarks>
internal abstract class AsyncCall
{
    private ReportedProgress? _reported;
    private Task? _returned;

    /// <summary>What the caller has.</summary>
    public void Returns(Task task)
    {
        Interlocked.Exchange(ref _returned, task);
        if (Volatile.Read(ref _reported) is { } reported)
        {
            TaskProgress.Share(task, reported);
        }
    }

    /// <summary>The function reports there, from now on.</summary>
    public void Reports(ReportedProgress reported)
    {
        if (Interlocked.Exchange(ref _reported, reported) != reported
            && Volatile.Read(ref _returned) is { } task)
        {
            TaskProgress.Share(task, reported);
        }
    }
}

/// <summary>The same, with what it calls.</summary>
internal sealed class AsyncCall<T>(Call<Task<T>> call) : AsyncCall
{
    /// <summary>For a chunk of a map, whose task nobody has.</summary>
    public AsyncCall(Func<Task<T>> function)
        : this(new Call<Task<T>>(function, function))
    {
    }

    /// <summary>What is to be submitted in place of the call.</summary>
    public Call<Task<T>> Flowing => call with
    {
        Invoke = Invoke,
        Stoppable = call.Stoppable is { } stoppable
            ? token => Invoke(() => stoppable(token))
            : null,
    };

    public Task<T> Invoke() => Invoke(call.Invoke);

    private Task<T> Invoke(Func<Task<T>> function)
    {
        TaskContext? outer = TaskContext.Flow(
            NativeShare.IsOnCaller ? null : Worker.Current?.Context(this));
        try
        {
            return function();
        }
        finally
        {
            TaskContext.Flow(outer);
        }
    }
}

using System.Threading;
using System.Threading.Tasks;
using Asyncpal.Internal;

namespace Asyncpal;

/// <summary>
/// What runs functions: a <see cref="Pool"/>, or a part of one, a <see cref="PoolView"/>.
/// </summary>
/// <remarks>
/// Threads: any thread may call any member, workers included. For the rest, see the classes
/// that derive from it.
/// </remarks>
public abstract partial class TaskRunner
{
    private protected TaskRunner()
    {
    }

    /// <summary>What it is, or is a part of.</summary>
    internal abstract Pool Owner { get; }

    /// <summary>
    /// Whether a task may be submitted for later; otherwise its submitter waits.
    /// </summary>
    internal abstract bool TakesTasksForLater { get; }

    /// <summary>How many tasks may run at once.</summary>
    internal abstract int Width { get; }

    /// <summary>Whether the calling thread is one of the pool's workers.</summary>
    internal abstract bool IsOnWorker { get; }

    /// <summary>Submits a call, or throws.</summary>
    internal abstract Task<T> Submit<T>(
        Call<T> call, TaskOptions? options, CancellationToken token);

    /// <summary>The same for one of an asynchronous function.</summary>
    internal abstract Task<T> SubmitAsynchronous<T>(
        Call<Task<T>> call, TaskOptions? options, CancellationToken token);

    /// <summary>
    /// Submits it as often as its options say. Apart from other submissions, whose calls
    /// nothing captures.
    /// </summary>
    private protected Task<T> Retry<T>(
        Call<T> call, TaskOptions options, CancellationToken token) =>
        RetriedTask<T>.Start(this, options, token, attempt => Submit(call, attempt, token));

    /// <summary>The same for an asynchronous function.</summary>
    private protected Task<T> RetryAsynchronous<T>(
        Call<Task<T>> call, TaskOptions options, CancellationToken token) =>
        RetriedTask<T>.Start(
            this, options, token, attempt => SubmitAsynchronous(call, attempt, token));

    private T WaitFor<T>(Task<T> task)
    {
        WaitOnWorker(task);
        return task.GetAwaiter().GetResult();
    }

    private void WaitFor(Task task)
    {
        WaitOnWorker(task);
        task.GetAwaiter().GetResult();
    }

    /// <summary>Whatever the task is, the pool sees that its worker waits.</summary>
    private void WaitOnWorker(Task task)
    {
        if (IsOnWorker)
        {
            WaitOn(task, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>The failure of the task goes to the pool's handler.</summary>
    private protected void Watch(Task posted) =>
        posted.ContinueWith(
            static (task, pool) => ((Pool)pool!).OnUnobservedFailure(
                task.Exception!.InnerExceptions[0], "a posted task failed"),
            Owner,
            CancellationToken.None,
            TaskContinuationOptions.OnlyOnFaulted
                | TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
}

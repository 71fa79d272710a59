using System;
using System.Threading;
using System.Threading.Tasks;

namespace Asyncpal.Internal;

/// <summary>What asynchronous functions return, as a task with a result.</summary>
internal static class Awaiting
{
    /// <exception cref="InvalidOperationException">There is no task.</exception>
    public static TTask Check<TTask>(TTask? task)
        where TTask : Task =>
        task ?? throw new InvalidOperationException(
            "an asynchronous function returned null, not a task");

    /// <inheritdoc cref="Check"/>
    public static Task<T> Of<T>(Task<T>? task) => Check(task);

    public static Task<T> Of<T>(ValueTask<T> task) => task.AsTask();

    public static Task<Nothing> Of(ValueTask task) => Of(task.AsTask());

    /// <summary>
    /// It ends as the task does: with all of its exceptions, or its token.
    /// </summary>
    /// <exception cref="InvalidOperationException">There is no task.</exception>
    public static Task<Nothing> Of(Task? task)
    {
        var promise = new TaskCompletionSource<Nothing>();
        Check(task).ContinueWith(
            static (done, promise) =>
                End((TaskCompletionSource<Nothing>)promise!, done),
            promise,
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
        return promise.Task;
    }

    private static void End(TaskCompletionSource<Nothing> promise, Task done)
    {
        if (done.IsFaulted)
        {
            promise.SetException(done.Exception.InnerExceptions);
        }
        else if (done.IsCanceled)
        {
            promise.SetCanceled(new TaskCanceledException(done).CancellationToken);
        }
        else
        {
            promise.SetResult(default);
        }
    }
}

using System;
using System.Threading;
using System.Threading.Tasks;

namespace Asyncpal.Internal;

/// <summary>
/// How an asynchronous function on a thread keeps its task's place in a view, whose task
/// has ended at the function's first await, until all of it has ended.
/// </summary>
internal static class KeptPlace
{
    /// <summary>The same call, which keeps its place if its task is a view's.</summary>
    public static Call<Task<T>> Keep<T>(Call<Task<T>> call, TaskOptions? options) =>
        options?.Timing?.View == null ? call : Keeping(call);

    /// <summary>The same for a function.</summary>
    public static Func<Task<T>> Keep<T>(Func<Task<T>> function, TaskOptions? options) =>
        options?.Timing?.View == null ? function : Keeping(function);

    // Apart, since these allocate.
    private static Call<Task<T>> Keeping<T>(Call<Task<T>> call) =>
        call with
        {
            Invoke = Keeping(call.Invoke),
            Stoppable = call.Stoppable is { } stoppable
                ? token => Keep(stoppable(token))
                : null,
        };

    private static Func<Task<T>> Keeping<T>(Func<Task<T>> function) =>
        () => Keep(function());

    private static Task<T> Keep<T>(Task<T> rest)
    {
        if (!rest.IsCompleted)
        {
            long kept = NativeThreadPool.KeepPlace();
            if (kept != 0)
            {
                rest.ContinueWith(
                    static (_, kept) => NativeThreadPool.EndPlace((long)kept!),
                    kept,
                    CancellationToken.None,
                    TaskContinuationOptions.ExecuteSynchronously,
                    TaskScheduler.Default);
            }
        }
        return rest;
    }
}

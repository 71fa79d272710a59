using System.Threading;
using System.Threading.Tasks;
using Asyncpal.Internal;

namespace Asyncpal;

/// <content>What all forms of SubmitAsync() and Run() are made of.</content>
public abstract partial class Pool
{
    /// <summary>Submits a call, or throws.</summary>
    private protected abstract Task<T> Submit<T>(
        Call<T> call, TaskOptions? options, CancellationToken token);

    /// <summary>The same for one of an asynchronous function.</summary>
    private protected abstract Task<T> SubmitAsynchronous<T>(
        Call<Task<T>> call, TaskOptions? options, CancellationToken token);

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
}

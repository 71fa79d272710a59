using System.Runtime.CompilerServices;
using System.Threading.Tasks;

namespace Asyncpal.Internal;

/// <summary>
/// What is behind the tasks that views of thread pools have returned, which are promises
/// where they have a timeout or an asynchronous function. Whoever waits for one on a worker
/// may have to run it.
/// </summary>
internal static class ViewTasks
{
    private static readonly ConditionalWeakTable<Task, TaskTiming> s_all = [];

    public static void Add(Task task, TaskTiming timing)
    {
        if ((task is not IWorkItem || timing.IsAttempt) && !task.IsCompleted)
        {
            s_all.AddOrUpdate(task, timing);
        }
    }

    /// <summary>Null: it is none of a view's, or has been found itself.</summary>
    public static ITimedTask? Find(Task task) =>
        s_all.TryGetValue(task, out TaskTiming? timing) ? timing.Task
        : task.AsyncState is LastAttempt { Task: { } attempt } ? FindAttempt(attempt)
        : null;

    // An attempt outside of views is no task of these, whoever runs it.
    private static ITimedTask? FindAttempt(Task attempt) =>
        s_all.TryGetValue(attempt, out TaskTiming? timing) ? timing.Task : null;
}

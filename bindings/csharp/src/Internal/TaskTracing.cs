using System;
using System.Diagnostics;
using System.Threading;
using System.Threading.Tasks;

namespace Asyncpal.Internal;

/// <summary>
/// The activity source Asyncpal: an activity for each task, whose parent is what was
/// current where it was submitted.
/// </summary>
/// <remarks>
/// Threads: any. While nobody listens, a submission asks for that and no more; one to a
/// process asks for the current activity, too.
/// </remarks>
internal static class TaskTracing
{
    private const string Operation = "Asyncpal.Task";

    private static readonly ActivitySource s_source = new(
        nameof(Asyncpal), typeof(TaskTracing).Assembly.GetName().Version?.ToString(3));

    /// <summary>
    /// A call on a thread of that pool, inside an activity of its own if anybody listens.
    /// </summary>
    public static Call<T> Follow<T>(
        Asyncpal.Pool pool, Call<T> call, TaskOptions? options) =>
        s_source.HasListeners() || options is { Traceparent.Length: > 0 }
            ? new TracedCall<T>(pool, call, options).Traced
            : call;

    /// <summary>The same for a function.</summary>
    public static Func<T> Follow<T>(Asyncpal.Pool pool, Func<T> function) =>
        s_source.HasListeners()
            ? new TracedCall<T>(pool, new Call<T>(function, function), null).Invoke
            : function;

    /// <summary>
    /// Where a task of AsTaskScheduler() is queued. Null: nobody listens, or it is none of
    /// those that a submitter has made, but goes on with something: what follows an await
    /// is queued by whatever has ended that, whose activity it has nothing to do with.
    /// </summary>
    public static SubmittedActivity? Submitted(Task task) =>
        s_source.HasListeners() && !IsContinuation(task)
            ? new SubmittedActivity(Activity.Current)
            : null;

    /// <summary>
    /// Executes such a task inside of an activity of its own. The task has the context that
    /// it was made in, so that what it starts belongs to that, and not to the activity.
    /// </summary>
    public static void Execute(PoolScheduler scheduler, Task task, SubmittedActivity? submitted)
    {
        if (submitted == null)
        {
            scheduler.Execute(task);
            return;
        }
        Activity? outer = Activity.Current;
        Activity? activity =
            Start(scheduler.Pool, ActivityKind.Internal, null, submitted.Parent);
        scheduler.Execute(task);
        if (task.IsFaulted)
        {
            // Without its exception: who asks for that has observed it.
            activity?.SetStatus(ActivityStatusCode.Error);
        }
        End(activity, null);
        Activity.Current = outer;
    }

    /// <summary>What the user gave, of what Follow() has made of it.</summary>
    public static Func<T> Unfollow<T>(Func<T> function) =>
        function.Target is TracedCall<T> traced ? traced.Untraced : function;

    /// <summary>A task is about to be sent to a process; its caller gives up on it
    /// by <see cref="End"/>.</summary>
    public static TaskTrace Begin(Asyncpal.Pool pool, string? name, string? traceparent = null)
    {
        Activity? outer = Activity.Current;
        Activity? own = null;
        ActivityContext? given = Parse(traceparent);
        if (s_source.HasListeners())
        {
            // It is the task's, and not the submitter's.
            if (outer is { IsStopped: true })
            {
                own = StartApart(pool, name, outer, given);
            }
            else
            {
                own = Start(pool, ActivityKind.Client, name, outer, given);
                Activity.Current = outer;
            }
        }
        if (own == null && given != null)
        {
            return new TaskTrace(null, traceparent, "");
        }
        Activity? sent = own ?? outer;
        return sent is { IdFormat: ActivityIdFormat.W3C, Id: { } id }
            ? new TaskTrace(own, id, sent.TraceStateString ?? "")
            : new TaskTrace(own, "", "");
    }

    /// <summary>In a worker process: its part of that task.</summary>
    public static Activity? Continue(string parent, string state, string function)
    {
        if (!ActivityContext.TryParse(
            parent, state, isRemote: true, out ActivityContext context))
        {
            return null;
        }
        Activity activity =
            s_source.StartActivity(Operation, ActivityKind.Server, context)
            ?? StartUnheard(context);
        activity.DisplayName = function;
        return activity;
    }

    // What the function calls finds its parent, though nobody listens.
    private static Activity StartUnheard(ActivityContext parent)
    {
        var activity = new Activity(Operation);
        activity.SetParentId(parent.TraceId, parent.SpanId, parent.TraceFlags);
        activity.TraceStateString = parent.TraceState;
        return activity.Start();
    }

    // Of a task's options. Null: none, or native code is about to refuse it.
    private static ActivityContext? Parse(string? traceparent) =>
        ActivityContext.TryParse(traceparent, null, isRemote: true, out ActivityContext given)
            ? given
            : null;

    /// <summary>
    /// The task is done; on any thread, whose current activity stays what it is.
    /// What the error or a listener throws meanwhile is nobody's.
    /// </summary>
    public static void End(Activity? activity, Exception? error)
    {
        if (activity == null)
        {
            return;
        }
        if (error is not (null or OperationCanceledException))
        {
            activity.SetStatus(ActivityStatusCode.Error, Guarded.Message(error));
            activity.SetTag("error.type", error.GetType().FullName);
            _ = Guarded.Try(() => activity.AddException(error));
        }
        Activity? current = Activity.Current;
        _ = Guarded.Try<object>(() =>
        {
            activity.Stop();
            return null;
        });
        Activity.Current = current == activity ? activity.Parent : current;
    }

    /// <summary>
    /// Whether it is what follows something: an await makes a plain task of its own, whose
    /// state is what follows; ContinueWith() makes one of a type of its own.
    /// </summary>
    public static bool IsContinuation(Task task)
    {
        Type type = task.GetType();
        return task.AsyncState is Action
            || !(type == typeof(Task)
                || (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(Task<>)));
    }

    private static Activity? Start(
        Asyncpal.Pool pool,
        ActivityKind kind,
        string? name,
        Activity? parent,
        ActivityContext? given = null)
    {
        Activity? activity = given == null && Activity.Current == parent
            ? s_source.StartActivity(Operation, kind)
            : s_source.StartActivity(
                Operation, kind, given ?? parent?.Context ?? default);
        if (activity == null)
        {
            return null;
        }
        if (!string.IsNullOrEmpty(name))
        {
            activity.DisplayName = name;
        }
        activity.SetTag("asyncpal.pool.name", pool.Name);
        activity.SetTag("asyncpal.pool.id", pool.Id);
        activity.SetTag("asyncpal.pool.kind", pool.Kind);
        return activity;
    }

    // One that has ended, as that of a later task may have by now, is refused where it is
    // set: what is current stays so only where nothing else has ever been.
    private static Activity? StartApart(
        Asyncpal.Pool pool, string? name, Activity outer, ActivityContext? given)
    {
        Activity? own = null;
        if (ExecutionContext.Capture() is { } context)
        {
            ExecutionContext.Run(
                context,
                _ => own = Start(pool, ActivityKind.Client, name, outer, given),
                null);
        }
        return own;
    }

    /// <summary>A call on a thread, and where it was submitted.</summary>
    private sealed class TracedCall<T>(
        Asyncpal.Pool pool, Call<T> call, TaskOptions? options)
    {
        private readonly Activity? _parent = Activity.Current;
        private readonly ActivityContext? _given = Parse(options?.Traceparent);

        public Func<T> Untraced => call.Invoke;

        public Call<T> Traced => call with
        {
            Invoke = Invoke,
            Stoppable = call.Stoppable is { } stoppable
                ? token => Invoke(() => stoppable(token))
                : null,
        };

        public T Invoke() => Invoke(call.Invoke);

        private T Invoke(Func<T> function)
        {
            Activity? outer = Activity.Current;
            Activity? activity =
                Start(pool, ActivityKind.Internal, options?.Name, _parent, _given);
            if (activity == null && _given is { } given)
            {
                activity = StartUnheard(given);
            }
            try
            {
                T result = function();
                if (result is Task { IsCompleted: false } rest)
                {
                    // The activity goes on with the function.
                    rest.ContinueWith(
                        static (task, activity) => End((Activity?)activity, Error(task)),
                        activity,
                        CancellationToken.None,
                        TaskContinuationOptions.ExecuteSynchronously,
                        TaskScheduler.Default);
                }
                else
                {
                    End(activity, Error(result as Task));
                }
                return result;
            }
            catch (Exception e)
            {
                End(activity, e);
                throw;
            }
            finally
            {
                Activity.Current = outer;
            }
        }

        private static Exception? Error(Task? task) => task?.Exception?.InnerException;
    }
}

/// <summary>What was current where a task was queued.</summary>
internal sealed record SubmittedActivity(Activity? Parent);

/// <summary>How a task that is sent to a process is traced.</summary>
/// <param name="Activity">Its own, here; null: nobody listens.</param>
/// <param name="Parent">
/// Of what runs there, as a traceparent of W3C; empty or null: nothing.
/// </param>
/// <param name="State">The tracestate that belongs to it.</param>
internal readonly record struct TaskTrace(Activity? Activity, string? Parent, string? State)
{
    public bool IsSent => !string.IsNullOrEmpty(Parent);
}

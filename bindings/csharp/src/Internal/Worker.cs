using System;
using System.Threading;
using System.Threading.Tasks;

namespace Asyncpal.Internal;

/// <summary>
/// A native worker thread while it is in .NET: what it runs, and since when.
/// </summary>
/// <remarks>
/// Threads: any may ask what it does; the rest is for its own. What runs is counted here
/// only where .NET counts the pool's tasks.
/// </remarks>
internal sealed class Worker(ThreadPoolHost host, string name) : WorkerCounts
{
    [ThreadStatic]
    private static Worker? t_current;

    /// <summary>See <see cref="Internal.Starting"/>; its own thread only.</summary>
    public Task? Starting;

    // 0: it is no worker, but a thread that tests the hooks.
    private readonly long _native = NativeThreadPool.CurrentWorker();

    // The innermost task on the stack. The lowest frame is used again and again.
    private readonly Frame _lowest = new(null);
    private Frame? _top;

    /// <summary>
    /// The one on whose thread this is called, or null outside of every pool.
    /// </summary>
    public static Worker? Current => t_current;

    public ThreadPoolHost Host => host;

    public Thread Thread { get; } = Thread.CurrentThread;

    /// <summary>What the tasks of the ticket belong to that it has.</summary>
    public PoolScheduler? Scheduler { get; set; }

    /// <summary>How many tasks are on its stack.</summary>
    public int Depth => _top?.Depth ?? 0;

    /// <summary>On any thread: whether it runs a task.</summary>
    public bool IsBusy => Volatile.Read(ref _top) != null;

    public void Install() => t_current = this;

    /// <summary>Before a task runs here.</summary>
    public void Begin(IWorkItem task)
    {
        Frame frame = _top == null ? _lowest : new Frame(_top);
        frame.Begin(task);
        Volatile.Write(ref _top, frame);
    }

    /// <summary>After it, before whoever waits for it can see that.</summary>
    public void End()
    {
        Frame frame = _top!;
        Volatile.Write(ref _top, frame.Outer);
        frame.End();
    }

    /// <summary>
    /// Before a wait for something that this pool is to bring about. False: EndBlocking()
    /// must not be called.
    /// </summary>
    public bool BeginBlocking()
    {
        // So that native code knows of the tasks that wait.
        host.Queued?.Queue.Block();
        if (NativeThreadPool.BeginBlocking())
        {
            return true;
        }
        host.Queued?.Queue.Unblock();
        return false;
    }

    public void EndBlocking()
    {
        NativeThreadPool.EndBlocking();
        host.Queued?.Queue.Unblock();
    }

    /// <summary>
    /// On any thread: its task ends the process and never returns, so that nobody must
    /// wait for it.
    /// </summary>
    /// <param name="isOwnThread">Native code knows then.</param>
    public void LeaveForExit(bool isOwnThread = false)
    {
        if (_native == 0)
        {
            return;
        }
        bool isCounted = host.Queued?.Counts.Remove(this) ?? false;
        if (!isOwnThread)
        {
            NativeThreadPool.LeaveForExit(_native);
        }
        if (isCounted)
        {
            host.Queued!.Queue.Block();  // for ever: another may take its place
        }
    }

    /// <summary>
    /// On any thread: <paramref name="ofNative"/> with what it does by its own account.
    /// </summary>
    public WorkerInfo Describe(WorkerInfo ofNative)
    {
        (IWorkItem? task, TimeSpan runningFor) =
            Volatile.Read(ref _top)?.Describe() ?? default;
        return ofNative with
        {
            IsBusy = task != null,
            TasksDone = Ended.All,
            CurrentTask =
                task == null ? "" : task.Name.Length > 0 ? task.Name : $"task {task.Number}",
            RunningFor = runningFor,
        };
    }

    /// <summary>
    /// Whether what runs is something that was given to AsTaskScheduler(), and not the
    /// rest of it after an await. Its own thread only.
    /// </summary>
    public bool RunsNewItem =>
        _top?.Task is ForeignTask foreign && !TaskTracing.IsContinuation(foreign.Task);

    /// <summary>Of the innermost task; null: none runs. Its own thread only.</summary>
    /// <param name="call">Of an asynchronous function.</param>
    public TaskContext? Context(AsyncCall? call = null)
    {
        IWorkItem? task = _top?.Task;
        return task == null
            ? null
            : new TaskContext(
                task.Name,
                task.Number != 0 ? task.Number : HostedWorker.TaskId(),
                task.Attempt,
                task,
                call);
    }

    public bool IsNamed(string other) => name == other;

    /// <summary>
    /// A task on the worker's stack. One that waits for another may run that on top.
    /// </summary>
    private sealed class Frame(Frame? outer)
    {
        private IWorkItem? _task;

        // In milliseconds: a finer clock would cost more than all else here.
        private long _since;

        public Frame? Outer => outer;

        public IWorkItem? Task => _task;

        public int Depth { get; } = outer == null ? 1 : outer.Depth + 1;

        public void Begin(IWorkItem task)
        {
            Volatile.Write(ref _since, Environment.TickCount64);
            Volatile.Write(ref _task, task);
        }

        public void End() => Volatile.Write(ref _task, null);

        /// <summary>On any thread: the task and for how long it runs.</summary>
        public (IWorkItem? Task, TimeSpan RunningFor) Describe()
        {
            while (true)
            {
                IWorkItem? task = Volatile.Read(ref _task);
                long since = Volatile.Read(ref _since);
                if (task == null)
                {
                    return default;
                }
                // No task begins twice.
                if (task == Volatile.Read(ref _task))
                {
                    return (
                        task,
                        TimeSpan.FromMilliseconds(Environment.TickCount64 - since));
                }
            }
        }
    }
}

using System.Collections.Generic;
using System.Diagnostics.Tracing;
using System.Linq;
using System.Threading;

namespace Asyncpal.Tests;

/// Counts the events of the library that have this in them.
internal sealed class Lines(string part) : EventListener
{
    private int _count;

    public int Count => Volatile.Read(ref _count);

    protected override void OnEventSourceCreated(EventSource eventSource)
    {
        if (eventSource.Name == nameof(Asyncpal))
        {
            EnableEvents(eventSource, EventLevel.Informational);
        }
    }

    protected override void OnEventWritten(EventWrittenEventArgs eventData)
    {
        if (eventData.Payload?[0] is string text && text.Contains(part))
        {
            Interlocked.Increment(ref _count);
        }
    }
}

/// What an observer was told, in order.
internal sealed class RecordingObserver : PoolObserver
{
    private readonly List<Event> _events = [];
    private readonly List<WorkerEvent> _workerEvents = [];
    private readonly List<TaskReport> _stalls = [];

    public Event[] Events => Copy(_events);

    public WorkerEvent[] WorkerEvents => Copy(_workerEvents);

    public TaskReport[] Stalls => Copy(_stalls);

    /// "submit start done", of each task.
    public string[] Lives =>
        [.. Events.Select(one => one.Task.Id).Distinct().Select(LifeOf)];

    /// Of the task that was submitted last.
    public string LastLife => LifeOf(Last("submit").Id);

    public string LifeOf(long id) => string.Join(
        ' ', Events.Where(one => one.Task.Id == id).Select(one => one.What));

    public int CountLives(string life) => Lives.Count(one => one == life);

    public TaskReport Last(string what) => Events.Last(one => one.What == what).Task;

    public override void OnSubmit(TaskReport task) => Add("submit", task);

    public override void OnStart(TaskReport task) => Add("start", task);

    public override void OnDone(TaskReport task) => Add("done", task);

    public override void OnWorkerStarted(WorkerInfo worker)
    {
        lock (_events)
        {
            _workerEvents.Add(new WorkerEvent("started", worker, ""));
        }
    }

    public override void OnWorkerEnded(WorkerInfo worker, string why)
    {
        lock (_events)
        {
            _workerEvents.Add(new WorkerEvent("ended", worker, why));
        }
    }

    public override void OnStall(TaskReport task, string stack)
    {
        lock (_events)
        {
            _stalls.Add(task);
        }
    }

    private void Add(string what, TaskReport task)
    {
        lock (_events)
        {
            _events.Add(new Event(what, task));
        }
    }

    private T[] Copy<T>(List<T> all)
    {
        lock (_events)
        {
            return [.. all];
        }
    }

    public sealed record Event(string What, TaskReport Task);

    public sealed record WorkerEvent(string What, WorkerInfo Worker, string Why);
}

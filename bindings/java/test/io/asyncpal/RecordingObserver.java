package io.asyncpal;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** What an observer was told, in order. */
final class RecordingObserver implements PoolObserver {
  record Event(String what, TaskReport task) {}

  record WorkerEvent(String what, WorkerInfo worker, String why) {}

  private final List<Event> events = new ArrayList<>();
  private final List<WorkerEvent> workerEvents = new ArrayList<>();
  private final List<TaskReport> stalls = new ArrayList<>();
  private final List<String> stacks = new ArrayList<>();

  @Override
  public synchronized void onSubmit(TaskReport task) {
    events.add(new Event("submit", task));
  }

  @Override
  public synchronized void onStart(TaskReport task) {
    events.add(new Event("start", task));
  }

  @Override
  public synchronized void onDone(TaskReport task) {
    events.add(new Event("done", task));
  }

  @Override
  public synchronized void onWorkerStarted(WorkerInfo worker) {
    workerEvents.add(new WorkerEvent("started", worker, ""));
  }

  @Override
  public synchronized void onWorkerEnded(WorkerInfo worker, String why) {
    workerEvents.add(new WorkerEvent("ended", worker, why));
  }

  @Override
  public synchronized void onStall(TaskReport task, String stack) {
    stalls.add(task);
    stacks.add(stack);
  }

  synchronized List<Event> events() {
    return List.copyOf(events);
  }

  synchronized List<WorkerEvent> workerEvents() {
    return List.copyOf(workerEvents);
  }

  synchronized List<TaskReport> stalls() {
    return List.copyOf(stalls);
  }

  List<TaskReport> stallsOf(String name) {
    return stalls().stream().filter(task -> task.name().equals(name)).toList();
  }

  synchronized List<String> stacks() {
    return List.copyOf(stacks);
  }

  TaskReport last(String what) {
    List<Event> all = events().stream().filter(event -> event.what().equals(what)).toList();
    return all.get(all.size() - 1).task();
  }

  /** "submit start done", for each task. */
  Map<Long, String> lives() {
    return events().stream()
        .collect(
            Collectors.groupingBy(
                event -> event.task().id(),
                Collectors.mapping(Event::what, Collectors.joining(" "))));
  }

  Map<String, Long> countLives() {
    return lives().values().stream()
        .collect(Collectors.groupingBy(life -> life, Collectors.counting()));
  }

  /** Of the task that was submitted last. */
  String lastLife() {
    return lives().get(last("submit").id());
  }
}

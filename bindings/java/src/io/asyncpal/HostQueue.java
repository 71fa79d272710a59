package io.asyncpal;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The tasks of a thread pool that wait in Java, and what a ticket does with them on its worker; see
 * {@link HostTickets}.
 *
 * <p>Threads: any.
 *
 * @param <T> the tasks, each of which can be claimed once
 */
class HostQueue<T extends HostQueue.Item> extends HostTickets {
  private static final int SPINS = 32;
  private static final int MAX_TASKS_PER_CALL = 1024;
  private static final int MIN_STALE = 1024;

  /** A task. Once it is not pending any more, it is stale in the queue, and never runs. */
  interface Item {
    boolean isPending();
  }

  /** What a ticket does on its worker; throws nothing. */
  interface Runner<T> {
    /** Claims a task, and counts that it has left. False: somebody else has. */
    boolean claim(T task);

    /** Runs it after that. */
    void run(T task);

    /** No task follows at once. */
    default void pause() {}
  }

  private final ChunkQueue<T> tasks = new ChunkQueue<>();
  private final TaskCounts counts;
  private final AtomicInteger stale = new AtomicInteger(); // roughly this many

  HostQueue(TaskCounts counts) {
    super(counts);
    this.counts = counts;
  }

  // ------------------------------------------------------------------ The tasks

  /** Publishes a numbered task. True: somebody has to seeToWorkers(). */
  boolean push(T task) {
    publish(task);
    return isSignalled();
  }

  void publish(T task) {
    tasks.add(task);
  }

  @Override
  boolean isEmpty() {
    return tasks.isEmpty();
  }

  /**
   * After native code has refused or dropped a ticket: takes the tasks out for which nobody will
   * come any more, as no ticket is out.
   */
  List<T> takeStranded() {
    List<T> stranded = new ArrayList<>();
    ifNoneIsOut(() -> stranded.addAll(takeAll()));
    return stranded;
  }

  /** Takes all tasks out, oldest first; each still has to be claimed. */
  List<T> takeAll() {
    List<T> all = new ArrayList<>();
    for (T task = poll(); task != null; task = poll()) {
      all.add(task);
    }
    return all;
  }

  /** A pending task, or null; it still has to be claimed. */
  T poll() {
    while (true) {
      T task = tasks.poll();
      if (task == null || task.isPending()) {
        return task;
      }
      stale.decrementAndGet();
    }
  }

  /** A task was claimed that is still in the queue. */
  void addStale() {
    if (stale.incrementAndGet() > MIN_STALE && stale.get() > counts.here()) {
      stale.set(0);
      tasks.removeIf(task -> !task.isPending());
    }
  }

  // ------------------------------------------------------------------ What a ticket does

  /** On a worker, for a ticket: runs tasks until there are none, or others must have the worker. */
  void work(Runner<T> runner) {
    begin();
    while (!workOn(runner)) {
      // Entered anew now and then, in case that it was entered as slow code.
    }
  }

  /** Searches. True: the ticket has ended. */
  private boolean workOn(Runner<T> runner) {
    boolean searches = true;
    int spins = 0;
    for (int n = 0; ; ) {
      T task = poll();
      if (task != null) {
        if (!runner.claim(task)) {
          continue;
        }
        if (searches) {
          found(); // not before it has left, or it would look like one more
          searches = false;
        }
        awaitResume();
        runner.run(task);
        if (isCrowded() && endIfCrowded()) {
          return true;
        }
        if (++n >= MAX_TASKS_PER_CALL) {
          search();
          return false;
        }
      } else if (!searches) {
        runner.pause();
        search();
        searches = true;
        spins = 0;
      } else if (spins++ < SPINS) {
        Thread.yield();
      } else if (end()) {
        return true;
      }
    }
  }
}

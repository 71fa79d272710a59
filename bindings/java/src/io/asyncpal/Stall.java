package io.asyncpal;

import java.lang.System.Logger;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Whether a thread pool is stuck: tasks are pending, every worker is blocked inside a task, and
 * nothing has started or ended between two looks.
 *
 * <p>How it works. Waits on the pool's own futures are known: they tell native code, which starts
 * a stand-in when all workers wait. Others are found by looking. If one of the blocked workers
 * waits for tasks, as {@link Worker#waitsForTasks} has it, all are declared blocked to native code,
 * which then starts a stand-in. Each stays so until it is seen elsewhere, or its task ends. If
 * nothing helps for longer, it is reported, once.
 *
 * <p>Threads: that of {@link StallWatch}, but for the count.
 */
final class Stall {
  private static final long REPORT_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final Collection<Worker> workers;
  private final AtomicLong count = new AtomicLong();
  private long lastEvents = -1;
  private long since; // nanoTime() of the look since which nothing has happened
  private boolean counted; // this one
  private boolean reported; // any

  Stall(Collection<Worker> workers) {
    this.workers = workers;
  }

  /** How often the pool was found stuck in a way that it could not help. */
  long count() {
    return count.get();
  }

  /** False: nothing is pending, and there is no reason to look again. */
  boolean look(Pool pool) {
    releaseStandIns();
    PoolStats stats = pool.stats();
    if (stats.pending() == 0) {
      lastEvents = -1;
      return workers.stream().anyMatch(Worker::isStoodInFor);
    }
    long ended = stats.completed() + stats.failed() + stats.cancelled();
    long started = stats.submitted() - stats.pending();
    long now = System.nanoTime();
    if (ended + started != lastEvents) {
      lastEvents = ended + started;
      since = now;
      counted = false;
      return true;
    }
    List<Worker> blocked = blockedWorkers();
    if (blocked.isEmpty() || blocked.size() != stats.busy() || stats.workers() != stats.busy()) {
      since = now; // somebody is at work
      return true;
    }
    if (blocked.stream().anyMatch(Worker::waitsForTasks)) {
      blocked.forEach(Worker::standIn);
    }
    if (!blocked.stream().allMatch(Worker::needsOthers)) {
      since = now; // somebody will be at work
      return true;
    }
    if (!counted && now - since >= REPORT_NANOS) {
      counted = true;
      count.incrementAndGet();
      if (!reported) {
        reported = true;
        report(pool, blocked, stats.pending());
      }
    }
    return true;
  }

  private void releaseStandIns() {
    for (Worker worker : workers) {
      worker.endStandInIfElsewhere();
    }
  }

  /** Those that are blocked; empty if one is not. */
  private List<Worker> blockedWorkers() {
    List<Worker> blocked = new ArrayList<>();
    for (Worker worker : workers) {
      if (!worker.isBlocked()) {
        return List.of();
      }
      blocked.add(worker);
    }
    return blocked;
  }

  private static void report(Pool pool, List<Worker> blocked, long pending) {
    StringBuilder text = new StringBuilder();
    text.append(
        String.format(
            "pool '%s': all %d worker(s) are blocked inside of tasks, %d task(s) are pending, and"
                + " nothing has ended for %d s. If what they wait for is to come from this pool, it"
                + " is stuck.",
            pool.name(),
            blocked.size(),
            pending,
            TimeUnit.NANOSECONDS.toSeconds(REPORT_NANOS)));
    List<WorkerInfo> infos = pool.workers();
    for (Worker worker : blocked) {
      WorkerInfo info =
          infos.stream().filter(i -> i.name().equals(worker.name)).findAny().orElse(null);
      text.append(
          String.format(
              "%n  '%s' in %s, running for %d ms, waits for %s%s",
              info == null ? "a task" : info.currentTask(),
              worker.name,
              info == null ? 0 : info.runningFor().toMillis(),
              worker.blockerName(),
              worker.lineOfTask()));
    }
    System.getLogger("io.asyncpal").log(Logger.Level.WARNING, text.toString());
  }
}

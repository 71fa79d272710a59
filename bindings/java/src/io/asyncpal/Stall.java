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
 * waits for tasks, as {@link BlockedWorker#waitsForTasks} has it, all are declared blocked to
 * native code, which then starts a stand-in. Each stays so until it is seen elsewhere, or its task
 * ends. If every look of a second finds all workers in the same waits, that is reported, once.
 *
 * <p>Threads: that of {@link StallWatch}, but for the count.
 */
final class Stall {
  private static final long REPORT_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final Collection<Worker> workers;
  private final AtomicLong count = new AtomicLong();
  private long lastEvents = -1;
  private long since; // nanoTime() of the look since which nothing has happened
  private List<BlockedWorker> lastBlocked = List.of(); // by that look and all later ones
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
      lastBlocked = List.of();
      return workers.stream().anyMatch(Worker::isStoodInFor);
    }
    if (events(stats) != lastEvents) {
      lastEvents = events(stats);
      counted = false;
      startAnew(List.of());
      return true;
    }
    List<BlockedWorker> blocked = blockedWorkers();
    if (blocked.isEmpty() || blocked.size() != stats.busy() || stats.workers() != stats.busy()) {
      startAnew(List.of()); // somebody is at work
      return true;
    }
    if (blocked.stream().anyMatch(BlockedWorker::waitsForTasks)) {
      blocked.forEach(b -> b.worker().standIn());
    }
    if (!blocked.stream().allMatch(BlockedWorker::needsOthers)) {
      startAnew(List.of()); // somebody will be at work
      return true;
    }
    if (!continuesLast(blocked)) {
      startAnew(blocked); // somebody was at work
    } else if (!counted && System.nanoTime() - since >= REPORT_NANOS) {
      String report = describe(pool, blocked, stats.pending());
      if (events(pool.stats()) == lastEvents) {
        counted = true;
        try {
          reportOnce(report);
        } finally {
          count.incrementAndGet(); // last: whoever sees the count finds the report
        }
      }
    }
    return true;
  }

  private void reportOnce(String report) {
    if (!reported) {
      reported = true;
      System.getLogger("io.asyncpal").log(Logger.Level.WARNING, report);
    }
  }

  /** Changes whenever a task starts or ends. */
  private static long events(PoolStats stats) {
    return stats.completed() + stats.failed() + stats.cancelled() // ended
        + (stats.submitted() - stats.pending()); // started
  }

  /** The second before a report begins, with these waits. */
  private void startAnew(List<BlockedWorker> blocked) {
    since = System.nanoTime();
    lastBlocked = blocked;
  }

  private boolean continuesLast(List<BlockedWorker> blocked) {
    if (blocked.size() != lastBlocked.size()) {
      return false;
    }
    for (int i = 0; i < blocked.size(); i++) {
      if (!blocked.get(i).continues(lastBlocked.get(i))) {
        return false;
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
  private List<BlockedWorker> blockedWorkers() {
    if (!workers.stream().allMatch(Worker::isBlocked)) {
      return List.of(); // found without a walk over anybody's stack
    }
    List<BlockedWorker> blocked = new ArrayList<>();
    for (Worker worker : workers) {
      BlockedWorker wait = BlockedWorker.of(worker);
      if (wait == null) {
        return List.of();
      }
      blocked.add(wait);
    }
    return blocked;
  }

  private static String describe(Pool pool, List<BlockedWorker> blocked, long pending) {
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
    for (BlockedWorker wait : blocked) {
      String name = wait.worker().name;
      WorkerInfo info = infos.stream().filter(i -> i.name().equals(name)).findAny().orElse(null);
      text.append(
          String.format(
              "%n  '%s' in %s, running for %d ms, waits for %s%s",
              info == null ? "a task" : info.currentTask(),
              name,
              info == null ? 0 : info.runningFor().toMillis(),
              wait.blockerName(),
              wait.lineOfTask()));
    }
    return text.toString();
  }
}

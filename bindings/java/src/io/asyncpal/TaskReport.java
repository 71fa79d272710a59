package io.asyncpal;

import io.asyncpal.internal.swig.NativeTaskReport;
import java.time.Duration;
import java.util.OptionalLong;

/**
 * One task, as a {@link PoolObserver} is told of it.
 *
 * @param pool the pool's name
 * @param name that of its {@link TaskOptions}; may be empty
 * @param id unique in its pool
 * @param outcome {@code PENDING} when it is submitted, {@code RUNNING} when it starts, what it has
 *     become when it is done
 * @param lost it failed because its worker died
 * @param waited from its submission to its start, or until now
 * @param ran from its start to its end, or until now; of several attempts, from the first start on
 * @param worker {@link WorkerInfo#id} of who runs it; 0: nobody does or did, or it is a thread that
 *     is no worker ({@link WhenFull#CALLER_RUNS})
 * @param pid the worker's process id, or for a thread the system's thread id; empty: as for {@code
 *     worker}
 * @param attempt 1, 2, ...; 0: it has not started
 */
public record TaskReport(
    String pool,
    String name,
    long id,
    Outcome outcome,
    boolean lost,
    Duration waited,
    Duration ran,
    long worker,
    OptionalLong pid,
    int attempt) {

  /** What has become of a task. */
  public enum Outcome {
    /** It waits for a worker. */
    PENDING,
    /** It runs. */
    RUNNING,
    /** It has returned. */
    COMPLETED,
    /** It has thrown, or could not be run. */
    FAILED,
    /** It was cancelled. */
    CANCELLED;

    private static final Outcome[] ALL = values(); // in native code's order
  }

  static TaskReport of(NativeTaskReport task) {
    long pid = task.getPid();
    return new TaskReport(
        task.getPool(),
        task.getName(),
        task.getId(),
        Outcome.ALL[task.getState()],
        task.getLost(),
        Duration.ofNanos(task.getWaited()),
        Duration.ofNanos(task.getRan()),
        task.getWorker(),
        pid == 0 ? OptionalLong.empty() : OptionalLong.of(pid),
        task.getAttempt());
  }
}

package io.asyncpal;

import io.asyncpal.internal.swig.NativeWorkerInfo;
import java.time.Duration;
import java.util.OptionalLong;

/**
 * What a pool knows about one of its workers.
 *
 * @param id 1, 2, 3, ... per pool
 * @param name {@code <pool>-worker-<id>}
 * @param pid of the worker process; of a thread, its id in the system; empty before there is one
 * @param busy whether it runs a task
 * @param tasksDone how many it has run
 * @param currentTask what it runs: the name from its {@link TaskOptions}, or {@code task 7} without
 *     one; empty if it is idle
 * @param runningFor how long that has been running; zero if it is idle. In a thread pool where
 *     tasks follow each other closely, it may be a tenth of a second too long.
 */
public record WorkerInfo(
    long id,
    String name,
    OptionalLong pid,
    boolean busy,
    long tasksDone,
    String currentTask,
    Duration runningFor) {
  static WorkerInfo of(NativeWorkerInfo worker) {
    long pid = worker.getPid();
    return new WorkerInfo(
        worker.getId(),
        worker.getName(),
        pid == 0 ? OptionalLong.empty() : OptionalLong.of(pid),
        worker.getBusy(),
        worker.getTasksDone(),
        worker.getCurrentTask(),
        Duration.ofNanos(worker.getRunningFor()));
  }
}

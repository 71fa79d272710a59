package io.asyncpal;

import io.asyncpal.internal.swig.NativePoolStats;
import java.time.Duration;
import java.util.concurrent.Future;

/**
 * A consistent snapshot of a pool: {@code workers = busy + idle}, and {@code submitted = pending +
 * running + completed + failed + cancelled}.
 *
 * <p>A task is counted before its future is done: once you have its result, it is counted here.
 *
 * @param workers how many there are now
 * @param busy how many of them run a task
 * @param idle how many of them wait for one
 * @param submitted how many tasks the pool has accepted
 * @param pending how many have not started
 * @param running how many have started and are not done
 * @param completed how many have returned
 * @param failed how many have thrown, or were lost
 * @param cancelled how many never ran, or were running when {@link Future#cancel} was called
 * @param lost how many failed because their worker process died; counted in {@code failed} too
 * @param rejected how many tasks there was no room for: refused at the call (never submitted), or
 *     dropped for another task (counted in {@code failed} too)
 * @param stalls how often a thread pool was found with tasks pending, every worker blocked inside a
 *     task, and nothing ending for a second; see {@link ThreadPool}
 * @param expired how many had not started by their queue deadline; counted in {@code failed} too
 * @param timedOut how many ran longer than their timeout; counted in {@code failed} too
 * @param workersStarted how many workers have become ready for tasks, those that replaced others
 *     included
 * @param workersLost how many worker processes have died though nobody wanted them to
 * @param oldestPending how long the task has been pending that has waited longest; zero: none is.
 *     For a task of a thread pool without {@link TaskOptions}, it counts from the first look after
 *     its submission, by whoever asks for this, or by the pool itself, which looks ten times a
 *     second while tasks are pending; and is shorter if tasks behind it were cancelled. A pool with
 *     {@link PoolBuilder#histograms} or an observer counts from the submission.
 * @param waitTimes how long the tasks that have started had waited; empty without {@link
 *     PoolBuilder#histograms} and without an observer
 * @param runTimes how long those that have run did so; a little ahead of the counts, or behind
 * @param delayed how many wait for their time, see {@link PoolTimers}. They are submitted, and
 *     counted above, when they are due.
 * @param retried how often a task was tried again, see {@link TaskOptions#retry}. Each attempt is a
 *     task in the counts above.
 */
public record PoolStats(
    long workers,
    long busy,
    long idle,
    long submitted,
    long pending,
    long running,
    long completed,
    long failed,
    long cancelled,
    long lost,
    long rejected,
    long stalls,
    long expired,
    long timedOut,
    long workersStarted,
    long workersLost,
    Duration oldestPending,
    DurationHistogram waitTimes,
    DurationHistogram runTimes,
    long delayed,
    long retried) {

  static PoolStats of(NativePoolStats stats, long stalls, long delayed) {
    return new PoolStats(
        stats.getWorkers(),
        stats.getBusy(),
        stats.getIdle(),
        stats.getSubmitted(),
        stats.getPending(),
        stats.getRunning(),
        stats.getCompleted(),
        stats.getFailed(),
        stats.getCancelled(),
        stats.getLost(),
        stats.getRejected(),
        stats.getStalls() + stalls,
        stats.getExpired(),
        stats.getTimedOut(),
        stats.getWorkersStarted(),
        stats.getWorkersLost(),
        Duration.ofNanos(stats.getOldestPending()),
        DurationHistogram.of(stats.getWait()),
        DurationHistogram.of(stats.getRun()),
        delayed,
        stats.getRetried());
  }
}

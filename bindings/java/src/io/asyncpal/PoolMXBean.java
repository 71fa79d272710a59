package io.asyncpal;

/**
 * What both kinds of pools show by JMX. Numbers of one bean are read one by one, so that they need
 * not fit together; {@link Pool#stats} is a snapshot.
 */
public interface PoolMXBean {
  /**
   * The name that the pool was given.
   *
   * @return by default the name of its class
   */
  String getName();

  /**
   * How many workers there may be.
   *
   * @return at least 1
   */
  int getMaxWorkers();

  /**
   * How many workers stay when they are idle.
   *
   * @return see {@link Pool#setMinWorkers}
   */
  int getMinWorkers();

  /**
   * Whether no further task begins for now.
   *
   * @return see {@link Pool#pause}
   */
  boolean isPaused();

  /**
   * How many workers there are.
   *
   * @return busy and idle ones
   */
  long getWorkers();

  /**
   * How many workers run a task.
   *
   * @return at most all of them
   */
  long getBusyWorkers();

  /**
   * How many workers wait for a task.
   *
   * @return at most all of them
   */
  long getIdleWorkers();

  /**
   * How many tasks the pool has accepted.
   *
   * @return since it was made
   */
  long getSubmittedTasks();

  /**
   * How many tasks wait for a worker.
   *
   * @return at this moment
   */
  long getPendingTasks();

  /**
   * How many tasks wait for their time; see {@link PoolTimers}.
   *
   * @return at this moment
   */
  long getDelayedTasks();

  /**
   * How often a task was tried again, see {@link TaskOptions#retry}.
   *
   * @return since the pool was made
   */
  long getRetriedTasks();

  /**
   * How many tasks run.
   *
   * @return at this moment
   */
  long getRunningTasks();

  /**
   * How many tasks have returned.
   *
   * @return since the pool was made
   */
  long getCompletedTasks();

  /**
   * How many tasks have thrown, or could not be run.
   *
   * @return since the pool was made
   */
  long getFailedTasks();

  /**
   * How many tasks were cancelled.
   *
   * @return since the pool was made
   */
  long getCancelledTasks();

  /**
   * How many tasks there was no room for.
   *
   * @return since the pool was made
   */
  long getRejectedTasks();

  /**
   * How many tasks had not started by their queue deadline.
   *
   * @return since the pool was made
   */
  long getExpiredTasks();

  /**
   * How many tasks ran longer than their timeout.
   *
   * @return since the pool was made
   */
  long getTimedOutTasks();

  /**
   * How many workers have become ready for tasks.
   *
   * @return since the pool was made
   */
  long getStartedWorkers();

  /**
   * How many workers have died though nobody wanted them to.
   *
   * @return since the pool was made
   */
  long getLostWorkers();

  /**
   * How long the task has been pending that has waited longest.
   *
   * @return 0 if none is pending; see {@link PoolStats#oldestPending}
   */
  double getOldestPendingSeconds();

  /**
   * The bounds of both histograms.
   *
   * @return in seconds, ascending; empty without {@link PoolBuilder#histograms}
   */
  double[] getHistogramBoundsSeconds();

  /**
   * How many of the tasks that have started had waited for how long.
   *
   * @return one for each bound, and one for what is longer than all of them
   */
  long[] getWaitCounts();

  /**
   * How long those tasks had waited together.
   *
   * @return the sum
   */
  double getWaitSumSeconds();

  /**
   * How many of the tasks that have run did so for how long.
   *
   * @return one for each bound, and one for what is longer than all of them
   */
  long[] getRunCounts();

  /**
   * How long those tasks have run together.
   *
   * @return the sum
   */
  double getRunSumSeconds();

  /**
   * Whether the pool takes no more tasks.
   *
   * @return true after a shutdown
   */
  boolean isShutdown();

  /**
   * Whether the pool can't run tasks any more.
   *
   * @return as {@link Pool#isBroken}
   */
  boolean isBroken();

  /**
   * What this pool does.
   *
   * @return its part of {@link Pool#dumpState}
   */
  String dumpState();
}

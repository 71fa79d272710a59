package io.asyncpal;

/**
 * What a submission to a full pool does: one where {@link PoolBuilder#maxPending} tasks wait.
 *
 * <p>On a thread of the pool's own, {@link #BLOCK} never blocks: a thread pool runs the task at
 * once, on that thread, and a process pool accepts it beyond the limit. Maps wait for room in every
 * mode.
 */
public enum WhenFull {
  /**
   * The call waits until there is room. It throws {@link
   * java.util.concurrent.RejectedExecutionException} if the pool is shut down or breaks meanwhile,
   * the task's {@code queueDeadline} passes, or the thread is interrupted, in which case its
   * interrupt flag stays set.
   */
  BLOCK,

  /** The call throws {@link java.util.concurrent.RejectedExecutionException}. */
  REJECT,

  /** The task runs on the calling thread, before the call returns. For thread pools only. */
  CALLER_RUNS,

  /**
   * The task that has waited longest makes room. Its future fails with {@link
   * java.util.concurrent.RejectedExecutionException}; {@code shutdownNow} does not return it.
   */
  DROP_OLDEST
}

package io.asyncpal;

/**
 * What happens to open pools when the JVM ends; set by {@link GlobalShutdown#setMode}.
 *
 * <p>In all modes worker processes end with the JVM.
 */
public enum ExitMode {
  /**
   * The JVM's end waits until the pools have nothing left to do or the deadline has passed. Nothing
   * is closed, cancelled or interrupted: until the JVM halts, pools run what they have and accept
   * more, so other shutdown hooks may submit tasks and wait for them for longer. Workers that run
   * out of tasks meanwhile run their finalizers and end.
   */
  DRAIN,

  /**
   * Pools are closed: pending tasks are cancelled, tasks running in threads are interrupted and
   * waited for until the deadline, and busy worker processes are killed at once.
   */
  CANCEL,

  /** Nothing is waited for. */
  NONE
}

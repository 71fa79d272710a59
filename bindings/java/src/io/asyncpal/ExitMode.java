package io.asyncpal;

/**
 * What becomes of open pools when the JVM ends, by {@link GlobalShutdown#setMode}.
 *
 * <p>In all modes worker processes end with the JVM.
 */
public enum ExitMode {
  /**
   * The end waits until the pools have nothing to do, or the deadline has passed. It closes,
   * cancels and interrupts nothing: until the JVM halts, pools run what they have and accept more,
   * so other shutdown hooks may submit tasks, and wait for them for longer. Workers that run out of
   * tasks meanwhile go, finalizers included.
   */
  DRAIN,

  /**
   * Pools are closed: what is pending is cancelled, what runs in threads is interrupted and waited
   * for until the deadline, and busy worker processes are killed at once.
   */
  CANCEL,

  /** Nothing is waited for. */
  NONE
}

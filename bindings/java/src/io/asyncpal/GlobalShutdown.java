package io.asyncpal;

import java.time.Duration;
import java.util.Objects;

/**
 * What happens to open pools when the JVM ends: at the end of {@code main}, by {@link System#exit},
 * an uncaught exception or a signal, but not by {@link Runtime#halt}.
 *
 * <p>A shutdown hook does what {@link #setMode} says. By default it waits until the pools have
 * nothing left to do, or the deadline has passed; it closes and cancels nothing, so pools still
 * work in the application's own hooks, as those of {@code java.util.concurrent} do. Tasks that are
 * still running when the deadline passes are named on standard error, and end with the JVM, as
 * worker processes do. A task that itself calls {@link System#exit} is not waited for: it can't end
 * before the JVM.
 *
 * <p>Workers are daemon threads, so an open pool doesn't keep a JVM from ending; and the hook
 * ignores a pool with {@code closeOnExit(false)}.
 *
 * <p><b>Threads:</b> any, at any time. Once the JVM has begun to end, both setters do nothing.
 */
public final class GlobalShutdown {
  // Both are guarded by the class.
  private static ExitMode mode = ExitMode.DRAIN;
  private static Duration deadline = Duration.ofSeconds(5);

  private GlobalShutdown() {}

  /**
   * Sets what the end of the JVM does to open pools.
   *
   * @param newMode the mode; {@link ExitMode#DRAIN} if this is never called
   */
  public static synchronized void setMode(ExitMode newMode) {
    Objects.requireNonNull(newMode, "newMode");
    if (!isJvmEnding()) {
      mode = newMode;
    }
  }

  /**
   * Limits how long the end of the JVM may wait for the tasks of all pools together.
   *
   * @param newDeadline not negative; 5 seconds if this is never called; more than 292 years means
   *     forever
   * @throws IllegalArgumentException if {@code newDeadline} is negative
   */
  public static synchronized void setDeadline(Duration newDeadline) {
    Durations.toNanos("deadline", newDeadline);
    if (!isJvmEnding()) {
      deadline = newDeadline;
    }
  }

  static void install() {
    try {
      Runtime.getRuntime().addShutdownHook(new Thread(GlobalShutdown::run, "asyncpal-shutdown"));
    } catch (IllegalStateException e) {
      // The JVM is ending already: its daemon threads end with it.
    }
  }

  static boolean isJvmEnding() {
    try {
      Runtime.getRuntime().removeShutdownHook(new Thread());
      return false;
    } catch (IllegalStateException e) {
      return true;
    }
  }

  private static void run() {
    ExitMode mode;
    Duration deadline;
    synchronized (GlobalShutdown.class) {
      mode = GlobalShutdown.mode;
      deadline = GlobalShutdown.deadline;
    }
    try {
      switch (mode) {
        case DRAIN -> OpenPools.drain(deadline);
        case CANCEL -> OpenPools.cancel(deadline);
        case NONE -> {}
      }
    } catch (InterruptedException e) {
      // Someone wants the JVM to end now.
    }
  }
}

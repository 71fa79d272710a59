package io.asyncpal;

import io.asyncpal.internal.swig.Library;
import java.time.Duration;

/**
 * What happens to open pools when the JVM ends: at the end of {@code main}, by {@link System#exit},
 * an uncaught exception or a signal, but not by {@link Runtime#halt}.
 *
 * <p>A shutdown hook closes every pool: what is pending is cancelled, what runs is interrupted and
 * waited for. Tasks that still run when the deadline passes are named on standard error, worker
 * processes are killed, and the JVM ends. Workers are daemon threads, so an open pool doesn't keep
 * a JVM from ending.
 */
public final class GlobalShutdown {
  private GlobalShutdown() {}

  /**
   * Limits how long the end of the JVM may wait for the tasks of all pools together.
   *
   * @param deadline not negative; 5 seconds if this is never called
   * @throws IllegalArgumentException if {@code deadline} is negative
   */
  public static void setDeadline(Duration deadline) {
    NativeLibrary.load();
    Library.setShutdownDeadline(Durations.toNanos("deadline", deadline));
  }

  static void install() {
    try {
      Runtime.getRuntime().addShutdownHook(new Thread(GlobalShutdown::run, "asyncpal-shutdown"));
    } catch (IllegalStateException e) {
      // The JVM is ending already: its daemon threads end with it.
    }
  }

  private static void run() {
    for (ThreadHost host : ThreadHost.LIVE) {
      host.stopRunning();
    }
    Library.shutdown();
  }
}

package io.asyncpal;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/**
 * Looks, every now and then, at the thread pools that may be stuck: to which tasks were submitted,
 * and in which some are still pending.
 *
 * <p>There is one thread for all pools, while there is something to look at and for a moment
 * longer. A pool with nothing pending is not looked at, until the next submission.
 */
final class StallWatch {
  /** Nothing may end for this long before the pool looks why. */
  static final long PERIOD_MILLIS = 100;

  private static final long IDLE_MILLIS = 5_000;

  // Both are guarded by the class.
  private static final Set<ThreadPoolHost> PENDING = new LinkedHashSet<>();
  private static Thread thread;
  private static int ticks;

  // Written with the class's monitor held.
  private static volatile int tick;

  private StallWatch() {}

  /**
   * A number that changes with each look, every {@link #PERIOD_MILLIS} or so: a clock that costs
   * nothing to read. 0: it stands still.
   */
  static int tick() {
    return tick;
  }

  /** Looks at a pool until that says that nothing is pending. False: there is no thread for it. */
  static synchronized boolean add(ThreadPoolHost host) {
    if (thread != null) {
      PENDING.add(host);
      startTick();
      StallWatch.class.notifyAll();
      return true;
    }
    Thread watch = new Thread(null, StallWatch::run, "asyncpal-watch", 0, false);
    watch.setDaemon(true);
    watch.setContextClassLoader(null);
    try {
      watch.start();
    } catch (OutOfMemoryError e) {
      return false;
    }
    thread = watch;
    PENDING.add(host);
    startTick();
    return true;
  }

  private static synchronized void remove(ThreadPoolHost host) {
    PENDING.remove(host);
    if (PENDING.isEmpty()) {
      tick = 0;
    }
  }

  private static void startTick() {
    ticks = ticks == Integer.MAX_VALUE ? 1 : ticks + 1;
    tick = ticks;
  }

  private static void run() {
    for (List<ThreadPoolHost> hosts = next(); !hosts.isEmpty(); hosts = next()) {
      for (ThreadPoolHost host : hosts) {
        if (!host.look()) {
          remove(host);
          host.endWatch();
        }
      }
    }
  }

  /** Those to look at now; empty: the thread ends. */
  private static synchronized List<ThreadPoolHost> next() {
    if (PENDING.isEmpty()) {
      sleep(IDLE_MILLIS, true);
    }
    if (PENDING.isEmpty()) {
      thread = null;
      return List.of();
    }
    sleep(PERIOD_MILLIS, false);
    startTick();
    return new ArrayList<>(PENDING);
  }

  /** Gives up the class's monitor for that long, or until there is a pool to look at. */
  private static void sleep(long millis, boolean untilPending) {
    long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
    for (long left = millis;
        left > 0 && !(untilPending && !PENDING.isEmpty());
        left = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime())) {
      try {
        StallWatch.class.wait(left);
      } catch (InterruptedException e) {
        // Nobody has a reason to.
      }
    }
  }
}

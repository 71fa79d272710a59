package io.asyncpal;

import io.asyncpal.internal.swig.Library;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;

/**
 * The pools that the end of the JVM takes care of, until they have terminated.
 *
 * <p>How it works. A task that calls {@link System#exit} waits in there for the shutdown hooks, so
 * none of these may wait for the task. Such calls can come at any time, and nothing tells of them;
 * so the hook waits in slices, and looks for them before each.
 */
final class OpenPools {
  private static final long SLICE = TimeUnit.MILLISECONDS.toNanos(50);
  // A pool that nobody refers to runs what it has, and ends by itself.
  private static final Map<PoolHost, WeakReference<Pool>> OPEN = new ConcurrentHashMap<>();

  private OpenPools() {}

  static void add(PoolHost host, Pool pool) {
    OPEN.put(host, new WeakReference<>(pool));
    if (host.ended().getCount() == 0) {
      OPEN.remove(host); // by a shutdown at the same moment
    }
  }

  static void remove(PoolHost host) {
    OPEN.remove(host);
  }

  /** Whether a thread is inside of {@link System#exit}, from which it will not return. */
  static boolean isExiting(Thread thread) {
    for (StackTraceElement frame : thread.getStackTrace()) {
      if (frame.getMethodName().equals("exit")
          && frame.getClassName().equals(Runtime.class.getName())) {
        return true;
      }
    }
    return false;
  }

  /** Waits until no pool has anything to do; closes none. */
  static void drain(Duration deadline) throws InterruptedException {
    Limit limit = new Limit(deadline);
    long submitted = -1;
    while (true) {
      long before = submitted;
      submitted = 0;
      boolean quiet = true;
      for (Map.Entry<PoolHost, WeakReference<Pool>> entry : OPEN.entrySet()) {
        Pool pool = entry.getValue().get();
        quiet &= becomesQuiet(entry.getKey(), pool, limit.slice());
        submitted += pool == null ? 0 : pool.stats().submitted();
      }
      // One pool may have given tasks to another that had been asked before.
      if (quiet && submitted == before) {
        return;
      }
      if (limit.hasPassed()) {
        if (!quiet) {
          OPEN.values().forEach(pool -> report(pool.get(), deadline));
        }
        return;
      }
    }
  }

  private static boolean becomesQuiet(PoolHost host, Pool pool, long nanos)
      throws InterruptedException {
    host.leaveOutTasksThatExit();
    if (pool == null) {
      return host.ended().await(nanos, TimeUnit.NANOSECONDS);
    }
    return pool.join(Duration.ofNanos(nanos));
  }

  private static void report(Pool pool, Duration deadline) {
    if (pool == null) {
      return;
    }
    for (WorkerInfo worker : pool.workers()) {
      if (worker.busy()) {
        System.err.printf(
            "asyncpal: pool '%s': '%s' is still running in %s, %d ms after the end of the JVM"
                + " began, and ends with it%n",
            pool.name(), worker.currentTask(), worker.name(), deadline.toMillis());
      }
    }
    long pending = pool.stats().pending();
    if (pending > 0) {
      System.err.printf(
          "asyncpal: pool '%s': %d pending task(s) end with the JVM%n", pool.name(), pending);
    }
  }

  /** Closes all pools, cancels what they have, and waits until they have ended. */
  static void cancel(Duration deadline) throws InterruptedException {
    Set<PoolHost> stopped = new HashSet<>();
    stopAll(stopped);
    // Native code also closes pools that nobody refers to, and tells what hangs. Whoever makes a
    // pool from now on may find it closed.
    Library.setShutdownDeadline(Durations.toNanos("deadline", deadline));
    Thread natives = new Thread(Library::shutdown, "asyncpal-shutdown-native");
    natives.setDaemon(true);
    natives.start();
    while (natives.isAlive()) {
      stopAll(stopped);
      OPEN.keySet().forEach(PoolHost::leaveOutTasksThatExit);
      TimeUnit.NANOSECONDS.timedJoin(natives, SLICE);
    }
  }

  /** Stops those that are not in {@code stopped} yet. */
  private static void stopAll(Set<PoolHost> stopped) {
    for (Map.Entry<PoolHost, WeakReference<Pool>> entry : OPEN.entrySet()) {
      if (stopped.add(entry.getKey())) {
        Pool pool = entry.getValue().get();
        if (pool != null) {
          pool.cancelPending();
        }
        entry.getKey().stopAtExit(pool);
      }
    }
  }

  /** Counts down from a deadline. */
  private static final class Limit {
    private final long start = System.nanoTime();
    private final long nanos;

    Limit(Duration deadline) {
      nanos = Durations.toNanos("deadline", deadline);
    }

    long left() {
      return nanos == Long.MAX_VALUE ? nanos : Math.max(0, nanos - (System.nanoTime() - start));
    }

    long slice() {
      return Math.min(left(), SLICE);
    }

    boolean hasPassed() {
      return left() == 0;
    }
  }
}

package io.asyncpal;

import io.asyncpal.internal.swig.NativePoolStats;
import io.asyncpal.internal.swig.TaskOutcome;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * What a thread pool that counts in Java knows of its tasks, and the workers that count for
 * themselves.
 *
 * <p>Each task is numbered, then leaves what is pending or is refused, then ends. The counts are
 * read the other way round, so each snapshot adds up. Threads: any.
 */
final class TaskCounts {
  final Set<Worker> workers = ConcurrentHashMap.newKeySet();

  private final AtomicLong numbered = new Counter();
  private final AtomicLong refused = new AtomicLong();
  private final AtomicLong left = new Counter();
  private final AtomicLong inNativeQueue = new AtomicLong(); // of those that are pending
  // How many have ended elsewhere than on `workers`, by TaskOutcome. Guarded by itself, which also
  // guards who is counted in it.
  private final long[] endedElsewhere = new long[3];
  private volatile boolean staysNative;
  private final PendingAge pendingAge = new PendingAge();

  // On a cache line of its own.
  @SuppressWarnings("serial")
  private static final class Counter extends AtomicLong {
    long gap0, gap1, gap2, gap3, gap4, gap5, gap6, gap7;
    long gap8, gap9, gap10, gap11, gap12, gap13, gap14, gap15;
  }

  /** A task is about to be submitted; its number. */
  long number() {
    return numbered.incrementAndGet();
  }

  /** It was not submitted after all. */
  void refuse() {
    refused.incrementAndGet();
  }

  /** It is pending no more. */
  void leave() {
    left.incrementAndGet();
  }

  /** A numbered task goes to native code's queue. */
  void enterNativeQueue() {
    inNativeQueue.incrementAndGet();
  }

  /** It is pending there no more; before leave() or refuse(). */
  void leaveNativeQueue() {
    inNativeQueue.decrementAndGet();
  }

  /** Whether a task must go to native code's queue, to stay behind others. */
  boolean mustFollowNative() {
    return inNativeQueue.get() > 0 || staysNative;
  }

  /** Whether all tasks go to native code's queue from now on. */
  void stayNative(boolean value) {
    staysNative = value;
  }

  /**
   * How many tasks are pending in Java: not less than those that were numbered before the call, as
   * far as the caller can know of them.
   */
  long here() {
    // In this order: a task may be counted in between.
    long gone = left.get() + refused.get() + inNativeQueue.get();
    return numbered.get() - gone;
  }

  /** A pending task was claimed, and never runs. */
  void drop(int outcome) {
    leave();
    end(outcome);
  }

  /** A task that has left has ended, on no worker. */
  void end(int outcome) {
    synchronized (endedElsewhere) {
      endedElsewhere[outcome]++;
    }
  }

  /** It is none of the pool's workers any more. False: it was none before. */
  boolean remove(Worker worker) {
    synchronized (endedElsewhere) {
      if (!workers.remove(worker)) {
        return false;
      }
      for (int i = 0; i < endedElsewhere.length; i++) {
        endedElsewhere[i] += worker.countEnded(i);
      }
      return true;
    }
  }

  PoolStats toStats(NativePoolStats ofNative, long stalls, long delayed) {
    long[] ended;
    long busy = 0;
    synchronized (endedElsewhere) {
      ended = endedElsewhere.clone();
      for (Worker worker : workers) {
        for (int i = 0; i < ended.length; i++) {
          ended[i] += worker.countEnded(i);
        }
        if (worker.isBusy()) {
          busy++;
        }
      }
    }
    long hasLeft = left.get();
    long wasRefused = refused.get();
    long submitted = numbered.get() - wasRefused;
    Duration oldest = pendingAge.look(submitted, hasLeft, System.nanoTime());
    if (mustFollowNative()) { // there is more in native code's queue than tickets
      Duration there = Duration.ofNanos(ofNative.getOldestPending());
      oldest = there.compareTo(oldest) > 0 ? there : oldest;
    }
    long all = Math.max(ofNative.getWorkers(), busy);
    return new PoolStats(
        all,
        busy,
        all - busy,
        submitted,
        submitted - hasLeft,
        hasLeft - ended[0] - ended[1] - ended[2],
        ended[TaskOutcome.kTaskCompleted],
        ended[TaskOutcome.kTaskFailed],
        ended[TaskOutcome.kTaskCancelled],
        ofNative.getLost(),
        ofNative.getRejected(),
        stalls,
        ofNative.getExpired(),
        ofNative.getTimedOut(),
        ofNative.getWorkersStarted(),
        ofNative.getWorkersLost(),
        submitted > hasLeft ? oldest : Duration.ZERO,
        DurationHistogram.NONE,
        DurationHistogram.NONE,
        delayed,
        ofNative.getRetried());
  }
}

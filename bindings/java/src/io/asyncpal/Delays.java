package io.asyncpal;

import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.RunnableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The tasks of a pool that wait for their time.
 *
 * <p>How it works. A thread of its own sleeps until the first of them is due, and gives it to the
 * pool like any submitter. Room for it was taken when it came here. It starts with the first
 * delayed task, and ends when there has been none for a moment. It does not hold the pool; the
 * tasks do.
 *
 * <p>After {@link #shutdown} the pool refuses what others submit, and closes when the last task
 * that may still come has been given to it.
 *
 * <p>Threads: any.
 */
final class Delays {
  private static final long KEEP_ALIVE_NANOS = TimeUnit.SECONDS.toNanos(1);
  static final long MAX_DELAY = Long.MAX_VALUE >> 1; // so that differences don't overflow

  private final AtomicLong lastNumber = new AtomicLong();
  // Those that the pool has, by their runs.
  private final Map<RunnableFuture<?>, DelayedTask<?>> started = new ConcurrentHashMap<>();

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  // Guarded by `lock`.
  private final DelayHeap heap = new DelayHeap();
  private Thread thread; // null: there is none
  private int coming; // are being given to the pool, or may come again
  private Runnable close; // closes the pool, once; null: it may not close yet, or did
  private boolean takesNone; // not even those that come again

  private volatile boolean shut;
  private volatile boolean runsDelayed = true;
  private volatile boolean continuesPeriodic;
  private volatile boolean saysItRemoves; // no matter for these

  /** A time that is that far away. */
  static long timeAfter(long delay, TimeUnit unit) {
    return System.nanoTime() + clamp(Math.max(0, delay), unit);
  }

  /** At most 146 years. */
  static long clamp(long duration, TimeUnit unit) {
    return Math.min(unit.toNanos(duration), MAX_DELAY);
  }

  long nextNumber() {
    return lastNumber.incrementAndGet();
  }

  /** Whether the pool takes no more from outside. */
  boolean isShut() {
    return shut;
  }

  int count() {
    lock.lock();
    try {
      return heap.size();
    } finally {
      lock.unlock();
    }
  }

  // ------------------------------------------------------------------ Tasks

  /**
   * Has a task wait for its time.
   *
   * @throws RejectedExecutionException after a shutdown, or if there is no thread to be had
   */
  void add(DelayedTask<?> task) {
    task.reserve(/* isFirst= */ true);
    boolean waits = false;
    lock.lock();
    try {
      if (shut) {
        throw new RejectedExecutionException("pool '" + task.poolName() + "' was shut down");
      }
      push(task);
      waits = true;
    } finally {
      lock.unlock();
      if (!waits) {
        task.freeReserved();
      }
    }
  }

  private void push(DelayedTask<?> task) {
    heap.add(task);
    if (thread == null) {
      startThread(task, task.poolName());
    } else if (heap.first() == task) {
      changed.signal();
    }
  }

  private void startThread(DelayedTask<?> first, String poolName) {
    Thread timer = new Thread(null, this::giveDueOnes, poolName + "-timer", 0, false);
    timer.setDaemon(true);
    timer.setContextClassLoader(null); // so that it holds no application
    try {
      timer.start();
    } catch (OutOfMemoryError e) {
      heap.remove(first);
      throw new RejectedExecutionException(
          "pool '" + poolName + "' can't start a thread for its delayed tasks", e);
    }
    thread = timer;
  }

  /** It is to wait until another time. Of no effect if it does not wait. */
  void move(DelayedTask<?> task, long time) {
    lock.lock();
    try {
      if (heap.remove(task)) {
        task.setTime(time);
        push(task);
      }
    } finally {
      lock.unlock();
    }
  }

  /** It is not to be given to the pool any more. */
  void remove(DelayedTask<?> task) {
    Runnable now = null;
    boolean waited = false;
    lock.lock();
    try {
      waited = heap.remove(task);
      if (waited) {
        now = takeCloseIfDone();
      }
    } finally {
      lock.unlock();
    }
    if (waited) {
      task.freeReserved();
    }
    if (now != null) {
      now.run();
    }
  }

  private void giveDueOnes() {
    for (DelayedTask<?> due = awaitDue(); due != null; due = awaitDue()) {
      // In this order: room that it does not need any more is refused to nobody.
      due.freeReserved();
      due.start();
      if (!due.isPeriodic()) {
        leave();
      }
    }
  }

  /** The next one, once it is due. Null: there has been none for a while, and the thread ends. */
  private DelayedTask<?> awaitDue() {
    lock.lock();
    try {
      long idleSince = System.nanoTime();
      while (true) {
        DelayedTask<?> first = heap.first();
        long left =
            first == null
                ? KEEP_ALIVE_NANOS - (System.nanoTime() - idleSince)
                : first.getDelay(TimeUnit.NANOSECONDS);
        if (left > 0) {
          sleep(left);
        } else if (first == null) {
          thread = null;
          return null;
        } else {
          heap.remove(first);
          coming++;
          return first;
        }
      }
    } finally {
      lock.unlock();
    }
  }

  private void sleep(long nanos) {
    try {
      long left = changed.awaitNanos(nanos);
      assert left <= nanos;
    } catch (InterruptedException e) {
      // It looks again.
    }
  }

  /** The pool is about to get it. */
  void onStart(RunnableFuture<?> run, DelayedTask<?> task) {
    started.put(run, task);
  }

  /** That run is over, and none follows it. */
  void onEnd(RunnableFuture<?> run, DelayedTask<?> task) {
    if (started.remove(run) != null && task.isPeriodic()) {
      leave();
    }
  }

  /** That run is over, and the next waits. False: the pool will take it no more. */
  boolean waitAgain(RunnableFuture<?> run, DelayedTask<?> task) {
    task.reserve(/* isFirst= */ false);
    boolean waits = false;
    lock.lock();
    try {
      if (takesNone || shut && !continuesPeriodic) {
        return false;
      }
      push(task);
      started.remove(run);
      coming--;
      waits = true;
      return true;
    } catch (RejectedExecutionException e) { // no thread
      return false;
    } finally {
      lock.unlock();
      if (!waits) {
        task.freeReserved();
      }
    }
  }

  private void leave() {
    lock.lock();
    try {
      coming--;
    } finally {
      lock.unlock();
    }
    closeIfDone();
  }

  /** What shutdownNow() returns for a task that the pool had. */
  Runnable toReturn(Runnable run) {
    DelayedTask<?> task = run instanceof RunnableFuture<?> ? started.get(run) : null;
    if (task == null) {
      return run;
    }
    task.handOutLate();
    return task;
  }

  // ------------------------------------------------------------------ The end

  /**
   * Refuses more, drops what the policies say, and closes the pool when the last has come. The
   * second call does nothing.
   */
  void shutdown(Runnable close) {
    lock.lock();
    try {
      if (shut) {
        return;
      }
      shut = true;
      this.close = close;
    } finally {
      lock.unlock();
    }
    drop();
    closeIfDone();
  }

  /** Cancels what the policies don't let run after a shutdown. */
  private void drop() {
    List<DelayedTask<?>> doomed;
    lock.lock();
    try {
      doomed =
          heap.removeIf(
              task ->
                  task.endsAtShutdown()
                      || (task.isPeriodic()
                          ? !continuesPeriodic
                          : !runsDelayed && task.getDelay(TimeUnit.NANOSECONDS) > 0));
    } finally {
      lock.unlock();
    }
    doomed.forEach(DelayedTask::freeReserved);
    doomed.forEach(task -> task.cancel(false));
  }

  private void closeIfDone() {
    Runnable now;
    lock.lock();
    try {
      now = takeCloseIfDone();
    } finally {
      lock.unlock();
    }
    if (now != null) {
      now.run();
    }
  }

  /** With the lock held. Null: the pool is not to be closed now. */
  private Runnable takeCloseIfDone() {
    if (close == null || heap.size() > 0 || coming > 0) {
      return null;
    }
    Runnable now = close;
    close = null;
    return now;
  }

  /** Takes none any more, and gives back those that wait, earliest first. The pool is closed. */
  List<DelayedTask<?>> takeAll() {
    lock.lock();
    try {
      shut = true;
      takesNone = true;
      close = null;
      return heap.removeIf(task -> true);
    } finally {
      lock.unlock();
    }
  }

  boolean runsDelayed() {
    return runsDelayed;
  }

  void setRunsDelayed(boolean value) {
    runsDelayed = value;
    dropIfShut();
  }

  boolean continuesPeriodic() {
    return continuesPeriodic;
  }

  void setContinuesPeriodic(boolean value) {
    continuesPeriodic = value;
    dropIfShut();
  }

  boolean saysItRemoves() {
    return saysItRemoves;
  }

  void setSaysItRemoves(boolean value) {
    saysItRemoves = value;
  }

  private void dropIfShut() {
    if (shut) {
      drop();
      closeIfDone();
    }
  }
}

package io.asyncpal;

import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The tickets by which a {@link HostQueue} asks native code for workers: how many there are, and
 * whether one more may be useful. A ticket is a native task that runs tasks of the queue until
 * there are none.
 *
 * <p>How it works. A ticket is <i>out</i> from its submission to its end, and <i>searching</i>
 * while it is on its way to a task: until it has found its first one, and again when it has found
 * the queue empty and has not ended yet. The queue is <i>hungry</i> while fewer than {@code
 * maxWorkers} tickets are out, without those whose workers are blocked: one more may be useful.
 * Submitters pass by the lock unless it is.
 *
 * <p>No task is left behind, because
 *
 * <ul>
 *   <li>a task is counted, then published, then the signal is read; whoever makes the queue hungry
 *       (a ticket that ends or is refused, a worker that blocks or never comes back) publishes
 *       that first and then looks at the queue. All of these are volatile, so at least one of them
 *       sees the other;
 *   <li>under the lock, a submitter relies on a ticket only if that is searching, and one that
 *       stops searching since it has found a task looks for a successor in the same section;
 *   <li>while the queue is not hungry, {@code maxWorkers} tickets are out and not blocked. Each of
 *       them runs or will, since native code loses none, and none ends before it has seen the
 *       queue empty, unless as many others run;
 *   <li>closing gives each task a ticket of its own, so that none is needed later. A submission
 *       that finds the queue closed after it has published its task withdraws it.
 * </ul>
 *
 * <p>See docs/design/bindings.md. Threads: any. The keeper is called with the lock held, so that
 * nobody relies on a ticket that native code has not got.
 */
abstract class HostTickets {
  private static final int HUNGRY = 1;
  private static final int CLOSED = 2;

  /** Gives native code a ticket, and throws if it takes none. */
  interface Keeper {
    void submitTicket();
  }

  private final TaskCounts counts;

  private volatile int signal;
  private volatile boolean yieldsForGood; // each ticket ends after a task
  private volatile boolean paused;
  private volatile boolean crowded; // more tickets run than may, or each has to end

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition resumed = lock.newCondition();
  // Guarded by the lock.
  private Keeper keeper;
  private int maxWorkers;
  private boolean closed;
  private int out;
  private int running; // of those: they have a worker
  private int searching; // of those: somebody may rely on them
  private int blocked; // waits of workers
  private int pauses;
  private int parked; // workers with a task that must not begin in a pause

  HostTickets(TaskCounts counts) {
    this.counts = counts;
  }

  /** Whether there is no task. Called with the lock held. */
  abstract boolean isEmpty();

  /** Begins to take tasks. */
  void open(int maxWorkers, Keeper keeper) {
    lock.lock();
    try {
      this.maxWorkers = maxWorkers;
      this.keeper = keeper;
      update();
    } finally {
      lock.unlock();
    }
  }

  // ------------------------------------------------------------------ Submitting

  /** To be asked after publish(). */
  boolean isSignalled() {
    return signal != 0;
  }

  /**
   * Asks for a worker if one is missing.
   *
   * @return false: the queue is closed
   */
  boolean seeToWorkers() {
    lock.lock();
    try {
      if (closed) {
        return false;
      }
      requestIfNeeded();
      return true;
    } finally {
      lock.unlock();
    }
  }

  /** Runs {@code action} if no ticket is out, and none comes meanwhile. */
  void ifNoneIsOut(Runnable action) {
    lock.lock();
    try {
      if (out == 0) {
        action.run();
      }
    } finally {
      lock.unlock();
    }
  }

  private boolean isHungry() {
    return !closed && out - blocked < maxWorkers;
  }

  /** Publishes what has changed. Whoever may have made it hungry looks at the queue after it. */
  private void update() {
    int now = closed ? CLOSED : isHungry() ? HUNGRY : 0;
    if (signal != now) {
      signal = now;
      signalled();
    }
    boolean many = yields() || running - blocked > maxWorkers;
    if (crowded != many) {
      crowded = many;
    }
  }

  /** Called where the signal has just changed, for tests. */
  void signalled() {}

  private void requestIfNeeded() {
    if (isHungry() && counts.here() > searching) {
      request();
    }
  }

  private void request() {
    out++;
    searching++;
    update();
    boolean taken = false;
    try {
      keeper.submitTicket();
      taken = true;
    } finally {
      if (!taken) {
        out--;
        searching--;
        update();
      }
    }
  }

  /** The same where a refusal changes nothing: the caller's own ticket is out. */
  private void requestSuccessor() {
    try {
      requestIfNeeded();
    } catch (RuntimeException | Error e) {
      // Whoever is out looks at the queue later.
    }
  }

  /**
   * Puts the tasks that are here in front of what native code is given from now on. If it refuses
   * that, some may be stranded.
   */
  void goFirst() {
    if (counts.here() > 0) {
      lock.lock();
      try {
        if (!closed) { // or else it is done
          requestForAll();
        }
      } finally {
        lock.unlock();
      }
    }
  }

  /** Each task gets a ticket of its own, in front of what native code is given from now on. */
  private void requestForAll() {
    for (long n = counts.here() - (out - running); n > 0; n--) {
      request();
    }
  }

  // ------------------------------------------------------------------ The life of a ticket

  /** A worker has it. It is searching. */
  void begin() {
    lock.lock();
    try {
      running++;
      update();
    } finally {
      lock.unlock();
    }
  }

  /** It has found a task, which has left. */
  void found() {
    lock.lock();
    try {
      searching--;
      requestSuccessor();
    } finally {
      lock.unlock();
    }
  }

  /** It searches again. */
  void search() {
    lock.lock();
    try {
      searching++;
    } finally {
      lock.unlock();
    }
  }

  /** It has searched in vain. False: not quite, and goes on with that. */
  boolean end() {
    lock.lock();
    try {
      out--;
      running--;
      searching--;
      update();
      if (isEmpty()) {
        return true;
      }
      out++;
      running++;
      searching++;
      update();
      return false;
    } finally {
      lock.unlock();
    }
  }

  /** How many tickets are out, how many of those are searching, and how many workers blocked. */
  int[] countTickets() {
    lock.lock();
    try {
      return new int[] {out, searching, blocked};
    } finally {
      lock.unlock();
    }
  }

  boolean isCrowded() {
    return crowded;
  }

  // ------------------------------------------------------------------ Leaving it to native code

  /**
   * From now on a ticket ends after one task, so that native code decides what comes next; and all
   * tasks that will come go there.
   */
  void yieldForGood() {
    if (yieldsForGood) {
      return;
    }
    lock.lock();
    try {
      yieldsForGood = true;
      updateYield();
    } finally {
      lock.unlock();
    }
  }

  /** The same until as many resume(); and no task begins that was taken from the queue. */
  void pause() {
    lock.lock();
    try {
      if (!closed) {
        pauses++;
        updateYield();
      }
    } finally {
      lock.unlock();
    }
  }

  void resume() {
    lock.lock();
    try {
      if (pauses > 0) {
        pauses--;
        updateYield();
      }
    } finally {
      lock.unlock();
    }
  }

  private boolean yields() {
    return yieldsForGood || pauses > 0;
  }

  private void updateYield() {
    counts.stayNative(yields());
    paused = pauses > 0;
    if (!paused) {
      resumed.signalAll();
    }
    update();
  }

  /**
   * On a worker that has claimed a task, before it begins. One that was claimed before the pause
   * began is found by that to be running.
   */
  final void awaitResume() {
    if (!paused) {
      return;
    }
    lock.lock();
    try {
      parked++;
      while (paused) {
        resumed.awaitUninterruptibly();
      }
      parked--;
    } finally {
      lock.unlock();
    }
  }

  /** How many workers wait in awaitResume(). */
  final int countParked() {
    lock.lock();
    try {
      return parked;
    } finally {
      lock.unlock();
    }
  }

  /** There may be that many workers from now on. */
  void setMaxWorkers(int n) {
    lock.lock();
    try {
      maxWorkers = n;
      update();
      while (isHungry() && counts.here() > searching) {
        request();
      }
    } catch (RuntimeException | Error e) {
      // It has no thread for more now; whoever is out looks at the queue later.
    } finally {
      lock.unlock();
    }
  }

  /** After a task: it ends without having searched, if more run than may, or each has to. */
  boolean endIfCrowded() {
    lock.lock();
    try {
      if (!yields() && running - blocked <= maxWorkers) {
        return false;
      }
      out--;
      running--;
      update();
      requestSuccessor();
      return true;
    } finally {
      lock.unlock();
    }
  }

  /** Native code has dropped it before it ran. */
  void drop() {
    lock.lock();
    try {
      out--;
      searching--;
      update();
    } finally {
      lock.unlock();
    }
  }

  /** Whether this is called inside of submitTicket(). */
  boolean isRequesting() {
    return lock.isHeldByCurrentThread();
  }

  // ------------------------------------------------------------------ Workers

  /** A worker is about to be blocked inside of a task: another may be useful. */
  void block() {
    lock.lock();
    try {
      blocked++;
      update();
      requestSuccessor();
    } finally {
      lock.unlock();
    }
  }

  void unblock() {
    lock.lock();
    try {
      blocked--;
      update();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Takes no more tasks.
   *
   * @param runsRest whether those that are there get what they need; or else the caller takes them
   * @param closeNative closes native code's pool for submissions, and drops nothing
   * @return false: native code has refused it, and some may be stranded
   */
  boolean close(boolean runsRest, Runnable closeNative) {
    lock.lock();
    boolean refused = false;
    try {
      if (!closed) {
        closed = true;
        pauses = 0;
        updateYield();
        try {
          if (runsRest) {
            requestForAll();
          }
        } catch (RuntimeException | Error e) {
          refused = true; // it is closed or broken already, or has no thread and gets none
        }
      }
      closeNative.run();
      return !refused;
    } finally {
      lock.unlock();
    }
  }
}

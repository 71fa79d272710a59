package io.asyncpal;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The tasks of a thread pool that wait in Java, and the tickets by which it asks native code for
 * workers. A ticket is a native task that runs tasks of this queue until there are none.
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
 *
 * @param <T> the tasks, each of which can be claimed once
 */
class HostQueue<T extends HostQueue.Item> {
  private static final int HUNGRY = 1;
  private static final int CLOSED = 2;
  private static final int SPINS = 32;
  private static final int MAX_TASKS_PER_CALL = 1024;
  private static final int MIN_STALE = 1024;

  /** A task. Once it is not pending any more, it is stale in the queue, and never runs. */
  interface Item {
    boolean isPending();
  }

  /** Gives native code a ticket, and throws if it takes none. */
  interface Keeper {
    void submitTicket();
  }

  /** What a ticket does on its worker; throws nothing. */
  interface Runner<T> {
    /** Claims a task, and counts that it has left. False: somebody else has. */
    boolean claim(T task);

    /** Runs it after that. */
    void run(T task);

    /** No task follows at once. */
    default void pause() {}
  }

  private final ChunkQueue<T> tasks = new ChunkQueue<>();
  private final TaskCounts counts;
  private final AtomicInteger stale = new AtomicInteger(); // about so many

  private volatile int signal;
  private volatile boolean crowded; // more tickets run than may

  private final ReentrantLock lock = new ReentrantLock();
  // Guarded by the lock.
  private Keeper keeper;
  private int maxWorkers;
  private boolean closed;
  private int out;
  private int running; // of those: they have a worker
  private int searching; // of those: somebody may rely on them
  private int blocked; // waits of workers

  HostQueue(TaskCounts counts) {
    this.counts = counts;
  }

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

  /** Publishes a numbered task. True: somebody has to seeToWorkers(). */
  boolean push(T task) {
    publish(task);
    return isSignalled();
  }

  void publish(T task) {
    tasks.add(task);
  }

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

  /**
   * After native code has refused or dropped a ticket: takes the tasks out for which nobody will
   * come any more, as no ticket is out.
   */
  List<T> takeStranded() {
    lock.lock();
    try {
      return out == 0 ? takeAll() : List.of();
    } finally {
      lock.unlock();
    }
  }

  /** Takes all tasks out, oldest first; each still has to be claimed. */
  List<T> takeAll() {
    List<T> all = new ArrayList<>();
    for (T task = poll(); task != null; task = poll()) {
      all.add(task);
    }
    return all;
  }

  /** A pending task, or null; it still has to be claimed. */
  T poll() {
    while (true) {
      T task = tasks.poll();
      if (task == null || task.isPending()) {
        return task;
      }
      stale.decrementAndGet();
    }
  }

  /** A task was claimed that is still in the queue. */
  void addStale() {
    if (stale.incrementAndGet() > MIN_STALE && stale.get() > counts.here()) {
      stale.set(0);
      tasks.removeIf(task -> !task.isPending());
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
    boolean many = running - blocked > maxWorkers;
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

  /** On a worker, for a ticket: runs tasks until there are none, or others must have the worker. */
  void work(Runner<T> runner) {
    begin();
    while (!workOn(runner)) {
      // Entered anew now and then, in case that it was entered as slow code.
    }
  }

  /** Searches. True: the ticket has ended. */
  private boolean workOn(Runner<T> runner) {
    boolean searches = true;
    int spins = 0;
    for (int n = 0; ; ) {
      T task = poll();
      if (task != null) {
        if (!runner.claim(task)) {
          continue;
        }
        if (searches) {
          found(); // not before it has left, or it would look like one more
          searches = false;
        }
        runner.run(task);
        if (crowded && endIfCrowded()) {
          return true;
        }
        if (++n >= MAX_TASKS_PER_CALL) {
          search();
          return false;
        }
      } else if (!searches) {
        runner.pause();
        search();
        searches = true;
        spins = 0;
      } else if (spins++ < SPINS) {
        Thread.yield();
      } else if (end()) {
        return true;
      }
    }
  }

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
      if (tasks.isEmpty()) {
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

  /** After a task: it ends without having searched, if more run than may. */
  boolean endIfCrowded() {
    lock.lock();
    try {
      if (running - blocked <= maxWorkers) {
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
        update();
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

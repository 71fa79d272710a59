package io.asyncpal;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * The atomic word that decides who acts on a {@link Task}: its phase, whether the pool has a native
 * task for it, and how many threads are using that one's handle. The handle is given up by whoever
 * comes last: the native code that has run or dropped the task if nobody is using it then, else the
 * last user. Without a native task, who changes its phase from QUEUED has claimed it.
 *
 * <p>Threads: any.
 */
abstract class TaskState<V> extends PoolFuture<V> implements HostQueue.Item {
  static final int PHASE_MASK = 7;
  static final int CREATED = 0; // not given to a pool
  static final int QUEUED = 1;
  static final int RUNNING = 2;
  static final int WITHDRAWN = 3; // runs, but its future was completed by others
  static final int DONE = 4;
  static final int RETURNED = 5; // by shutdownNow()
  static final int HAS_HANDLE = 8;
  static final int MUST_STOP = 16; // its runner may not be known yet
  static final int USER = 32; // counts them

  private static final VarHandle STATE;

  static {
    try {
      STATE = MethodHandles.lookup().findVarHandle(TaskState.class, "state", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  volatile int state = CREATED;

  TaskState(ThreadPoolHost host) {
    super(host);
  }

  /** One step, if the word still is {@code from}. */
  final boolean change(int from, int to) {
    return STATE.compareAndSet(this, from, to);
  }

  /** For one that nobody else has seen. */
  final void queueNewHere() {
    STATE.set(this, QUEUED);
  }

  /** False: it can't be queued as itself, since it was before or is done. */
  final boolean queueHere() {
    return change(CREATED, QUEUED);
  }

  @Override
  public final boolean isPending() {
    return (state & PHASE_MASK) == QUEUED;
  }

  /** The pool refuses it. False: it has been claimed already. */
  final boolean unqueueHere() {
    return change(QUEUED, CREATED);
  }

  /** QUEUED to RUNNING while others use the handle. */
  final boolean startUsed() {
    int now = state;
    while ((now & PHASE_MASK) == QUEUED) {
      if (change(now, now - QUEUED + RUNNING)) {
        return true;
      }
      now = state;
    }
    return false;
  }

  /** The phase becomes DONE and the handle is gone, or left to its users; returns the old state. */
  final int finish() {
    int now = state;
    while (!change(now, (now & -USER) | DONE)) {
      now = state;
    }
    return now;
  }

  /**
   * From QUEUED, since it never runs here.
   *
   * @return whether the handle is left to its users
   */
  final boolean leaveQueue(int phase) {
    int now = state;
    while ((now & PHASE_MASK) == QUEUED) {
      if (change(now, (now & -USER) | phase)) {
        return now >= USER;
      }
      now = state;
    }
    return true; // withdrawn at the same moment
  }

  /** Its runner is to be interrupted, as soon as it is known. */
  final void mustStop() {
    STATE.getAndBitwiseOr(this, MUST_STOP);
  }

  /** The handle of a pending task stays until wasLastUse(). False: there is none to use. */
  final boolean beginUse() {
    int now = state;
    while ((now & (PHASE_MASK | HAS_HANDLE)) == (QUEUED | HAS_HANDLE)) {
      if (change(now, now + USER)) {
        return true;
      }
      now = state;
    }
    return false;
  }

  /** After beginUse(). True: the handle is to be given up. */
  final boolean wasLastUse() {
    int now = (int) STATE.getAndAdd(this, -USER) - USER;
    return now < USER && (now & HAS_HANDLE) == 0;
  }
}

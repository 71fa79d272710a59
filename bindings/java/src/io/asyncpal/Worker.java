package io.asyncpal;

import io.asyncpal.internal.swig.NativeThreadPool;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.LockSupport;

/**
 * A native worker thread while it is in Java: which task it runs, and how that is interrupted.
 *
 * <p>An interrupt must reach the task that it is meant for, or nobody. So the one who interrupts
 * first takes the worker from RUNNING to INTERRUPTING, and a worker can't leave its task before
 * that is over. After each task the thread's interrupt flag is cleared.
 */
final class Worker {
  private static final int IDLE = 0;
  private static final int RUNNING = 1;
  private static final int INTERRUPTING = 2;

  private static final ThreadLocal<Worker> CURRENT = new ThreadLocal<>();
  private static final VarHandle PHASE;

  static {
    try {
      PHASE = MethodHandles.lookup().findVarHandle(Worker.class, "phase", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  final ThreadHost host;
  final Thread thread = Thread.currentThread();
  final long handle = NativeThreadPool.currentWorker();
  final String name;
  private volatile int phase = IDLE;
  // Whether native code knows that it waits; written by its own thread.
  private volatile boolean blocking;
  // What it was found to wait for, and native code was told so; null: it was not. Written with the
  // worker's monitor held.
  private volatile Object standInFor;
  private boolean gone; // guarded by the monitor
  // The innermost frame, guarded by `phase`: written in IDLE, read in INTERRUPTING.
  private Frame top;

  /** A task on the worker's stack. A task that waits for another one may run that on top. */
  static final class Frame {
    final Runnable task;
    final Frame outer;
    private volatile boolean interruptLater;

    Frame(Runnable task, Frame outer) {
      this.task = task;
      this.outer = outer;
    }
  }

  Worker(ThreadHost host, String name) {
    this.host = host;
    this.name = name;
  }

  /** The one on whose thread this is called, or null outside of every pool. */
  static Worker current() {
    return CURRENT.get();
  }

  void install() {
    CURRENT.set(this);
  }

  /** It ends: native code will not know it any more. */
  void remove() {
    synchronized (this) {
      gone = true;
      endStandIn();
    }
    CURRENT.remove();
  }

  /** Before a task runs here; its own thread only. */
  void begin(Runnable task) {
    if (top != null) {
      leave();
    }
    top = new Frame(task, top);
    PHASE.setVolatile(this, RUNNING);
    if (host.isStopping()) {
      thread.interrupt();
    }
  }

  /** After it. The interrupt flag is clear then, unless the outer task was to be interrupted. */
  void end() {
    leave();
    Thread.interrupted();
    if (standInFor != null) {
      endStandIn();
    }
    top = top.outer;
    if (top != null) {
      PHASE.setVolatile(this, RUNNING);
      if (top.interruptLater || host.isStopping()) {
        thread.interrupt();
      }
    }
  }

  // ------------------------------------------------------------------ Waiting

  /**
   * Before a wait for something that this pool is to bring about; its own thread only.
   *
   * @return false: this is said already, and endBlocking() must not be called
   */
  boolean beginBlocking() {
    if (standInFor != null) {
      endStandIn(); // for an earlier wait
    }
    if (blocking || !NativeThreadPool.beginBlocking()) {
      return false;
    }
    blocking = true;
    return true;
  }

  void endBlocking() {
    blocking = false;
    NativeThreadPool.endBlocking();
  }

  /** Whether it is inside of a task and waits or sleeps. */
  boolean isBlocked() {
    return isBusy()
        && switch (thread.getState()) {
          case WAITING, TIMED_WAITING, BLOCKED -> true;
          default -> false;
        };
  }

  /** Whether native code knows that it waits, by beginBlocking(). */
  boolean isBlocking() {
    return blocking;
  }

  /** Tells native code that it waits, if it does and that is not known. */
  synchronized void standIn() {
    Object blocker = LockSupport.getBlocker(thread);
    if (gone || standInFor != null || blocking || !isBlocked()) {
      return;
    }
    NativeThreadPool.beginBlocking(handle);
    standInFor = blocker == null ? this : blocker;
  }

  boolean isStoodInFor() {
    return standInFor != null;
  }

  /** Takes that back if it does not wait for the same thing any more. */
  void endStandInIfElsewhere() {
    Object then = standInFor;
    boolean known = then != null && then != this; // by a blocker
    if (then != null && (!isBlocked() || known && LockSupport.getBlocker(thread) != then)) {
      endStandIn();
    }
  }

  private synchronized void endStandIn() {
    if (standInFor != null) {
      standInFor = null;
      NativeThreadPool.endBlocking(handle);
    }
  }

  private void leave() {
    while (!PHASE.compareAndSet(this, RUNNING, IDLE)) {
      Thread.onSpinWait();
    }
  }

  /** Whether it is running a task, on any thread's view. */
  boolean isBusy() {
    return phase != IDLE;
  }

  /** Whether {@code task} is on this thread's stack; its own thread only. */
  boolean isRunning(Runnable task) {
    for (Frame frame = top; frame != null; frame = frame.outer) {
      if (frame.task == task) {
        return true;
      }
    }
    return false;
  }

  /** Interrupts {@code task} if it is here, or whatever is here if that is null. */
  void interrupt(Runnable task) {
    while (!PHASE.compareAndSet(this, RUNNING, INTERRUPTING)) {
      if (phase == IDLE) {
        return;
      }
      Thread.onSpinWait();
    }
    try {
      if (task == null || top.task == task) {
        thread.interrupt();
      } else {
        for (Frame frame = top.outer; frame != null; frame = frame.outer) {
          if (frame.task == task) {
            frame.interruptLater = true;
          }
        }
      }
    } finally {
      phase = RUNNING;
    }
  }
}

package io.asyncpal;

import io.asyncpal.internal.swig.HostedWorker;
import io.asyncpal.internal.swig.NativeThreadPool;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;

/**
 * A native worker thread while it is in Java: which task it runs, and how that is interrupted.
 *
 * <p>An interrupt must reach the task that it is meant for, or nobody. So the one who interrupts
 * first takes the worker from RUNNING to INTERRUPTING, and a worker can't leave its task before
 * that is over. After each task the thread's interrupt flag is cleared.
 */
final class Worker implements HostQueue.Runner<HostQueue.Item> {
  private static final int IDLE = 0;
  private static final int RUNNING = 1;
  private static final int INTERRUPTING = 2;

  private static final ThreadLocal<Worker> CURRENT = new ThreadLocal<>();
  private static final VarHandle ENDED = MethodHandles.arrayElementVarHandle(long[].class);
  private static final VarHandle PHASE;

  static {
    try {
      PHASE = MethodHandles.lookup().findVarHandle(Worker.class, "phase", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  final ThreadPoolHost host;
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
  private final Frame lowest = new Frame(null);
  // When `lowest` began, at the earliest; its own thread's only. While tasks follow each other
  // closely, the clock is read once per tick.
  private long now;
  private int tickOfNow;
  // How many tasks ended here, by TaskOutcome; written by its own thread.
  private final long[] ended = new long[3];

  /** A task on the worker's stack. A task that waits for another one may run that on top. */
  static final class Frame {
    private final Frame outer;
    private final int depth;
    private Runnable task;
    private long number; // 0: native code knows
    private boolean isNative; // native code has it as a task of its own
    private long since;
    private volatile boolean interruptLater;
    private volatile TaskContext.Reports reports; // null: the task has not asked for its context

    Frame(Frame outer) {
      this.outer = outer;
      this.depth = outer == null ? 1 : outer.depth + 1;
    }
  }

  Worker(ThreadPoolHost host, String name) {
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
  void begin(Runnable task, long number) {
    begin(task, number, false);
  }

  /** The same for one that native code may have as a task of its own. */
  void begin(Runnable task, long number, boolean isNative) {
    if (top != null) {
      leave();
    }
    Frame frame = top == null ? lowest : new Frame(top);
    frame.task = task;
    frame.number = number;
    frame.isNative = isNative;
    int tick = StallWatch.tick();
    if (frame != lowest || tick == 0 || tick != tickOfNow) {
      now = System.nanoTime();
      tickOfNow = tick;
    }
    frame.since = now;
    top = frame;
    PHASE.setVolatile(this, RUNNING);
    if (host.isEnding() && host.mustStop(task)) {
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
    top.task = null;
    if (top.reports != null) {
      top.reports = null;
    }
    top = top.outer;
    if (top != null) {
      PHASE.setVolatile(this, RUNNING);
      if (top.interruptLater || host.isEnding() && host.mustStop(top.task)) {
        thread.interrupt();
      }
    }
  }

  @Override
  public boolean claim(HostQueue.Item task) {
    return host.queued.claim(this, task);
  }

  @Override
  public void run(HostQueue.Item task) {
    host.queued.run(this, task);
  }

  @Override
  public void pause() {
    tickOfNow = 0;
  }

  /** What its innermost task may know; its own thread only. */
  TaskContext context() {
    Frame frame = top;
    if (frame.reports == null) {
      frame.reports = new TaskContext.Reports();
    }
    return new TaskContext(
        frame.task instanceof Task<?> own ? own.name() : "",
        frame.number != 0 ? frame.number : HostedWorker.taskId(),
        frame.task instanceof Task<?> own ? own.attempt() : 1,
        frame.isNative ? HostedWorker.traceparent() : "",
        frame.reports);
  }

  /** What {@code task} has reported; null: nothing, or it is not here. On any thread. */
  TaskProgress progressOf(Runnable task) {
    if (!beginInterrupt()) {
      return null;
    }
    try {
      for (Frame frame = top; frame != null; frame = frame.outer) {
        if (frame.task == task) {
          TaskContext.Reports reports = frame.reports;
          return reports == null ? null : reports.last;
        }
      }
      return null;
    } finally {
      phase = RUNNING;
    }
  }

  /** How many tasks are on its stack; its own thread only. */
  int depth() {
    return top == null ? 0 : top.depth;
  }

  /** Counts a task that has ended here, before its future is done; its own thread only. */
  void count(int outcome) {
    ENDED.setRelease(ended, outcome, ended[outcome] + 1);
  }

  long countEnded(int outcome) {
    return (long) ENDED.getAcquire(ended, outcome);
  }

  /** {@code info} with what it does by its own account; on any thread. */
  WorkerInfo describe(WorkerInfo info) {
    long done = countEnded(0) + countEnded(1) + countEnded(2);
    boolean busy = beginInterrupt();
    String task = "";
    long nanos = 0;
    if (busy) {
      task = top.task instanceof Task<?> own ? own.name() : "";
      task = task.isEmpty() ? "task " + top.number : task;
      nanos = System.nanoTime() - top.since;
      phase = RUNNING;
    }
    return new WorkerInfo(
        info.id(), info.name(), info.pid(), busy, done, task, Duration.ofNanos(nanos));
  }

  /** False: nothing runs here. True: `phase` has to be set back. */
  private boolean beginInterrupt() {
    while (!PHASE.compareAndSet(this, RUNNING, INTERRUPTING)) {
      if (phase == IDLE) {
        return false;
      }
      Thread.onSpinWait();
    }
    return true;
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
    if (blocking) {
      return false;
    }
    host.block(); // so that native code knows of the tasks that wait
    if (!NativeThreadPool.beginBlocking()) {
      host.unblock();
      return false;
    }
    blocking = true;
    return true;
  }

  void endBlocking() {
    blocking = false;
    NativeThreadPool.endBlocking();
    host.unblock();
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
    host.block();
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
      host.unblock();
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

  /** Interrupts what is here, if a shutdown is to. */
  void interruptAtShutdown() {
    if (beginInterrupt()) {
      if (host.mustStop(top.task)) {
        thread.interrupt();
      }
      phase = RUNNING;
    }
  }

  /** Interrupts {@code task} if it is here. */
  void interrupt(Runnable task) {
    if (!beginInterrupt()) {
      return;
    }
    try {
      if (top.task == task) {
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

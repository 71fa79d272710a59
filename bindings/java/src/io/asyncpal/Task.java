package io.asyncpal;

import io.asyncpal.internal.swig.NativeThreadPool;
import io.asyncpal.internal.swig.TaskOutcome;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.Callable;
import java.util.concurrent.RunnableFuture;

/**
 * A submitted task and its future.
 *
 * <p>One atomic word decides who acts on it: its phase, whether the pool has a native task for it,
 * and how many threads are using that one's handle. The handle is given up by whoever comes last:
 * the native code that has run or dropped the task if nobody is using it then, else the last user.
 */
final class Task<V> extends PoolFuture<V> implements RunnableFuture<V> {
  private static final int PHASE_MASK = 7;
  private static final int CREATED = 0; // not given to a pool
  private static final int QUEUED = 1;
  private static final int RUNNING = 2;
  private static final int WITHDRAWN = 3; // runs, but its future was completed by others
  private static final int DONE = 4;
  private static final int RETURNED = 5; // by shutdownNow()
  private static final int HAS_HANDLE = 8;
  private static final int USER = 16; // counts them

  private static final VarHandle STATE;

  static {
    try {
      STATE = MethodHandles.lookup().findVarHandle(Task.class, "state", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private volatile int state = CREATED;
  private volatile long handle; // 0: submit() has not returned yet
  private long id; // in the host's table
  private boolean limited; // and in that of those with options
  private volatile boolean expired;
  private volatile Worker runner;
  private Callable<V> callable; // dropped when it is done

  Task(ThreadHost host, Callable<V> callable) {
    super(host);
    this.callable = callable;
  }

  boolean isOfMap() {
    return callable instanceof MapChunk;
  }

  // ------------------------------------------------------------------ Giving it to the pool

  /** False: it can't be queued as itself, since it was before or is done. */
  boolean queue(long id) {
    this.id = id;
    return STATE.compareAndSet(this, CREATED, QUEUED | HAS_HANDLE);
  }

  /** The same for a task with options. */
  boolean queueLimited(long id) {
    limited = true;
    host.limited.put(id, this);
    if (queue(id)) {
      return true;
    }
    host.limited.remove(id);
    return false;
  }

  void setHandle(long handle) {
    this.handle = handle;
  }

  /** The pool has refused it; there is no handle. */
  void unqueue() {
    forgetLimits();
    state = CREATED;
  }

  /** It can't expire any more. */
  private void forgetLimits() {
    if (limited) {
      host.limited.remove(id);
    }
  }

  // ------------------------------------------------------------------ Running

  /** Runs a queued task on a worker; what Host::Run() returns. */
  boolean runQueued(Worker worker) {
    runner = worker;
    worker.begin(this); // before it can be interrupted
    if (!STATE.compareAndSet(this, QUEUED | HAS_HANDLE, RUNNING | HAS_HANDLE) && !startUsed()) {
      worker.end();
      // Whoever withdrew it gives up the handle.
      settle(TaskOutcome.kTaskCancelled);
      return true;
    }
    if (expired) {
      interruptRunner();
    }
    V result = null;
    Throwable thrown = null;
    try {
      result = callable.call();
    } catch (Throwable e) {
      thrown = e;
    }
    worker.end();
    callable = null;
    int before = finish();
    boolean withdrawn = (before & PHASE_MASK) == WITHDRAWN;
    int outcome = thrown == null ? TaskOutcome.kTaskCompleted : TaskOutcome.kTaskFailed;
    if (settle(withdrawn ? TaskOutcome.kTaskCancelled : outcome) && !withdrawn) {
      publish(result, thrown);
    }
    return before >= USER;
  }

  /** False: native code says that it has expired, or is about to. */
  private boolean settle(int outcome) {
    boolean counted = NativeThreadPool.settle(outcome);
    if (counted) {
      forgetLimits();
    }
    return counted;
  }

  /** Native code counts it as failed, since it has run for too long. */
  void expire(Throwable why) {
    expired = true;
    super.completeExceptionally(why);
    interruptRunner();
  }

  /** QUEUED to RUNNING while others use the handle. */
  private boolean startUsed() {
    int now = state;
    while ((now & PHASE_MASK) == QUEUED) {
      if (STATE.compareAndSet(this, now, now - QUEUED + RUNNING)) {
        return true;
      }
      now = state;
    }
    return false;
  }

  /** The phase becomes DONE and the handle is gone, or left to its users; returns the old state. */
  private int finish() {
    int now = state;
    while (!STATE.compareAndSet(this, now, (now & -USER) | DONE)) {
      now = state;
    }
    return now;
  }

  private void publish(V result, Throwable thrown) {
    try {
      if (thrown == null) {
        super.complete(result);
      } else {
        super.completeExceptionally(toComplete(thrown));
      }
    } catch (Throwable e) { // by a stage that depends on it
      Unobserved.report(Thread.currentThread(), e);
    }
  }

  /** Runs it on this thread, if it was not given to a pool or came back from one. */
  @Override
  public void run() {
    Worker worker = Worker.current();
    if (worker == null) {
      runHere(null);
      return;
    }
    worker.begin(this);
    try {
      runHere(worker);
    } finally {
      worker.end();
    }
  }

  private void runHere(Worker worker) {
    if (!STATE.compareAndSet(this, CREATED, RUNNING)
        && !STATE.compareAndSet(this, RETURNED, RUNNING)) {
      return;
    }
    runner = worker;
    V result = null;
    Throwable thrown = null;
    try {
      result = callable.call();
    } catch (Throwable e) {
      thrown = e;
    }
    callable = null;
    if ((finish() & PHASE_MASK) == RUNNING) {
      publish(result, thrown);
    }
  }

  // ------------------------------------------------------------------ Never running

  /** It is handed out by shutdownNow(); what Host::Drop() returns. */
  boolean giveBack() {
    forgetLimits();
    return leaveQueue(RETURNED);
  }

  private boolean leaveQueue(int phase) {
    int now = state;
    while ((now & PHASE_MASK) == QUEUED) {
      if (STATE.compareAndSet(this, now, (now & -USER) | phase)) {
        return now >= USER;
      }
      now = state;
    }
    return true; // withdrawn at the same moment
  }

  /** The same, if it will never run: because of {@code why}, or of a shutdown if that is null. */
  boolean drop(Throwable why) {
    forgetLimits();
    boolean inUse = leaveQueue(DONE);
    if (why == null) {
      super.cancel(false);
    } else {
      super.completeExceptionally(why);
    }
    return inUse;
  }

  @Override
  public boolean cancel(boolean mayInterruptIfRunning) {
    if (!withdraw()) {
      return isCancelled();
    }
    boolean cancelled = super.cancel(mayInterruptIfRunning);
    if (cancelled && mayInterruptIfRunning) {
      interruptRunner();
    }
    return cancelled || isCancelled();
  }

  @Override
  public boolean complete(V value) {
    return withdraw() && super.complete(value);
  }

  @Override
  public boolean completeExceptionally(Throwable e) {
    return withdraw() && super.completeExceptionally(e);
  }

  /** Its future is about to be completed by others. False: it is being completed by its task. */
  private boolean withdraw() {
    while (true) {
      int now = state;
      switch (now & PHASE_MASK) {
        case CREATED, RETURNED -> {
          if (STATE.compareAndSet(this, now, (now & -USER) | DONE)) {
            return true;
          }
        }
        case QUEUED -> {
          if (STATE.compareAndSet(this, now, (now & -USER) + USER | DONE)) {
            if (NativeThreadPool.cancel(awaitHandle())) {
              host.tasks.take(id);
              forgetLimits();
              callable = null;
            }
            endUse();
            return true;
          }
        }
        case RUNNING -> {
          if (STATE.compareAndSet(this, now, now - RUNNING + WITHDRAWN)) {
            return true;
          }
        }
        case WITHDRAWN -> {
          return true;
        }
        default -> {
          return false;
        }
      }
    }
  }

  private void interruptRunner() {
    Worker worker = runner;
    if (worker != null) {
      worker.interrupt(this);
    }
  }

  // ------------------------------------------------------------------ Using the handle

  @Override
  boolean isDoneWithHelp() {
    if (Worker.current().isRunning(this)) {
      throw new IllegalStateException("a task waits for its own result, which can never come");
    }
    if (!beginUse()) {
      return isDone();
    }
    try {
      NativeThreadPool.runInline(awaitHandle());
    } finally {
      endUse();
    }
    return isDone();
  }

  private boolean beginUse() {
    int now = state;
    while ((now & (PHASE_MASK | HAS_HANDLE)) == (QUEUED | HAS_HANDLE)) {
      if (STATE.compareAndSet(this, now, now + USER)) {
        return true;
      }
      now = state;
    }
    return false;
  }

  private void endUse() {
    int now = (int) STATE.getAndAdd(this, -USER) - USER;
    if (now < USER && (now & HAS_HANDLE) == 0) {
      NativeThreadPool.release(handle);
    }
  }

  private long awaitHandle() {
    while (handle == 0) {
      Thread.onSpinWait(); // it was queued, and the call that did it is about to return
    }
    return handle;
  }
}

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
 * Without a native task it is queued in the host's queue, and who changes its phase from QUEUED has
 * claimed it.
 */
final class Task<V> extends PoolFuture<V> implements RunnableFuture<V>, HostQueue.Item {
  private static final int PHASE_MASK = 7;
  private static final int CREATED = 0; // not given to a pool
  private static final int QUEUED = 1;
  private static final int RUNNING = 2;
  private static final int WITHDRAWN = 3; // runs, but its future was completed by others
  private static final int DONE = 4;
  private static final int RETURNED = 5; // by shutdownNow()
  private static final int HAS_HANDLE = 8;
  private static final int MUST_STOP = 16; // its runner may not be known yet
  private static final int USER = 32; // counts them
  private static final int MAX_DEPTH = 200; // of tasks inside of each other's waits

  private static final VarHandle STATE;
  private static final VarHandle WORK;
  private static final VarHandle OF_NATIVE;
  private static final VarHandle COUNTED;

  static {
    try {
      STATE = MethodHandles.lookup().findVarHandle(Task.class, "state", int.class);
      WORK = MethodHandles.lookup().findVarHandle(Task.class, "work", Object.class);
      OF_NATIVE =
          MethodHandles.lookup().findVarHandle(Task.class, "ofNative", NativePart.class);
      COUNTED = MethodHandles.lookup().findVarHandle(NativePart.class, "counted", boolean.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private volatile int state = CREATED;
  private int number; // among the pool's tasks, where Java counts them
  private volatile NativePart ofNative; // null: it has never been given to native code
  private volatile boolean counted; // as one that has left native code's queue
  private String name = "";
  // Its Callable; the Worker that runs it; null when it is done. So it is small: many tasks live
  // long enough for the collector to copy them.
  private volatile Object work;

  /** What only those need that are queued in native code. */
  private static final class NativePart {
    final long id; // in the host's table
    final boolean limited; // and in that of those with options
    final String name; // by these
    volatile long handle; // 0: submit() has not returned yet
    private volatile boolean counted; // as one that is pending no more

    NativePart(long id, boolean limited, String name) {
      this.id = id;
      this.limited = limited;
      this.name = name;
    }
  }

  Task(ThreadHost host, Callable<V> callable) {
    super(host);
    this.work = callable;
  }

  boolean isOfMap() {
    return work instanceof MapChunk;
  }

  /** What its TaskOptions say. */
  String name() {
    NativePart part = ofNative;
    return part == null ? "" : part.name;
  }

  private long number() {
    return Integer.toUnsignedLong(number);
  }

  // ------------------------------------------------------------------ In the host's queue

  /** For one that nobody else has seen. */
  void queueNewHere() {
    STATE.set(this, QUEUED);
  }

  /** False: it can't be queued as itself, since it was before or is done. */
  boolean queueHere() {
    return STATE.compareAndSet(this, CREATED, QUEUED);
  }

  void setNumber(long number) {
    this.number = (int) number;
  }

  @Override
  public boolean isPending() {
    return (state & PHASE_MASK) == QUEUED;
  }

  /** The pool refuses it. False: it has been claimed already. */
  boolean unqueueHere() {
    return STATE.compareAndSet(this, QUEUED, CREATED);
  }

  /** False: somebody else has. Otherwise runClaimed() follows, on the same worker. */
  boolean claimHere(Worker worker) {
    worker.begin(this, number()); // before it can be interrupted
    if (!STATE.compareAndSet(this, QUEUED, RUNNING)) {
      worker.end();
      return false;
    }
    host.counts.leave();
    return true;
  }

  void runClaimed(Worker worker) {
    Callable<V> callable = takeCallable(worker);
    V result = null;
    Throwable thrown = null;
    try {
      result = callable.call();
    } catch (Throwable e) {
      thrown = e;
    }
    worker.end();
    WORK.setRelease(this, null);
    if ((finish() & PHASE_MASK) == WITHDRAWN) {
      worker.count(TaskOutcome.kTaskCancelled);
    } else {
      worker.count(thrown == null ? TaskOutcome.kTaskCompleted : TaskOutcome.kTaskFailed);
      publish(result, thrown);
    }
  }

  /** Never runs: because of {@code why}, or of a shutdown if that is null. */
  void dropHere(Throwable why) {
    if (STATE.compareAndSet(this, QUEUED, DONE)) {
      host.counts.drop(why == null ? TaskOutcome.kTaskCancelled : TaskOutcome.kTaskFailed);
      completeDropped(why);
    }
  }

  /** Is handed out by shutdownNow(). False: it has been claimed already. */
  boolean giveBackHere() {
    if (!STATE.compareAndSet(this, QUEUED, RETURNED)) {
      return false;
    }
    host.counts.drop(TaskOutcome.kTaskCancelled);
    return true;
  }

  // ------------------------------------------------------------------ Giving it to native code

  /** False: it can't be queued as itself, since it was before or is done. */
  boolean queue(long id) {
    return queue(new NativePart(id, false, ""));
  }

  /** The same for a task with options. */
  boolean queueLimited(long id, String name) {
    host.limited.put(id, this);
    if (queue(new NativePart(id, true, name))) {
      return true;
    }
    host.limited.remove(id);
    return false;
  }

  private boolean queue(NativePart part) {
    if (!OF_NATIVE.compareAndSet(this, null, part)) {
      return false;
    }
    if (STATE.compareAndSet(this, CREATED, QUEUED | HAS_HANDLE)) {
      return true;
    }
    ofNative = null;
    return false;
  }

  void setHandle(long handle) {
    ofNative.handle = handle;
  }

  /** The pool has refused it; there is no handle. */
  void unqueue() {
    forgetLimits();
    ofNative = null;
    state = CREATED;
  }

  /** It can't expire any more. */
  private void forgetLimits() {
    if (ofNative.limited) {
      host.limited.remove(ofNative.id);
    }
  }

  /** It is pending no more, whoever finds that first. */
  void leaveNativeQueue() {
    if (host.queued != null && COUNTED.compareAndSet(ofNative, false, true)) {
      host.leaveNativeQueue();
    }
  }

  // ------------------------------------------------------------------ Running

  /** Runs a queued task on a worker; what Host::Run() returns. */
  boolean runQueued(Worker worker) {
    Callable<V> callable = takeCallable(worker);
    worker.begin(this, number()); // before it can be interrupted
    if (!STATE.compareAndSet(this, QUEUED | HAS_HANDLE, RUNNING | HAS_HANDLE) && !startUsed()) {
      worker.end();
      // Whoever withdrew it gives up the handle.
      settle(worker, TaskOutcome.kTaskCancelled);
      return true;
    }
    if ((state & MUST_STOP) != 0) {
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
    WORK.setRelease(this, null);
    int before = finish();
    boolean withdrawn = (before & PHASE_MASK) == WITHDRAWN;
    int outcome = thrown == null ? TaskOutcome.kTaskCompleted : TaskOutcome.kTaskFailed;
    if (settle(worker, withdrawn ? TaskOutcome.kTaskCancelled : outcome) && !withdrawn) {
      publish(result, thrown);
    }
    return before >= USER;
  }

  /** False: native code says that it has expired, or is about to. */
  private boolean settle(Worker worker, int outcome) {
    boolean counted = NativeThreadPool.settle(outcome);
    if (counted) {
      worker.count(outcome);
      forgetLimits();
    }
    return counted;
  }

  /** Native code counts it as failed, since it has run for too long. */
  void expire(Throwable why) {
    STATE.getAndBitwiseOr(this, MUST_STOP);
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

  /** What it has to do, once; from now on it can be interrupted there. */
  @SuppressWarnings("unchecked")
  private Callable<V> takeCallable(Worker worker) {
    Callable<V> callable = (Callable<V>) work;
    work = worker;
    if ((state & MUST_STOP) != 0) {
      interruptRunner();
    }
    return callable;
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
      runAlone(null);
      return;
    }
    worker.begin(this, number());
    try {
      runAlone(worker);
    } finally {
      worker.end();
    }
  }

  private void runAlone(Worker worker) {
    if (!STATE.compareAndSet(this, CREATED, RUNNING)
        && !STATE.compareAndSet(this, RETURNED, RUNNING)) {
      return;
    }
    Callable<V> callable = takeCallable(worker);
    V result = null;
    Throwable thrown = null;
    try {
      result = callable.call();
    } catch (Throwable e) {
      thrown = e;
    }
    WORK.setRelease(this, null);
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
    completeDropped(why);
    return inUse;
  }

  private void completeDropped(Throwable why) {
    if (why == null) {
      super.cancel(false);
    } else {
      super.completeExceptionally(why);
    }
  }

  @Override
  public boolean cancel(boolean mayInterruptIfRunning) {
    if (!withdraw()) {
      return isCancelled();
    }
    boolean cancelled = super.cancel(mayInterruptIfRunning);
    if (cancelled && mayInterruptIfRunning) {
      STATE.getAndBitwiseOr(this, MUST_STOP);
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
          if ((now & HAS_HANDLE) == 0) {
            if (STATE.compareAndSet(this, now, DONE)) {
              host.counts.drop(TaskOutcome.kTaskCancelled);
              work = null;
              host.queued.queue.addStale();
              return true;
            }
          } else if (STATE.compareAndSet(this, now, (now & -USER) + USER | DONE)) {
            if (NativeThreadPool.cancel(awaitHandle())) {
              host.tasks.take(ofNative.id);
              leaveNativeQueue();
              host.counts.end(TaskOutcome.kTaskCancelled);
              forgetLimits();
              work = null;
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
    if (work instanceof Worker worker) {
      worker.interrupt(this);
    }
  }

  // ------------------------------------------------------------------ Using the handle

  @Override
  boolean isDoneWithHelp() {
    if (Worker.current().isRunning(this)) {
      throw new IllegalStateException("a task waits for its own result, which can never come");
    }
    if (state == QUEUED) {
      Worker worker = Worker.current();
      if (worker.depth() < MAX_DEPTH && claimHere(worker)) {
        runClaimed(worker);
        host.queued.queue.addStale();
      }
      return isDone();
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
      NativeThreadPool.release(ofNative.handle);
    }
  }

  private long awaitHandle() {
    while (ofNative.handle == 0) {
      Thread.onSpinWait(); // it was queued, and the call that did it is about to return
    }
    return ofNative.handle;
  }
}

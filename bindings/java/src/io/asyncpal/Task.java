package io.asyncpal;

import io.asyncpal.internal.swig.Failure;
import io.asyncpal.internal.swig.NativeThreadPool;
import io.asyncpal.internal.swig.TaskOutcome;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.Callable;
import java.util.concurrent.RunnableFuture;

/**
 * A submitted task and its future. Without a native task it is queued in the host's queue; {@link
 * TaskState} decides who acts on it.
 */
final class Task<V> extends TaskState<V> implements RunnableFuture<V> {
  private static final int MAX_DEPTH = 200; // of tasks inside of each other's waits
  private static final VarHandle WORK;
  private static final VarHandle OF_NATIVE;

  static {
    try {
      WORK = MethodHandles.lookup().findVarHandle(Task.class, "work", Object.class);
      OF_NATIVE = MethodHandles.lookup().findVarHandle(Task.class, "ofNative", NativePart.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private int number; // among the pool's tasks, where Java counts them
  private volatile NativePart ofNative; // null: it has never been given to native code
  // Its Callable; the Worker that runs it; null when it is done. So it is small: many tasks live
  // long enough for the collector to copy them.
  private volatile Object work;

  Task(ThreadPoolHost host, Callable<V> callable) {
    super(host);
    this.work = callable;
  }

  boolean isOfMap() {
    return InContext.unwrap(work) instanceof MapChunk;
  }

  /** What its TaskOptions say. */
  String name() {
    NativePart part = ofNative;
    return part == null ? "" : part.options.name();
  }

  AtShutdown atShutdown() {
    NativePart part = ofNative;
    return part == null ? AtShutdown.AS_POOL : part.options.atShutdown();
  }

  /** Which attempt it is, where it is tried again. */
  int attempt() {
    NativePart part = ofNative;
    return part == null ? 1 : part.attempt;
  }

  /** What it has reported; null: nothing, or it does not run. */
  TaskProgress progress() {
    return work instanceof Worker worker ? worker.progressOf(this) : null;
  }

  void setNumber(long number) {
    this.number = (int) number;
  }

  private long number() {
    return Integer.toUnsignedLong(number);
  }

  // ------------------------------------------------------------------ In the host's queue

  /** False: somebody else has. Otherwise runClaimed() follows, on the same worker. */
  boolean claimHere(Worker worker) {
    worker.begin(this, number()); // before it can be interrupted
    if (!change(QUEUED, RUNNING)) {
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
      result = FlightEvents.call(callable, worker, name(), number());
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
    if (change(QUEUED, DONE)) {
      host.counts.drop(why == null ? TaskOutcome.kTaskCancelled : TaskOutcome.kTaskFailed);
      completeDropped(why);
    }
  }

  /** Is handed out by shutdownNow(). False: it has been claimed already. */
  boolean giveBackHere() {
    if (!change(QUEUED, RETURNED)) {
      return false;
    }
    host.counts.drop(TaskOutcome.kTaskCancelled);
    return true;
  }

  // ------------------------------------------------------------------ Giving it to native code

  /** False: it can't be queued as itself, since it was before or is done. */
  boolean queue(long id) {
    return queue(new NativePart(id, false, TaskOptions.DEFAULT, 1, null));
  }

  /** The same for a task with options, perhaps of a view. */
  boolean queueLimited(long id, TaskOptions options, int attempt, InView in) {
    host.limited.put(id, this);
    if (queue(new NativePart(id, true, options, attempt, in))) {
      return true;
    }
    host.limited.remove(id);
    return false;
  }

  private boolean queue(NativePart part) {
    if (!OF_NATIVE.compareAndSet(this, null, part)) {
      return false;
    }
    if (change(CREATED, QUEUED | HAS_HANDLE)) {
      return true;
    }
    ofNative = null;
    return false;
  }

  void setHandle(long handle) {
    ofNative.setHandle(handle);
  }

  /** The pool has refused it; there is no handle. */
  void unqueue() {
    NativePart part = ofNative;
    forgetLimits();
    ofNative = null;
    state = CREATED;
    part.goFromView();
  }

  /** It can't expire any more. */
  private void forgetLimits() {
    if (ofNative.limited) {
      host.limited.remove(ofNative.id);
    }
  }

  /** It is pending no more, whoever finds that first. */
  void leaveNativeQueue() {
    if (host.queued != null && ofNative.leave()) {
      host.leaveNativeQueue();
    }
  }

  // ------------------------------------------------------------------ Running

  /** Runs a queued task on a worker; what Host::Run() returns. */
  boolean runQueued(Worker worker) {
    Callable<V> callable = takeCallable(worker);
    worker.begin(this, number(), true); // before it can be interrupted
    if (!change(QUEUED | HAS_HANDLE, RUNNING | HAS_HANDLE) && !startUsed()) {
      worker.end();
      // Whoever withdrew it gives up the handle.
      settle(worker, TaskOutcome.kTaskCancelled);
      ofNative.goFromView();
      return true;
    }
    if ((state & MUST_STOP) != 0) {
      interruptRunner();
    }
    V result = null;
    Throwable thrown = null;
    try {
      result = FlightEvents.call(callable, worker, name(), number());
    } catch (Throwable e) {
      thrown = e;
    }
    worker.end();
    WORK.setRelease(this, null);
    int before = finish();
    boolean withdrawn = (before & PHASE_MASK) == WITHDRAWN;
    int outcome = thrown == null ? TaskOutcome.kTaskCompleted : TaskOutcome.kTaskFailed;
    boolean counted = settle(worker, withdrawn ? TaskOutcome.kTaskCancelled : outcome);
    if (counted && !withdrawn) {
      publish(result, thrown);
    }
    ofNative.goFromView();
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
    mustStop();
    super.completeExceptionally(why);
    interruptRunner();
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
    if (!change(CREATED, RUNNING) && !change(RETURNED, RUNNING)) {
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
    ofNative.goFromView();
    return leaveQueue(RETURNED);
  }

  /** The same, if it will never run: because of {@code why}, or of a shutdown if that is null. */
  boolean drop(Throwable why) {
    forgetLimits();
    boolean inUse = leaveQueue(DONE);
    completeDropped(why);
    ofNative.goFromView();
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
      mustStop();
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
          if (change(now, (now & -USER) | DONE)) {
            return true;
          }
        }
        case QUEUED -> {
          if ((now & HAS_HANDLE) == 0) {
            if (change(now, DONE)) {
              host.counts.drop(TaskOutcome.kTaskCancelled);
              work = null;
              host.queued.queue.addStale();
              return true;
            }
          } else if (change(now, (now & -USER) + USER | DONE)) {
            if (NativeThreadPool.cancel(ofNative.awaitHandle())) {
              host.tasks.take(ofNative.id);
              leaveNativeQueue();
              host.counts.end(TaskOutcome.kTaskCancelled);
              forgetLimits();
              ofNative.goFromView();
              work = null;
            }
            endUse();
            return true;
          }
        }
        case RUNNING -> {
          if (change(now, now - RUNNING + WITHDRAWN)) {
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
      NativeThreadPool.runInline(ofNative.awaitHandle());
    } catch (Failure e) { // it is behind one that runs here, in a serial view
      throw (RuntimeException) Failures.take(e, null);
    } finally {
      endUse();
    }
    return isDone();
  }

  @Override
  void checkWait() {
    NativePart part = ofNative;
    if (part == null || part.in == null || !beginUse()) {
      return;
    }
    try {
      NativeThreadPool.checkWait(part.awaitHandle());
    } catch (Failure e) {
      throw (RuntimeException) Failures.take(e, null);
    } finally {
      endUse();
    }
  }

  private void endUse() {
    if (wasLastUse()) {
      NativeThreadPool.release(ofNative.awaitHandle());
    }
  }
}

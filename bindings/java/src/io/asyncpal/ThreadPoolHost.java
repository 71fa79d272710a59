package io.asyncpal;

import io.asyncpal.internal.swig.CloseMode;
import io.asyncpal.internal.swig.Failure;
import io.asyncpal.internal.swig.Host;
import io.asyncpal.internal.swig.NativePool;
import io.asyncpal.internal.swig.NativeThreadPool;
import io.asyncpal.internal.swig.TaskOutcome;
import java.util.Arrays;
import java.util.Collection;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;

/**
 * A thread pool's side of Java, which native code calls.
 *
 * <p>Native code holds it, and it holds the tasks, so neither can be collected while a task is
 * queued. It knows nothing of the {@link io.asyncpal.ThreadPool} in front, which can.
 *
 * <p>No method lets an exception out.
 */
final class ThreadPoolHost extends Host implements PoolHost {
  private static final long NO_TASK = -1; // as native code has it
  private static final long TICKET = -2; // of the queue
  // So that a loop that was entered as slow code is entered again.
  private static final int MAX_TASKS_PER_CALL = 1024;

  final TaskCounts counts = new TaskCounts();
  // Where tasks wait; null: in native code, which keeps the pool's limits, and counts.
  final QueuedTasks queued;
  // Those that wait in native code, on the way behind the queue's, or because they have options.
  final TaskTable tasks = new TaskTable();
  // Those with options that may still expire.
  final ConcurrentHashMap<Long, Task<?>> limited = new ConcurrentHashMap<>();
  final Stall stall;

  private final CountDownLatch ended = new CountDownLatch(1);
  private final Joins joins = new Joins();
  private final ClassLoader loader;
  private final Runnable initializer;
  private final Runnable finalizer;
  final ContextHook context; // null: none
  private final ThreadGroup group = Thread.currentThread().getThreadGroup();
  private final long stackSize;
  private volatile Collection<Runnable> returned; // non-null: a shutdownNow() collects them
  private volatile Ending ending = Ending.NOT;
  // Whether StallWatch looks at it, and by which way to the counts.
  private volatile boolean watched;
  private final AtomicInteger pauses = new AtomicInteger();
  private volatile Pool front;

  // How far a shutdown is, for what runs.
  private enum Ending {
    NOT,
    DRAINING,
    STOPPING
  }
  private volatile Throwable brokenBy;
  private volatile boolean broken;

  ThreadPoolHost(
      boolean hasQueue,
      ClassLoader loader,
      long stackSize,
      Runnable initializer,
      Runnable finalizer,
      ContextHook context) {
    this.queued = hasQueue ? new QueuedTasks(counts, this::brokenBy) : null;
    this.loader = loader;
    this.stackSize = stackSize;
    this.initializer = initializer;
    this.finalizer = finalizer;
    this.context = context;
    this.stall = new Stall(counts.workers);
  }

  /** Begins to work for {@code pool}. */
  void open(NativeThreadPool pool) {
    if (queued != null) {
      queued.queue.open(pool.maxWorkers(), () -> pool.submit(TICKET));
    }
  }

  @Override
  public void abandon(NativePool pool) {
    if (queued != null) {
      // After it, the queue submits nothing.
      queued.close(() -> pool.close(CloseMode.kCloseDrain));
    }
    pool.delete();
  }

  // ------------------------------------------------------------------ Pauses

  /** Before native code's. */
  void beginPause() {
    pauses.incrementAndGet();
    if (queued != null) {
      queued.queue.pause();
    }
  }

  /** After native code's. */
  void endPause(Pool pool) {
    if (pauses.decrementAndGet() == 0) {
      watch(pool);
    }
    if (queued != null) {
      queued.queue.resume();
    }
  }

  private boolean isPaused() {
    return pauses.get() > 0;
  }

  /** Around a wait of a worker inside of a task. */
  void block() {
    if (queued != null) {
      queued.queue.block();
    }
  }

  void unblock() {
    if (queued != null) {
      queued.queue.unblock();
    }
  }

  /** Counts a task of native code that is pending no more. */
  void leaveNativeQueue() {
    if (queued != null) {
      counts.leaveNativeQueue();
      counts.leave();
    }
  }

  /** The same for what native code says of a worker. */
  WorkerInfo info(WorkerInfo ofNative) {
    for (Worker worker : counts.workers) {
      if (worker.name.equals(ofNative.name())) {
        return worker.describe(ofNative);
      }
    }
    return ofNative; // it has not begun
  }

  /** What the worker of that number does, a line for each frame; empty: there is none. */
  String stackOf(long id) {
    String end = "-worker-" + id;
    for (Worker worker : counts.workers) {
      if (worker.name.endsWith(end)) {
        return Arrays.stream(worker.thread.getStackTrace())
            .map(StackTraceElement::toString)
            .collect(Collectors.joining("\n"));
      }
    }
    return "";
  }

  // ------------------------------------------------------------------ What native code calls

  /** What the initializer or finalizer threw; null: nothing. */
  Throwable brokenBy() {
    return brokenBy;
  }

  boolean isEnding() {
    return ending != Ending.NOT;
  }

  /** Whether a shutdown that has come so far interrupts that task. */
  boolean mustStop(Runnable task) {
    AtShutdown wish = task instanceof Task<?> own ? own.atShutdown() : AtShutdown.AS_POOL;
    return switch (ending) {
      case NOT -> false;
      case DRAINING -> wish == AtShutdown.ABANDON;
      case STOPPING -> wish != AtShutdown.FINISH;
    };
  }

  /** Interrupts those that nobody will wait for; the pool is closed. */
  void stopAbandoned() {
    if (ending == Ending.NOT) {
      ending = Ending.DRAINING;
    }
    interruptRunning();
  }

  /** After a submission to {@code pool}: while a task is pending, somebody is to look at it. */
  void watch(Pool pool) {
    if (!watched) {
      synchronized (stall) {
        if (watched) {
          return;
        }
        watched = true;
        front = pool;
      }
      if (!StallWatch.add(this)) {
        front = null;
        watched = false; // the next submission tries again
      }
    }
  }

  /** For StallWatch, which looks again unless this is false. */
  boolean look() {
    try {
      return !isPaused() && stall.look(front);
    } catch (RuntimeException | Error e) {
      return true; // as where memory is short; the next look may tell more
    }
  }

  /** StallWatch does not look any more. */
  void endWatch() {
    Pool pool = front;
    front = null;
    watched = false;
    // One may have been submitted just now, and have relied on it.
    if (!isPaused() && pool.stats().pending() > 0) {
      watch(pool);
    }
  }

  /** Interrupts what runs, and what starts from now on. */
  void stopRunning() {
    ending = Ending.STOPPING;
    interruptRunning();
  }

  private void interruptRunning() {
    for (Worker worker : counts.workers) {
      worker.interruptAtShutdown();
    }
  }

  /** Until the next call, tasks that are dropped go to {@code to}; null: they are cancelled. */
  void returnDropped(Collection<Runnable> to) {
    returned = to;
  }

  /**
   * Makes a worker's thread, on the thread whose submission needs it: so it inherits what a new
   * thread does in Java, which a native one would not.
   */
  @Override
  public boolean startWorker(String name, long handle) {
    try {
      Thread thread = new Thread(group, () -> runWorker(handle), name, stackSize);
      thread.setDaemon(true);
      thread.setPriority(Thread.NORM_PRIORITY);
      thread.start();
      return true;
    } catch (Throwable e) { // no memory for its stack, mostly
      return false;
    }
  }

  private void runWorker(long handle) {
    NativeThreadPool.runWorker(handle);
    Worker left = Worker.current();
    if (left != null) {
      forget(left); // it was abandoned, and ends without a finalizer
    }
  }

  @Override
  public void beginWorker(String name, Failure failure) {
    Worker worker = new Worker(this, name);
    worker.install();
    counts.workers.add(worker);
    worker.thread.setName(name);
    worker.thread.setContextClassLoader(loader);
    runHook(initializer, failure);
    if (brokenBy != null) {
      forget(worker);
    }
  }

  @Override
  public void endWorker(Failure failure) {
    runHook(finalizer, failure);
    forget(Worker.current());
  }

  private void runHook(Runnable hook, Failure failure) {
    if (hook == null) {
      return;
    }
    try {
      hook.run();
    } catch (Throwable e) {
      brokenBy = e;
      Failures.describe(e, failure);
    }
    Thread.interrupted();
  }

  private void forget(Worker worker) {
    counts.remove(worker);
    worker.remove();
  }

  /** One call from native code runs many tasks: calls to it cost far less than calls from it. */
  @Override
  public boolean run(long id) {
    Worker worker = Worker.current();
    if (worker == null || worker.host != this) {
      return runOnCaller(id, worker);
    }
    for (int i = 1; i < MAX_TASKS_PER_CALL; i++) {
      boolean keeps = run(worker, id);
      id = NativeThreadPool.goOn(keeps);
      if (id == NO_TASK) {
        return false;
      }
    }
    return run(worker, id);
  }

  /** On the thread that submits the task: the pool is full. */
  private boolean runOnCaller(long id, Worker outer) {
    boolean interrupted = Thread.interrupted(); // the caller's affair
    Worker caller = new Worker(this, Thread.currentThread().getName());
    caller.install();
    try {
      return run(caller, id);
    } finally {
      if (outer == null) {
        caller.remove();
      } else {
        outer.install();
      }
      if (interrupted) {
        caller.thread.interrupt();
      }
    }
  }

  private boolean run(Worker worker, long id) {
    worker.pause();
    if (id == TICKET) {
      queued.queue.work(worker);
      NativeThreadPool.settle(TaskOutcome.kTaskCompleted);
      return false;
    }
    Runnable task = tasks.take(id);
    if (task instanceof Task<?> own) {
      own.leaveNativeQueue();
      return own.runQueued(worker);
    }
    Post post = (Post) task;
    leaveNativeQueue();
    Throwable thrown = QueuedTasks.run(worker, post, true);
    int outcome = thrown == null ? TaskOutcome.kTaskCompleted : TaskOutcome.kTaskFailed;
    NativeThreadPool.settle(outcome);
    worker.count(outcome);
    if (thrown != null) {
      Unobserved.report(worker.thread, thrown);
    }
    return false;
  }

  @Override
  public boolean drop(long id, Failure why) {
    if (id == TICKET) {
      queued.dropTicket(why, returned);
      return false;
    }
    Runnable task = tasks.take(id);
    Collection<Runnable> returned = this.returned;
    Task<?> own = task instanceof Task<?> t ? t : null;
    if (own == null) {
      leaveNativeQueue();
    } else {
      own.leaveNativeQueue();
    }
    counts.end(why.empty() ? TaskOutcome.kTaskCancelled : TaskOutcome.kTaskFailed);
    // Nobody would complete the future of a map's task.
    if (returned != null && why.empty() && (own == null || !own.isOfMap())) {
      returned.add(own == null ? ((Post) task).task : own);
      return own != null && own.giveBack();
    }
    if (own == null) {
      return false;
    }
    return own.drop(why.empty() ? null : Failures.toThrowable(why, brokenBy));
  }

  /** Whether native code has broken the pool. */
  boolean isBroken() {
    return broken;
  }

  @Override
  public void broken(Failure why) {
    broken = true;
    if (queued != null) {
      queued.fail(why);
    }
  }

  @Override
  public void expire(long id, Failure why) {
    Task<?> task = limited.remove(id);
    task.leaveNativeQueue();
    counts.end(TaskOutcome.kTaskFailed);
    task.expire(Failures.toThrowable(why, null));
  }

  @Override
  public void joined(long join) {
    joins.end(join);
  }

  @Override
  public void terminated() {
    OpenPools.remove(this);
    LivePools.remove(this);
    ended.countDown();
  }

  @Override
  public CountDownLatch ended() {
    return ended;
  }

  @Override
  public Joins joins() {
    return joins;
  }

  @Override
  public void leaveOutTasksThatExit() {
    for (Worker worker : counts.workers) {
      if (worker.isBusy() && OpenPools.isExiting(worker.thread) && counts.remove(worker)) {
        NativeThreadPool.leaveForExit(worker.handle);
        block(); // for ever: another may take the place of its ticket
      }
    }
  }

  @Override
  public void stopAtExit(Pool pool) {
    stopRunning();
  }
}

package io.asyncpal;

import io.asyncpal.internal.swig.CloseMode;
import io.asyncpal.internal.swig.Failure;
import io.asyncpal.internal.swig.NativePool;
import io.asyncpal.internal.swig.NativePoolStats;
import io.asyncpal.internal.swig.NativeTaskOptions;
import io.asyncpal.internal.swig.NativeWorkerInfo;
import io.asyncpal.internal.swig.WorkerList;
import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.AbstractExecutorService;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.RunnableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.LongPredicate;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import java.util.function.ToIntFunction;

/**
 * What thread pools and process pools have in common. A pool starts workers as tasks come, up to
 * {@link #maxWorkers}, and ends them when they have been idle for {@link #idleTimeout}; with
 * nothing to do it holds no worker and uses no CPU.
 *
 * <p><b>Threads:</b> any thread may call any method, also from inside a task. <b>Lifetime:</b> a
 * pool that is no longer referred to runs what was submitted, and is then released. Close it all
 * the same: its workers then end at once. <b>Ordering:</b> tasks from one thread start in the order
 * of their submission; what a thread does before it submits a task happens before the task runs,
 * and that before {@code get} returns. <b>Shutdown:</b> see {@link GlobalShutdown}.
 */
public abstract sealed class Pool extends AbstractExecutorService
    implements PoolMaps, SettledMaps, PoolTimers, PoolViews, AutoCloseable
    permits ThreadPool, ProcessPool {
  private static final Cleaner CLEANER = Cleaner.create();
  // How long an interrupt may have to wait.
  private static final long MAX_WAIT_NANOS = 20_000_000;
  private static final int MAX_WORKERS = 32768; // as in native code

  private final NativePool pool;
  private final CountDownLatch terminated;
  private final Joins joins;
  private final Delays delays = new Delays();
  private final String fixedBy; // null: its size may change
  private final boolean limitsPending;

  Pool(NativePool pool, PoolHost host, PoolBuilder<?> builder) {
    this.pool = pool;
    this.fixedBy = builder.fixedBy();
    this.limitsPending = builder.limitsPending();
    this.terminated = host.ended();
    this.joins = host.joins();
    // Drains in the background: native code needs neither object for that.
    CLEANER.register(this, () -> host.abandon(pool));
    if (builder.isClosedOnExit()) {
      OpenPools.add(host, this);
    }
  }

  /**
   * What all pools of this JVM that have not terminated are doing, for people: each with its
   * workers, what they run, and for how long. For logs and debuggers; the text may change from one
   * version to the next.
   *
   * @return a line for each pool and each worker
   */
  public static String dumpState() {
    return PoolDump.ofAll();
  }

  // ------------------------------------------------------------------ ExecutorService

  /**
   * Refuses further tasks and runs what was submitted, without waiting for it. {@link PoolTimers}
   * says what becomes of those that wait for their time. A second call does nothing.
   */
  @Override
  public void shutdown() {
    endPauses();
    delays.shutdown(this::drain);
    endPauses(); // one that has come meanwhile, while delayed tasks keep native code open
  }

  @Override
  public boolean isShutdown() {
    return delays.isShut() || call(NativePool::isClosed);
  }

  @Override
  public boolean isTerminated() {
    return terminated.getCount() == 0;
  }

  @Override
  public boolean awaitTermination(long timeout, TimeUnit unit) throws InterruptedException {
    return terminated.await(timeout, unit);
  }

  /**
   * As Java 19 defines it: {@link #shutdown}, then waits for all tasks. If this thread is
   * interrupted meanwhile, goes on with {@link #shutdownNow}, still waits, and leaves with the
   * interrupt flag set. From inside one of the pool's own tasks it does not wait; the pool ends
   * after the task.
   */
  @Override
  public void close() {
    shutdown();
    if (isOwnWorker()) {
      return;
    }
    boolean interrupted = false;
    while (true) {
      try {
        terminated.await();
        break;
      } catch (InterruptedException e) {
        if (!interrupted) {
          shutdownNow();
          interrupted = true;
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  // ------------------------------------------------------------------ More of the pool

  /**
   * Submits a task with options of its own; otherwise the same as {@code submit} without them.
   *
   * @param <T> the type of its result
   * @param options its name and limits
   * @param task in a process pool, can be serialized
   * @return its future
   */
  public <T> CompletableFuture<T> submit(TaskOptions options, Callable<T> task) {
    return startWith(options, runsOf(Objects.requireNonNull(task, "task")));
  }

  /**
   * Submits a task without a result, with options of its own; otherwise the same as {@code submit}
   * without them.
   *
   * @param options its name and limits
   * @param task in a process pool, can be serialized
   * @return its future
   */
  public CompletableFuture<?> submit(TaskOptions options, Runnable task) {
    return startWith(options, runsOf(Objects.requireNonNull(task, "task")));
  }

  /**
   * Submits a task without a future, with options of its own; otherwise the same as {@code execute}
   * without them. A deadline or timeout that passes is reported in the same way as what the task
   * throws: to the uncaught exception handler of a thread of the pool. {@code shutdownNow} returns
   * it as a future.
   *
   * @param options its name and limits
   * @param task in a process pool, can be serialized
   */
  public void execute(TaskOptions options, Runnable task) {
    Unobserved.reportFailureOf(
        startWith(options, runsOf(Objects.requireNonNull(task, "task"))));
  }

  /**
   * Waits until all submitted work is done and all workers have ended. The pool stays open, and
   * starts workers again when a task is submitted.
   *
   * @throws InterruptedException if this thread is interrupted meanwhile
   * @throws IllegalStateException from inside one of the pool's own workers
   */
  public void join() throws InterruptedException {
    join(Duration.ofNanos(Long.MAX_VALUE));
  }

  /**
   * Waits for at most {@code timeout}; otherwise the same as {@link #join()}.
   *
   * @param timeout not negative; more than 292 years means forever
   * @return false: {@code timeout} passed
   * @throws InterruptedException if this thread is interrupted meanwhile
   * @throws IllegalArgumentException if {@code timeout} is negative
   * @throws IllegalStateException from inside one of the pool's own workers
   */
  public boolean join(Duration timeout) throws InterruptedException {
    long nanos = Durations.toNanos("timeout", timeout);
    CountDownLatch joined = new CountDownLatch(1);
    long id = joins.add(joined);
    long started;
    try {
      started = call(p -> p.startJoin(id));
    } catch (RuntimeException e) {
      joins.remove(id);
      throw e;
    }
    try {
      return joined.await(nanos, TimeUnit.NANOSECONDS);
    } finally {
      if (joined.getCount() > 0 && call(p -> p.endJoin(started))) {
        joins.remove(id);
      }
    }
  }

  /**
   * Throws what a submission would throw.
   *
   * @throws RejectedExecutionException if the pool was shut down, or is broken; then its cause is a
   *     {@link BrokenPoolException}
   */
  public void check() {
    checkOpen();
    try {
      pool.check();
    } catch (Failure e) {
      throw rejection(e);
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  /**
   * Starts one worker with this pool's configuration beside the pool, has it run the initializer
   * and the finalizer but no task, and waits for that. The pool itself is not changed.
   *
   * @throws BrokenPoolException an {@link InitializerException} or {@link FinalizerException},
   *     whose cause is what was thrown
   */
  public void test() {
    call(
        p -> {
          p.test();
          return null;
        });
  }

  /**
   * Starts up to {@code n} more workers, or as many as {@link #maxWorkers} has room for. Those with
   * nothing to do retire as always.
   *
   * @param n not negative
   * @return how many were started
   * @throws IllegalArgumentException if {@code n} is negative
   * @throws RejectedExecutionException if the pool was shut down or is broken, or if the system
   *     refuses to start even one
   */
  public int spawnWorkers(int n) {
    return callAsSubmission(p -> p.spawnWorkers(n));
  }

  /**
   * Starts as many workers as {@link #maxWorkers} has room for.
   *
   * @return how many were started
   * @throws RejectedExecutionException as {@link #spawnWorkers}
   */
  public int spawnMaxWorkers() {
    return callAsSubmission(NativePool::spawnMaxWorkers);
  }

  /**
   * Returns how many workers there are now. While a worker waits inside a task for its own pool,
   * one more may stand in for it, so the number can exceed {@link #maxWorkers}.
   *
   * @return busy and idle ones
   */
  public int countWorkers() {
    return (int) stats().workers();
  }

  /**
   * How many workers run a task now.
   *
   * @return at most {@link #countWorkers}
   */
  public int countBusyWorkers() {
    return (int) stats().busy();
  }

  /**
   * How many workers wait for a task now.
   *
   * @return at most {@link #countWorkers}
   */
  public int countFreeWorkers() {
    return (int) stats().idle();
  }

  /**
   * How many tasks have not started yet.
   *
   * @return the number, without those that were cancelled
   */
  public int countPendingTasks() {
    return (int) stats().pending();
  }

  /**
   * All counts at one moment.
   *
   * @return a snapshot
   */
  public PoolStats stats() {
    NativePoolStats stats = call(NativePool::stats);
    try {
      return toStats(stats);
    } finally {
      stats.delete();
    }
  }

  /**
   * Each worker there is now, oldest first.
   *
   * @return a snapshot
   */
  public List<WorkerInfo> workers() {
    WorkerList list = call(NativePool::workers);
    try {
      List<WorkerInfo> workers = new ArrayList<>();
      for (int i = 0; i < list.size(); i++) {
        workers.add(toInfo(list.at(i)));
      }
      return List.copyOf(workers);
    } finally {
      list.delete();
    }
  }

  /**
   * The name that the pool was given.
   *
   * @return by default the name of its class
   */
  public String name() {
    return call(NativePool::name);
  }

  /**
   * At most this many tasks run at once.
   *
   * @return at least 1
   */
  public int maxWorkers() {
    return call(NativePool::maxWorkers);
  }

  /**
   * Changes how many tasks may run at once, and never waits. If tasks wait, more workers start at
   * once; if there are too many, idle ones end now, and busy ones after their task.
   *
   * @param n at least 1, and {@link #minWorkers}
   * @throws IllegalArgumentException if it is not, or the pool was made with a fixed size, as by
   *     {@link Executors#newDualThreadPool}
   */
  public void setMaxWorkers(int n) {
    if (fixedBy != null) {
      if (n != maxWorkers()) {
        throw new IllegalArgumentException(
            "maxWorkers is " + n + "; a pool of " + fixedBy + " has " + maxWorkers());
      }
      return;
    }
    if (n < 1 || n > MAX_WORKERS) {
      throw new IllegalArgumentException(
          "maxWorkers is " + n + "; it must be between 1 and " + MAX_WORKERS);
    }
    if (n < minWorkers()) {
      throw new IllegalArgumentException(
          "maxWorkers is " + n + ", less than minWorkers, " + minWorkers());
    }
    call(
        p -> {
          p.setMaxWorkers(n);
          return null;
        });
    onMaxWorkers(n);
  }

  /**
   * How many workers stay when they are idle.
   *
   * @return see {@link PoolBuilder#minWorkers}
   */
  public int minWorkers() {
    return call(NativePool::minWorkers);
  }

  /**
   * Sets how many workers stay when they are idle; missing ones are started at once.
   *
   * @param n not negative, and at most {@link #maxWorkers}
   * @throws IllegalArgumentException if it is not
   */
  public void setMinWorkers(int n) {
    if (n < 0) {
      throw new IllegalArgumentException("minWorkers is " + n + "; it must not be negative");
    }
    if (n > maxWorkers()) {
      throw new IllegalArgumentException(
          "minWorkers is " + n + ", more than maxWorkers, " + maxWorkers());
    }
    call(
        p -> {
          p.setMinWorkers(n);
          return null;
        });
  }

  /**
   * Pauses the pool: no task begins any more, but those that a running one waits for without a
   * limit, until what this returns is closed, as often as this was called. What runs goes on, and
   * so do submissions, their limits and delays, and maps as far as they get without results. Does
   * not wait. {@link #shutdown} ends all pauses, and a pool that was shut down can't be paused.
   *
   * @return the pause
   */
  public ExecutionFence pause() {
    if (!isShutdown()) {
      beginPause();
      if (isShutdown()) {
        endPauses();
      }
    }
    return new ExecutionFence(this);
  }

  /**
   * Whether the pool is paused.
   *
   * @return false once it was shut down
   */
  public boolean isPaused() {
    return call(NativePool::isPaused);
  }

  final void resume() {
    if (isPaused()) { // or a shutdown has ended it
      endPause();
    }
  }

  private void endPauses() {
    while (isPaused()) {
      endPause();
    }
  }

  void beginPause() {
    call(
        p -> {
          p.pause();
          return null;
        });
  }

  /** False: it was not paused. */
  boolean endPause() {
    return call(NativePool::resume);
  }

  /** Whether no task runs any more, in a paused pool. */
  boolean isQuiet() {
    return call(NativePool::isQuiet);
  }

  /** It has changed. */
  void onMaxWorkers(int n) {}

  /**
   * How long a worker may be idle before it ends.
   *
   * @return {@link Long#MAX_VALUE} nanoseconds, about 292 years, if it never ends
   */
  public Duration idleTimeout() {
    return Duration.ofNanos(call(NativePool::idleTimeout));
  }

  /**
   * Sets how long a worker may be idle before it ends. Also affects workers that are idle already.
   *
   * @param timeout not negative; more than 292 years means forever
   * @throws IllegalArgumentException if {@code timeout} is negative
   */
  public void setIdleTimeout(Duration timeout) {
    long nanos = Durations.toNanos("idleTimeout", timeout);
    call(
        p -> {
          p.setIdleTimeout(nanos);
          return null;
        });
  }

  /**
   * Whether the pool can no longer run tasks, because an initializer or finalizer threw, or because
   * workers can't be started.
   *
   * @return if true, {@link #check} tells why
   */
  public boolean isBroken() {
    return call(NativePool::isBroken);
  }

  @Override
  public String toString() {
    PoolStats stats = stats();
    String state = isTerminated() ? "terminated" : isShutdown() ? "shutting down" : "running";
    return String.format(
        "%s '%s' [%s, workers = %d of %d, pending = %d, running = %d, done = %d]",
        getClass().getSimpleName(),
        name(),
        state,
        stats.workers(),
        maxWorkers(),
        stats.pending(),
        stats.running(),
        stats.completed() + stats.failed() + stats.cancelled());
  }

  // ------------------------------------------------------------------ Delays

  final Delays delays() {
    return delays;
  }

  final <T> DelayedTask<T> delay(Object work, long time, long period) {
    if (mayBeClosed()) {
      check();
    }
    DelayedTask<T> task = new DelayedTask<>(this, work, time, period);
    delays.add(task);
    return task;
  }

  /** Whether what is pending has a limit, for which delayed tasks count, too. */
  final boolean limitsPending() {
    return limitsPending;
  }

  /**
   * Takes room for a task that is to wait for its time, or waits for it, if there is a limit.
   *
   * @param needsRoom false: it counts even if the pool is full
   * @param now it is due at once
   * @throws RejectedExecutionException if the pool is full and rejects
   */
  final void reserve(boolean needsRoom, boolean now) {
    if (!limitsPending) {
      return;
    }
    try {
      submitInTime(
          () -> pool.reserve(needsRoom, now) ? 1 : 0,
          null,
          now ? pool::waitForRoom : pool::waitForReservation);
    } catch (Failure e) {
      throw rejection(e);
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  /** It does not wait any more. */
  final void freeReserved() {
    if (limitsPending) {
      pool.freeReserved();
      Reference.reachabilityFence(this);
    }
  }

  /**
   * Refuses a task that comes after a shutdown, where delayed ones still keep the pool open.
   *
   * @throws RejectedExecutionException if it does
   */
  final void checkOpen() {
    if (delays.isShut()) {
      throw new RejectedExecutionException("pool '" + name() + "' was shut down");
    }
  }

  /** Whether it may be closed or broken, though delays() take tasks: then native code is asked. */
  boolean mayBeClosed() {
    return true;
  }

  /** What the runs of a delayed task are made of: as small as can be, since many may wait. */
  abstract Object workOf(Callable<?> task);

  abstract Object workOf(Runnable task);

  /** A task that is not submitted. */
  abstract RunnableFuture<?> newRun(Object work);

  /** What makes the runs of a task that has several: tasks that are not submitted. */
  abstract <T> Supplier<RunnableFuture<T>> runsOf(Callable<T> task);

  abstract Supplier<RunnableFuture<Object>> runsOf(Runnable task);

  /** Gives such a run to the pool, and needs no room. Does nothing if that was done before. */
  abstract void submitDue(RunnableFuture<?> run);

  /** Null: its tasks run elsewhere. */
  abstract ThreadPoolHost threadHost();

  // ------------------------------------------------------------------ For subclasses

  /** Refuses further tasks, and runs what was submitted. */
  void drain() {
    closeNative(CloseMode.kCloseDrain);
  }

  /** Refuses further tasks, and cancels those that are pending or wait for their time. */
  void cancelPending() {
    delays.takeAll().forEach(task -> task.cancel(false));
    cancelSubmitted();
  }

  void cancelSubmitted() {
    closeNative(CloseMode.kCloseCancelPending);
  }

  /** What shutdownNow() returns: {@code submitted}, and what waits for its time. */
  final List<Runnable> withDelayed(
      List<DelayedTask<?>> waiting, Collection<Runnable> submitted) {
    List<Runnable> all = new ArrayList<>();
    submitted.forEach(task -> all.add(delays.toReturn(task)));
    for (DelayedTask<?> task : waiting) {
      if (task.endsAtShutdown()) {
        task.cancel(false); // what it belongs to ends by that
      } else {
        task.handOut();
        all.add(task);
      }
    }
    return all;
  }

  final void closeNative(int mode) {
    call(p -> p.close(mode));
  }

  private <T> CompletableFuture<T> startWith(
      TaskOptions options, Supplier<RunnableFuture<T>> runs) {
    return startWith(options, InView.Places.NONE, runs);
  }

  /** Submits a task, perhaps to a view. */
  final <T> CompletableFuture<T> startWith(
      TaskOptions options, InView.Places places, Supplier<RunnableFuture<T>> runs) {
    if (options.retry().maxAttempts() > 1) {
      return RetryRun.start(this, options, places, runs);
    }
    RunnableFuture<T> task = runs.get();
    start(options, 1, places, task);
    return (CompletableFuture<T>) task; // as pools make them
  }

  /** Gives a task that was not submitted to the pool, as that attempt at something. */
  abstract void start(
      TaskOptions options, int attempt, InView.Places places, RunnableFuture<?> task);

  /** Whether newTaskFor() has made it. */
  abstract boolean hasMade(Runnable command);

  // So that views may call them.
  @Override
  protected abstract <T> RunnableFuture<T> newTaskFor(Callable<T> callable);

  @Override
  protected abstract <T> RunnableFuture<T> newTaskFor(Runnable runnable, T value);

  /** Cancels a task of a pool if it is pending. False: it is not, or not any more. */
  static boolean cancelPending(RunnableFuture<?> task) {
    if (task instanceof RemoteTask<?> remote) {
      return remote.cancelPending();
    }
    return ((Task<?>) task).isPending() && task.cancel(false);
  }

  /** Runs {@code action}, which must not refer to it, when nobody refers to {@code object}. */
  static void clean(Object object, Runnable action) {
    CLEANER.register(object, action);
  }

  /** For the stats. */
  abstract long countStalls();

  PoolStats toStats(NativePoolStats stats) {
    return PoolStats.of(stats, countStalls(), countDelayed());
  }

  WorkerInfo toInfo(NativeWorkerInfo worker) {
    return WorkerInfo.of(worker);
  }

  /** Runs the tasks of maps. */
  abstract MapRun.Executor executor();

  /** Whether this is called inside one of the pool's own tasks. */
  abstract boolean isOwnWorker();

  /** What broke the pool in this JVM, or null. */
  abstract Throwable brokenBy();

  /** Calls native code, which must not lose the pool meanwhile. */
  final <R> R call(Function<NativePool, R> f) {
    try {
      return f.apply(pool);
    } catch (Failure e) {
      throw unchecked(Failures.take(e, brokenBy()));
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  private int callAsSubmission(ToIntFunction<NativePool> f) {
    try {
      return f.applyAsInt(pool);
    } catch (Failure e) {
      throw rejection(e);
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  /**
   * A submission that returns no handle, 0, where the pool has no room and it would have to wait:
   * waits, and tries again. Native code can't be interrupted.
   */
  final long submitInTime(LongSupplier submission, NativeTaskOptions settings) {
    return submitInTime(submission, settings, pool::waitForRoom);
  }

  private long submitInTime(
      LongSupplier submission, NativeTaskOptions settings, LongPredicate waitForRoom) {
    long handle = submission.getAsLong();
    if (handle != 0) {
      return handle;
    }
    long deadline = settings == null ? Long.MAX_VALUE : settings.getQueueDeadline();
    long start = System.nanoTime();
    while (true) {
      if (Thread.currentThread().isInterrupted()) {
        throw new RejectedExecutionException(
            "pool '" + name() + "' was full, and the thread that waited for room was interrupted");
      }
      long left = deadline - (System.nanoTime() - start);
      if (left <= 0) {
        throw new RejectedExecutionException(
            "pool '" + name() + "' had no room for a task until its queueDeadline had passed");
      }
      waitForRoom.test(Math.min(left, MAX_WAIT_NANOS));
      handle = submission.getAsLong();
      if (handle != 0) {
        return handle;
      }
    }
  }

  /** What to throw at a submission that native code has refused. */
  final RuntimeException rejection(Failure failure) {
    Throwable reason = Failures.take(failure, brokenBy());
    if (reason instanceof BrokenPoolException) {
      return new RejectedExecutionException(reason.getMessage(), reason);
    }
    return unchecked(reason);
  }

  private static RuntimeException unchecked(Throwable e) {
    return e instanceof RuntimeException runtime
        ? runtime
        : new IllegalStateException(SentThrowable.describe(e), e);
  }
}

package io.asyncpal;

import io.asyncpal.internal.swig.CloseMode;
import io.asyncpal.internal.swig.Failure;
import io.asyncpal.internal.swig.NativePool;
import io.asyncpal.internal.swig.NativePoolStats;
import io.asyncpal.internal.swig.NativeWorkerInfo;
import io.asyncpal.internal.swig.TaskSettings;
import io.asyncpal.internal.swig.WorkerList;
import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.OptionalLong;
import java.util.concurrent.AbstractExecutorService;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.RunnableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.LongSupplier;
import java.util.function.ToIntFunction;

/**
 * What thread pools and process pools have in common. A pool starts workers as tasks come, up to
 * {@link #maxWorkers}, and lets them go when they have been idle for {@link #idleTimeout}; with
 * nothing to do it holds no worker and uses no CPU.
 *
 * <p><b>Threads:</b> any thread may call any method, also from inside a task. <b>Lifetime:</b> a
 * pool that nobody refers to any more runs what was submitted, and goes. Close it all the same: its
 * workers then end at once. <b>Ordering:</b> tasks from one thread start in the order of their
 * submission; what a thread does before it submits a task happens before the task runs, and that
 * before {@code get} returns. <b>Shutdown:</b> see {@link GlobalShutdown}.
 */
public abstract sealed class Pool extends AbstractExecutorService
    implements PoolMaps, AutoCloseable permits ThreadPool, ProcessPool {
  private static final Cleaner CLEANER = Cleaner.create();
  // How long an interrupt may have to wait.
  private static final long MAX_WAIT_NANOS = 20_000_000;

  private final NativePool pool;
  private final CountDownLatch terminated;
  private final Joins joins;

  Pool(NativePool pool, PoolHost host, boolean closeOnExit) {
    this.pool = pool;
    this.terminated = host.ended();
    this.joins = host.joins();
    // Drains in the background: native code needs neither object for that.
    CLEANER.register(this, () -> host.abandon(pool));
    if (closeOnExit) {
      OpenPools.add(host, this);
    }
  }

  // ------------------------------------------------------------------ ExecutorService

  /**
   * Refuses further tasks and runs what was submitted, without waiting for it. A second call does
   * nothing.
   */
  @Override
  public void shutdown() {
    closeNative(CloseMode.kCloseDrain);
  }

  @Override
  public boolean isShutdown() {
    return call(NativePool::isClosed);
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
   * Submits a task with options of its own; for the rest as {@code submit} without.
   *
   * @param <T> the type of its result
   * @param options its name and limits
   * @param task in a process pool, can be serialized
   * @return its future
   */
  public <T> CompletableFuture<T> submit(TaskOptions options, Callable<T> task) {
    RunnableFuture<T> future = newTaskFor(Objects.requireNonNull(task, "task"));
    start(options, future);
    return (CompletableFuture<T>) future;
  }

  /**
   * Submits a task without a result, with options of its own; for the rest as {@code submit}
   * without.
   *
   * @param options its name and limits
   * @param task in a process pool, can be serialized
   * @return its future
   */
  public CompletableFuture<?> submit(TaskOptions options, Runnable task) {
    RunnableFuture<?> future = newTaskFor(Objects.requireNonNull(task, "task"), null);
    start(options, future);
    return (CompletableFuture<?>) future;
  }

  /**
   * Submits a task without a future, with options of its own; for the rest as {@code execute}
   * without. That it was too late or too slow goes where goes what it throws: to the uncaught
   * exception handler of a thread of the pool. {@code shutdownNow} gives it back as a future.
   *
   * @param options its name and limits
   * @param task in a process pool, can be serialized
   */
  public void execute(TaskOptions options, Runnable task) {
    RunnableFuture<?> future = newTaskFor(Objects.requireNonNull(task, "task"), null);
    Unobserved.reportFailureOf((CompletableFuture<?>) future);
    start(options, future);
  }

  /**
   * Waits until all submitted work is done and all workers have gone. The pool stays open, and
   * starts workers again when it gets a task.
   *
   * @throws InterruptedException if this thread is interrupted meanwhile
   * @throws IllegalStateException from inside one of the pool's own workers
   */
  public void join() throws InterruptedException {
    join(Duration.ofNanos(Long.MAX_VALUE));
  }

  /**
   * Waits for no longer than that; for the rest as {@link #join()}.
   *
   * @param timeout not negative; more than 292 years is for ever
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
    try {
      pool.check();
    } catch (Failure e) {
      throw rejection(e);
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  /**
   * Starts one worker of this configuration beside the pool, has it run the initializer, nothing,
   * and the finalizer, and waits for that. The pool itself is not changed.
   *
   * @throws BrokenPoolException an {@link InitializerException} or {@link FinalizerException}, with
   *     what that threw as its cause
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
   * How many workers there are now. A worker that waits inside a task for its own pool may be stood
   * in for by one more, so for that while it can be more than {@link #maxWorkers}.
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
   * @return those that were cancelled are not among them
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
   * How long a worker may be idle before it goes.
   *
   * @return {@link Long#MAX_VALUE} nanoseconds, about 292 years, if that is for ever
   */
  public Duration idleTimeout() {
    return Duration.ofNanos(call(NativePool::idleTimeout));
  }

  /**
   * Sets how long a worker may be idle before it goes. Reaches workers that are idle already.
   *
   * @param timeout not negative; more than 292 years is for ever
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
   * Whether the pool can't run tasks any more, because an initializer or finalizer threw, or
   * workers can't be started.
   *
   * @return then {@link #check} tells why
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

  // ------------------------------------------------------------------ For subclasses

  /** Refuses further tasks, and cancels those that are pending. */
  void cancelPending() {
    closeNative(CloseMode.kCloseCancelPending);
  }

  final void closeNative(int mode) {
    call(p -> p.close(mode));
  }

  /** Gives a task of {@code newTaskFor()} to the pool. */
  abstract void start(TaskOptions options, RunnableFuture<?> task);

  /** For the stats. */
  abstract long countStalls();

  PoolStats toStats(NativePoolStats stats) {
    return new PoolStats(
        stats.getWorkers(),
        stats.getBusy(),
        stats.getIdle(),
        stats.getSubmitted(),
        stats.getPending(),
        stats.getRunning(),
        stats.getCompleted(),
        stats.getFailed(),
        stats.getCancelled(),
        stats.getLost(),
        stats.getRejected(),
        stats.getStalls() + countStalls());
  }

  WorkerInfo toInfo(NativeWorkerInfo worker) {
    return new WorkerInfo(
        worker.getId(),
        worker.getName(),
        worker.getPid() != 0 ? OptionalLong.of(worker.getPid()) : OptionalLong.empty(),
        worker.getBusy(),
        worker.getTasksDone(),
        worker.getCurrentTask(),
        Duration.ofNanos(worker.getRunningFor()));
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
  final long submitInTime(LongSupplier submission, TaskSettings settings) {
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
      pool.waitForRoom(Math.min(left, MAX_WAIT_NANOS));
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

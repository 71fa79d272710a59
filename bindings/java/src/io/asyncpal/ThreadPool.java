package io.asyncpal;

import io.asyncpal.internal.swig.CloseMode;
import io.asyncpal.internal.swig.Failure;
import io.asyncpal.internal.swig.NativePool;
import io.asyncpal.internal.swig.NativePoolOptions;
import io.asyncpal.internal.swig.NativePoolStats;
import io.asyncpal.internal.swig.NativeThreadPool;
import io.asyncpal.internal.swig.NativeWorkerInfo;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.RunnableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

/**
 * An {@link java.util.concurrent.ExecutorService} whose threads native code starts, wakes and ends.
 *
 * <pre>{@code
 * try (ThreadPool pool = ThreadPool.builder().maxWorkers(4).name("loader").build()) {
 *   CompletableFuture<Page> page = pool.submit(() -> load(url));
 *   pool.map(n -> n * n, numbers).forEach(System.out::println);
 *   show(page.get());
 * }
 * }</pre>
 *
 * <p>{@code cancel(true)} on a future interrupts the thread that runs its task, and nobody else: an
 * interrupt never leaks into the next task. Whatever a task throws, {@link Error}s included, is in
 * its future; what a task given to {@code execute} throws goes to its thread's uncaught exception
 * handler, and the worker continues.
 *
 * <p><b>Waiting inside a task</b> for another of the same pool can't stop the pool, even one of a
 * single worker. If a task waits for a future of this pool that is pending, by {@code get()} or
 * {@code join()}, it runs that task itself, at once; if it waits in another way, another worker
 * stands in as soon as all workers wait. Other waits for tasks are found by observation: if tasks
 * are pending, every worker waits or sleeps inside a task, and no task has ended for 100 ms,
 * another worker stands in if one of those blocked is parked on a {@link
 * java.util.concurrent.Future}, as in {@code CompletableFuture.allOf(x, y).join()}, {@code
 * supplyAsync(f, pool).join()} and {@code FutureTask.get()}, or waits in an {@link
 * java.util.concurrent.ExecutorCompletionService}. Which pool the future belongs to can't be seen.
 * So this pool does not limit calls that end in another library's future, such as those of an HTTP
 * client: if there are many slow ones, it grows by one worker for each 100 ms in which none ends,
 * up to 256 more than {@link #maxWorkers}; limit such calls by a {@link
 * java.util.concurrent.Semaphore}.
 *
 * <p>A task that waits in another way, for a lock, a latch or a queue, gets no such stand-in. If
 * all workers are blocked and nothing ends for a second, while tasks are pending, {@link
 * PoolStats#stalls} counts it, and the first time the {@link System.Logger} "io.asyncpal" has a
 * warning that gives for each blocked task how long it has run, what it waits for and at which
 * line. Threads that sleep or wait with a time limit are not blocked in this sense, and those that
 * wait for sockets and files can't be told from those that compute.
 *
 * <p>Workers are daemon threads named {@code <pool>-worker-<n>}, with the context class loader and
 * the thread group of the thread that made the pool. They inherit the {@link
 * InheritableThreadLocal}s of the thread that started them: usually the submitter, as in the {@code
 * java.util.concurrent} pools, but a worker if that one started them.
 *
 * <p>What {@link Pool} says of threads, lifetime, ordering and shutdown holds here.
 */
public final class ThreadPool extends Pool {
  static {
    NativeLibrary.load();
  }

  private final ThreadPoolHost host;
  private final ThreadTasks tasks;

  private ThreadPool(Builder builder, ThreadPoolHost host, NativeThreadPool pool) {
    super(pool, host, builder);
    this.host = host;
    this.tasks = new ThreadTasks(this, host, pool);
    host.open(pool);
    LivePools.add(host, this);
  }

  /**
   * A pool of default options but its size. It starts no thread.
   *
   * @param maxWorkers at most this many tasks run at once; 0: five more than the CPUs that this
   *     process may use
   * @throws IllegalArgumentException if {@code maxWorkers} is negative or more than 32768
   * @throws UnsatisfiedLinkError if the native library can't be loaded
   */
  public ThreadPool(int maxWorkers) {
    this(builder().maxWorkers(maxWorkers));
  }

  private ThreadPool(Builder builder) {
    this(builder, builder.makeHost());
  }

  private ThreadPool(Builder builder, ThreadPoolHost host) {
    this(builder, host, builder.makeNative(host));
  }

  /**
   * Returns a builder for a pool.
   *
   * @return a builder with all defaults
   */
  public static Builder builder() {
    return new Builder();
  }

  // ------------------------------------------------------------------ Submitting

  /**
   * Hands the task to a worker, or queues it when all are busy, without waiting; if the pool is
   * full, it does what {@link WhenFull} says.
   *
   * @throws RejectedExecutionException if the pool was shut down, is broken (its cause is a {@link
   *     BrokenPoolException} then), has no room, or can start no worker
   */
  @Override
  public void execute(Runnable command) {
    Objects.requireNonNull(command, "command");
    checkOpen();
    tasks.execute(command instanceof DelayedTask<?> returned ? returned.toRun() : command);
  }

  @Override
  void start(
      TaskOptions options, int attempt, InView.Places places, RunnableFuture<?> future) {
    checkOpen();
    tasks.start(options, attempt, places, (Task<?>) future);
  }

  @Override
  boolean hasMade(Runnable command) {
    return command instanceof Task<?> task && task.host == host;
  }

  /**
   * Submits a task; see {@link #execute(Runnable)} for what that throws.
   *
   * @return its future; it completes on the worker, where dependent stages run as well
   */
  @Override
  public <T> CompletableFuture<T> submit(Callable<T> task) {
    Task<T> future = newTask(Objects.requireNonNull(task, "task"));
    checkOpen();
    tasks.submit(future);
    return future;
  }

  @Override
  public CompletableFuture<?> submit(Runnable task) {
    return submit(task, null);
  }

  @Override
  public <T> CompletableFuture<T> submit(Runnable task, T result) {
    return submit(Executors.callable(task, result));
  }

  @Override
  protected <T> RunnableFuture<T> newTaskFor(Callable<T> callable) {
    return newTask(Objects.requireNonNull(callable, "callable"));
  }

  @Override
  protected <T> RunnableFuture<T> newTaskFor(Runnable runnable, T value) {
    Objects.requireNonNull(runnable, "runnable");
    return newTask(Executors.callable(runnable, value));
  }

  private <T> Task<T> newTask(Callable<T> callable) {
    return new Task<>(host, InContext.capture(host.context, callable));
  }

  @Override
  public <T> T invokeAny(Collection<? extends Callable<T>> tasks)
      throws InterruptedException, ExecutionException {
    boolean blocked = isOwnWorker() && Worker.current().beginBlocking();
    try {
      return super.invokeAny(tasks);
    } finally {
      PoolFuture.endBlocking(blocked);
    }
  }

  @Override
  public <T> T invokeAny(Collection<? extends Callable<T>> tasks, long timeout, TimeUnit unit)
      throws InterruptedException, ExecutionException, TimeoutException {
    boolean blocked = isOwnWorker() && Worker.current().beginBlocking();
    try {
      return super.invokeAny(tasks, timeout, unit);
    } finally {
      PoolFuture.endBlocking(blocked);
    }
  }

  @Override
  Object workOf(Callable<?> task) {
    return InContext.capture(host.context, task); // of this thread
  }

  @Override
  Object workOf(Runnable task) {
    boolean isWork = host.context == null && !(task instanceof Callable);
    return isWork ? task : workOf(Executors.callable(task));
  }

  @Override
  RunnableFuture<?> newRun(Object work) {
    return work instanceof Callable<?> task
        ? new Task<>(host, task)
        : new Task<>(host, Executors.callable((Runnable) work));
  }

  @Override
  <T> Supplier<RunnableFuture<T>> runsOf(Callable<T> task) {
    Callable<T> inContext = InContext.capture(host.context, task); // of this thread
    return () -> new Task<>(host, inContext);
  }

  @Override
  Supplier<RunnableFuture<Object>> runsOf(Runnable task) {
    return runsOf(Executors.callable(task));
  }

  @Override
  void submitDue(RunnableFuture<?> run) {
    tasks.submitDue((Task<?>) run);
  }

  @Override
  boolean mayBeClosed() {
    return host.isBroken(); // all that closes it here comes by delays()
  }

  @Override
  ThreadPoolHost threadHost() {
    return host;
  }

  // ------------------------------------------------------------------ Ending

  @Override
  void drain() {
    if (host.queued == null) {
      super.drain();
    } else {
      host.queued.close(super::drain);
    }
    host.stopAbandoned();
  }

  @Override
  void cancelSubmitted() {
    takeBack(null);
  }

  /** Closes the pool, and takes back what is pending, or cancels it. */
  private void takeBack(Collection<Runnable> to) {
    if (host.queued != null) {
      // To drain would end a pause, and what that holds would begin.
      host.queued.close(isPaused() ? () -> {} : super::drain, to);
    }
    closeNative(CloseMode.kCloseCancelPending);
  }

  /**
   * Refuses further tasks, takes back those that are pending, and interrupts those that run. Does
   * not wait for these.
   *
   * @return what was given to {@link #execute(Runnable)}, or the futures of what was submitted, in
   *     the order of their submission, then those of what waits for its time. None has run and none
   *     will; such a future is not done, and its {@code run} does its work after all.
   */
  @Override
  public List<Runnable> shutdownNow() {
    List<DelayedTask<?>> waiting = delays().takeAll();
    List<Runnable> returned = Collections.synchronizedList(new ArrayList<>());
    synchronized (host) {
      host.returnDropped(returned);
      takeBack(returned);
      host.returnDropped(null);
    }
    List<Runnable> all = withDelayed(waiting, returned);
    host.stopRunning();
    return all;
  }

  @Override
  void beginPause() {
    host.beginPause();
    super.beginPause();
  }

  @Override
  boolean endPause() {
    boolean was = super.endPause();
    if (was) {
      host.endPause(this);
    }
    return was;
  }

  @Override
  boolean isQuiet() {
    // By native code's counts, as a task that it has taken is about to begin here; and by those
    // here, as one that has ended there is about to be counted. What native code takes for running
    // are also tickets, as one whose worker waits for the end of the pause. In this order: such a
    // ticket was counted before.
    long waiting = host.queued == null ? 0 : host.queued.queue.countParked();
    NativePoolStats stats = call(NativePool::stats);
    try {
      return stats.getRunning() <= waiting && toStats(stats).running() <= waiting;
    } finally {
      stats.delete();
    }
  }

  @Override
  void onMaxWorkers(int n) {
    if (host.queued != null) {
      host.queued.queue.setMaxWorkers(n);
    }
  }

  @Override
  MapRun.Executor executor() {
    return new MapRun.Executor() {
      @Override
      public <T> CompletableFuture<T> submit(SerializableCallable<T> task) {
        return ThreadPool.this.submit((Callable<T>) task);
      }

      @Override
      public <T> T block(Callable<T> wait) throws Exception {
        boolean blocked = isOwnWorker() && Worker.current().beginBlocking();
        try {
          return wait.call();
        } finally {
          PoolFuture.endBlocking(blocked);
        }
      }
    };
  }

  @Override
  PoolStats toStats(NativePoolStats stats) {
    return host.queued == null
        ? super.toStats(stats)
        : host.counts.toStats(stats, countStalls(), countDelayed());
  }

  @Override
  WorkerInfo toInfo(NativeWorkerInfo info) {
    return host.queued == null ? super.toInfo(info) : host.info(super.toInfo(info));
  }

  @Override
  long countStalls() {
    return host.stall.count();
  }

  @Override
  boolean isOwnWorker() {
    Worker worker = Worker.current();
    return worker != null && worker.host == host;
  }

  @Override
  Throwable brokenBy() {
    return host.brokenBy();
  }

  /** Makes a {@link ThreadPool}. Threads: one at a time. It may be used again. */
  public static final class Builder extends PoolBuilder<Builder> {
    private Runnable initializer;
    private Runnable finalizer;
    private long stackSize;

    private Builder() {}

    @Override
    Builder self() {
      return this;
    }

    /**
     * Run by each worker, on its own thread, before its first task. What it throws breaks the pool.
     *
     * @param initializer may be run by several workers at once
     * @return this
     */
    public Builder initializer(Runnable initializer) {
      this.initializer = initializer;
      return this;
    }

    /**
     * Run by each worker, on its own thread, after its last task. What it throws breaks the pool.
     *
     * @param finalizer may be run by several workers at once
     * @return this
     */
    public Builder finalizer(Runnable finalizer) {
      this.finalizer = finalizer;
      return this;
    }

    @Override
    public ThreadPool build() {
      return new ThreadPool(this);
    }

    /**
     * The size of the workers' stacks, for tasks that recurse deeply.
     *
     * @param bytes 0, the default: what {@code -Xss} says, or else the JVM; it is rounded, and
     *     raised to the minimum if it is too small
     * @return this
     * @throws IllegalArgumentException if {@code bytes} is negative
     */
    public Builder stackSize(long bytes) {
      if (bytes < 0) {
        throw new IllegalArgumentException("stackSize is " + bytes + "; it must not be negative");
      }
      this.stackSize = bytes;
      return this;
    }

    private ThreadPoolHost makeHost() {
      ClassLoader loader = Thread.currentThread().getContextClassLoader();
      boolean hasQueue = !hasLimits() && !isObserved();
      return new ThreadPoolHost(hasQueue, loader, stackSize, initializer, finalizer, context());
    }

    private NativeThreadPool makeNative(ThreadPoolHost host) {
      NativePoolOptions settings = new NativePoolOptions();
      try {
        apply(settings, host::stackOf);
        settings.setHostMakesThreads(true);
        host.swigReleaseOwnership(); // the native pool has it from here on
        return new NativeThreadPool(host, settings);
      } catch (Failure e) {
        host.terminated();
        throw (RuntimeException) Failures.take(e, null);
      } finally {
        settings.delete();
      }
    }
  }
}

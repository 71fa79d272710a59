package io.asyncpal;

import io.asyncpal.internal.swig.NativeView;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.AbstractExecutorService;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.RunnableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

/**
 * Part of a pool: an {@link java.util.concurrent.ExecutorService} whose tasks run on the pool's
 * workers, at most so many of them at once, in the order of their submission.
 *
 * <pre>{@code
 * PoolView log = pool.serial("log"); // one at a time
 * PoolView disk = pool.limited(2, "disk"); // two at a time
 * log.execute(() -> write(line));
 * CompletableFuture<Page> page = disk.submit(() -> read(name));
 * }</pre>
 *
 * <p>A view gives the pool its next task when that may start, at the back of the pool's queue: a
 * view with many tasks keeps nobody waiting. It holds no thread. A task has its place until it has
 * returned, also where its future has missed its timeout, or was cancelled, before; stages of its
 * future may wait for tasks behind it.
 *
 * <p>Its maps are those of the pool; their tasks are the view's. In a process pool tasks are
 * serialized, as by {@link ProcessPool#submit(Callable)}.
 *
 * <p>A task that is tried again ({@link TaskOptions#withRetry}) gives its place up with each
 * attempt that fails. The next one takes a place at the back when its wait is over; what was
 * behind it may have run by then.
 *
 * <p><b>Threads:</b> any. In a thread pool, a task that waits by {@code get()} or {@code join()}
 * for one behind it in its own view runs that itself, in its own place. With one place that would
 * be in the middle of the other: then the wait throws an {@link IllegalStateException} that names
 * both. What it can't see is a longer way round, through a task outside of the view or {@code
 * allOf}; that never ends. <b>Lifetime:</b> tasks stay when the view is no longer referred to.
 * <b>Ordering:</b> tasks of one thread get their places in the order of their submission.
 * <b>Errors:</b> those of the pool. A full pool counts what waits here; {@link
 * WhenFull#CALLER_RUNS} waits for room. <b>Shutdown:</b> that of the view ends only the view; that
 * of the pool treats what waits here as all that is pending.
 */
public final class PoolView extends AbstractExecutorService
    implements AutoCloseable, PoolMaps, SettledMaps {
  private final Pool pool;
  private final InView.Places places;
  private final String name;
  private final int limit;
  private final CountDownLatch ended = new CountDownLatch(1);
  // Guarded by this.
  private final Set<RunnableFuture<?>> tasks = new LinkedHashSet<>(); // that are not gone
  private boolean shut;

  /** One of that many places. */
  PoolView(Pool pool, String name, int limit, NativeView view) {
    this.pool = pool;
    this.name = name;
    this.limit = limit;
    this.places = task -> new InView(view, 0, () -> leave(task));
    Pool.clean(this, view::delete);
  }

  /** That of a key, whose tasks enter by {@code places} first. */
  PoolView(Pool pool, InView.Places places) {
    this.pool = pool;
    this.name = "";
    this.limit = 1;
    this.places =
        task -> {
          InView in = places.enter(task);
          Runnable onGone =
              () -> {
                in.onGone().run();
                leave(task);
              };
          return new InView(in.view(), in.key(), onGone);
        };
  }

  private InView enter(RunnableFuture<?> task) {
    synchronized (this) {
      if (shut) {
        throw new RejectedExecutionException(
            "view '" + name + "' of pool '" + pool.name() + "' was shut down");
      }
      tasks.add(task);
    }
    try {
      return places.enter(task);
    } catch (RuntimeException | Error e) { // of a key's hashCode()
      leave(task);
      throw e;
    }
  }

  private void leave(RunnableFuture<?> task) {
    synchronized (this) {
      tasks.remove(task);
      if (!shut || !tasks.isEmpty()) {
        return;
      }
    }
    ended.countDown();
  }

  private <T> CompletableFuture<T> start(
      TaskOptions options, Supplier<RunnableFuture<T>> runs) {
    return pool.startWith(options, this::enter, runs);
  }

  /**
   * What it was given, for messages.
   *
   * @return may be empty
   */
  public String name() {
    return name;
  }

  /**
   * How many of its tasks may run at once.
   *
   * @return at least 1
   */
  public int limit() {
    return limit;
  }

  // ------------------------------------------------------------------ Submitting

  @Override
  public void execute(Runnable command) {
    Objects.requireNonNull(command, "command");
    if (pool.hasMade(command)) { // by invokeAll()
      pool.start(TaskOptions.DEFAULT, 1, this::enter, (RunnableFuture<?>) command);
    } else {
      execute(TaskOptions.DEFAULT, command);
    }
  }

  /**
   * Submits a task without a future; otherwise the same as {@link #execute(Runnable)}.
   *
   * @param task can be serialized
   */
  public void execute(SerializableRunnable task) {
    execute((Runnable) task);
  }

  /**
   * Submits a task without a future, with options of its own; see {@link Pool#execute(TaskOptions,
   * Runnable)}.
   *
   * @param options its name and limits
   * @param task in a process pool, can be serialized
   */
  public void execute(TaskOptions options, Runnable task) {
    Unobserved.reportFailureOf(
        start(options, pool.runsOf(Objects.requireNonNull(task, "task"))));
  }

  /**
   * The same for a lambda, which becomes one that can be serialized.
   *
   * @param options its name and limits
   * @param task can be serialized
   */
  public void execute(TaskOptions options, SerializableRunnable task) {
    execute(options, (Runnable) task);
  }

  @Override
  public <T> CompletableFuture<T> submit(Callable<T> task) {
    return submit(TaskOptions.DEFAULT, task);
  }

  @Override
  public CompletableFuture<?> submit(Runnable task) {
    return submit(TaskOptions.DEFAULT, task);
  }

  @Override
  public <T> CompletableFuture<T> submit(Runnable task, T result) {
    return start(TaskOptions.DEFAULT, () -> pool.newTaskFor(task, result));
  }

  /**
   * Submits a task.
   *
   * @param <T> the type of its result
   * @param task can be serialized, and so can its result
   * @return its future
   */
  public <T> CompletableFuture<T> submit(SerializableCallable<T> task) {
    return submit((Callable<T>) task);
  }

  /**
   * Submits a task without a result.
   *
   * @param task can be serialized
   * @return its future
   */
  public CompletableFuture<?> submit(SerializableRunnable task) {
    return submit((Runnable) task);
  }

  /**
   * Submits a task with options of its own.
   *
   * @param <T> the type of its result
   * @param options its name and limits
   * @param task in a process pool, can be serialized
   * @return its future
   */
  public <T> CompletableFuture<T> submit(TaskOptions options, Callable<T> task) {
    return start(options, pool.runsOf(Objects.requireNonNull(task, "task")));
  }

  /**
   * Submits a task without a result, with options of its own.
   *
   * @param options its name and limits
   * @param task in a process pool, can be serialized
   * @return its future
   */
  public CompletableFuture<?> submit(TaskOptions options, Runnable task) {
    return start(options, pool.runsOf(Objects.requireNonNull(task, "task")));
  }

  /**
   * The same for a lambda, which becomes one that can be serialized.
   *
   * @param <T> the type of its result
   * @param options its name and limits
   * @param task can be serialized, and so can its result
   * @return its future
   */
  public <T> CompletableFuture<T> submit(TaskOptions options, SerializableCallable<T> task) {
    return submit(options, (Callable<T>) task);
  }

  /**
   * The same for a lambda, which becomes one that can be serialized.
   *
   * @param options its name and limits
   * @param task can be serialized
   * @return its future
   */
  public CompletableFuture<?> submit(TaskOptions options, SerializableRunnable task) {
    return submit(options, (Runnable) task);
  }

  @Override
  protected <T> RunnableFuture<T> newTaskFor(Callable<T> callable) {
    return pool.newTaskFor(callable);
  }

  @Override
  protected <T> RunnableFuture<T> newTaskFor(Runnable runnable, T value) {
    return pool.newTaskFor(runnable, value);
  }

  @Override
  public <T> T invokeAny(Collection<? extends Callable<T>> all)
      throws InterruptedException, ExecutionException {
    try {
      return InvokeAny.within(this::submit, all, Long.MAX_VALUE);
    } catch (TimeoutException e) {
      throw new AssertionError(e); // in 292 years
    }
  }

  @Override
  public <T> T invokeAny(Collection<? extends Callable<T>> all, long timeout, TimeUnit unit)
      throws InterruptedException, ExecutionException, TimeoutException {
    return InvokeAny.within(this::submit, all, unit.toNanos(timeout));
  }

  /** What its maps run on. */
  MapTarget mapTarget() {
    return MapTarget.of(pool).within(this);
  }

  // ------------------------------------------------------------------ Ending

  /** Refuses further tasks of this view, and runs what was submitted. The pool goes on. */
  @Override
  public void shutdown() {
    synchronized (this) {
      shut = true;
      if (!tasks.isEmpty()) {
        return;
      }
    }
    ended.countDown();
  }

  /**
   * Refuses further tasks of this view, cancels those that are pending, and interrupts those that
   * run, or kills their workers. The pool goes on.
   *
   * @return the futures of those that were pending, which are cancelled
   */
  @Override
  public List<Runnable> shutdownNow() {
    shutdown();
    List<RunnableFuture<?>> all;
    synchronized (this) {
      all = new ArrayList<>(tasks);
    }
    List<Runnable> pending = new ArrayList<>();
    for (int i = all.size() - 1; i >= 0; i--) { // the last first: so none gets a place
      if (Pool.cancelPending(all.get(i))) {
        pending.add(0, all.get(i));
      } else {
        all.get(i).cancel(true);
      }
    }
    return pending;
  }

  @Override
  public boolean isShutdown() {
    synchronized (this) {
      if (shut) {
        return true;
      }
    }
    return pool.isShutdown();
  }

  @Override
  public boolean isTerminated() {
    return ended.getCount() == 0 || pool.isTerminated();
  }

  @Override
  public boolean awaitTermination(long timeout, TimeUnit unit) throws InterruptedException {
    boolean ofItsOwn;
    synchronized (this) {
      ofItsOwn = shut;
    }
    if (!ofItsOwn && pool.isShutdown()) {
      return pool.awaitTermination(timeout, unit);
    }
    return ended.await(timeout, unit) || isTerminated();
  }

  /**
   * {@link #shutdown}, then waits for all tasks of the view, as {@link Pool#close} does for those
   * of the pool.
   */
  @Override
  public void close() {
    shutdown();
    if (pool.isOwnWorker()) {
      return;
    }
    boolean interrupted = false;
    while (true) {
      try {
        ended.await();
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
}

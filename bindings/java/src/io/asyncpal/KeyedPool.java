package io.asyncpal;

import io.asyncpal.internal.swig.NativeView;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Part of a pool whose tasks have keys: those of one key run one at a time, in the order of their
 * submission, and those of different keys side by side.
 *
 * <pre>{@code
 * KeyedPool<String> accounts = pool.keyed();
 * accounts.execute(account, () -> transfer(account, amount));
 * CompletableFuture<Long> balance = accounts.submit(account, () -> balanceOf(account));
 * }</pre>
 *
 * <p>A key takes no memory while it has no task, so there may be any number of them over time. Keys
 * are compared as by {@link java.util.HashMap}; their {@code equals} and {@code hashCode} must not
 * use the pool, since a lock is held meanwhile.
 *
 * <p><b>Threads, Lifetime, Ordering, Errors, Shutdown:</b> as a {@link PoolView} with one place,
 * for each key. Two {@code KeyedPool}s have nothing to do with each other.
 *
 * @param <K> the type of the keys
 */
public final class KeyedPool<K> {
  private final Pool pool;
  private final NativeView view;
  private final AtomicLong lastNumber = new AtomicLong();
  private final ConcurrentHashMap<K, Lane> lanes = new ConcurrentHashMap<>();

  // What native code knows a key by, as long as it has tasks.
  private static final class Lane {
    final long number;
    int tasks; // guarded by the map

    Lane(long number) {
      this.number = number;
    }
  }

  KeyedPool(Pool pool, NativeView view) {
    this.pool = pool;
    this.view = view;
    Pool.clean(this, view::delete);
  }

  private InView enter(K key) {
    Lane lane =
        lanes.compute(
            key,
            (same, old) -> {
              Lane its = old == null ? new Lane(lastNumber.incrementAndGet()) : old;
              its.tasks++;
              return its;
            });
    return new InView(view, lane.number, () -> leave(key));
  }

  private void leave(K key) {
    lanes.computeIfPresent(key, (same, lane) -> --lane.tasks == 0 ? null : lane);
  }

  /** How many keys have tasks, for tests. */
  int countKeys() {
    return lanes.size();
  }

  /**
   * The serial view of that key's tasks. Each call makes one, which can be shut down for itself;
   * all of one key share its place.
   *
   * @param key not null
   * @return a new view
   */
  public PoolView key(K key) {
    Objects.requireNonNull(key, "key");
    return new PoolView(pool, task -> enter(key));
  }

  /**
   * Submits a task without a future for that key; see {@link Pool#execute(TaskOptions, Runnable)}.
   *
   * @param key not null
   * @param task in a process pool, it is serialized
   */
  public void execute(K key, SerializableRunnable task) {
    execute(key, TaskOptions.DEFAULT, task);
  }

  /**
   * The same for a task with options of its own.
   *
   * @param key not null
   * @param options its name and limits
   * @param task in a process pool, it is serialized
   */
  public void execute(K key, TaskOptions options, SerializableRunnable task) {
    Unobserved.reportFailureOf(submit(key, options, task));
  }

  /**
   * Submits a task for that key.
   *
   * @param <T> the type of its result
   * @param key not null
   * @param task in a process pool, it is serialized, and so is its result
   * @return its future
   */
  public <T> CompletableFuture<T> submit(K key, SerializableCallable<T> task) {
    return submit(key, TaskOptions.DEFAULT, task);
  }

  /**
   * Submits a task without a result for that key.
   *
   * @param key not null
   * @param task in a process pool, it is serialized
   * @return its future
   */
  public CompletableFuture<?> submit(K key, SerializableRunnable task) {
    return submit(key, TaskOptions.DEFAULT, task);
  }

  /**
   * Submits a task with options of its own for that key.
   *
   * @param <T> the type of its result
   * @param key not null
   * @param options its name and limits
   * @param task in a process pool, it is serialized, and so is its result
   * @return its future
   */
  public <T> CompletableFuture<T> submit(
      K key, TaskOptions options, SerializableCallable<T> task) {
    Objects.requireNonNull(key, "key");
    Callable<T> callable = Objects.requireNonNull(task, "task");
    return pool.startWith(options, future -> enter(key), pool.runsOf(callable));
  }

  /**
   * Submits a task without a result, with options of its own, for that key.
   *
   * @param key not null
   * @param options its name and limits
   * @param task in a process pool, it is serialized
   * @return its future
   */
  public CompletableFuture<?> submit(K key, TaskOptions options, SerializableRunnable task) {
    Objects.requireNonNull(key, "key");
    Runnable runnable = Objects.requireNonNull(task, "task");
    return pool.startWith(options, future -> enter(key), pool.runsOf(runnable));
  }
}

package io.asyncpal;

/**
 * Makes pools of the usual kinds, named as those of {@link java.util.concurrent.Executors}. Those
 * whose names say how many workers they have refuse {@link Pool#setMaxWorkers}.
 */
public final class Executors {
  private static final int MAX_WORKERS = 32768;

  private Executors() {}

  /**
   * A pool of up to {@code workers} threads.
   *
   * @param workers at least 1
   * @return a new pool
   * @throws IllegalArgumentException if {@code workers} is less than 1
   */
  public static ThreadPool newFixedThreadPool(int workers) {
    checkWorkers(workers);
    return new ThreadPool(workers);
  }

  /**
   * A pool of one thread: its tasks run one after the other, in the order of their submission.
   *
   * @return a new pool
   */
  public static ThreadPool newSingleThreadExecutor() {
    return ThreadPool.builder().maxWorkers(1).fixedBy("newSingleThreadExecutor()").build();
  }

  /**
   * A pool of up to two threads.
   *
   * @return a new pool
   */
  public static ThreadPool newDualThreadPool() {
    return ThreadPool.builder().maxWorkers(2).fixedBy("newDualThreadPool()").build();
  }

  /**
   * A pool of up to three threads.
   *
   * @return a new pool
   */
  public static ThreadPool newTripleThreadPool() {
    return ThreadPool.builder().maxWorkers(3).fixedBy("newTripleThreadPool()").build();
  }

  /**
   * A pool of up to four threads.
   *
   * @return a new pool
   */
  public static ThreadPool newQuadThreadPool() {
    return ThreadPool.builder().maxWorkers(4).fixedBy("newQuadThreadPool()").build();
  }

  /**
   * A pool of up to {@code workers} threads, for delayed and periodic tasks; the same as {@link
   * #newFixedThreadPool}.
   *
   * @param workers at least 1
   * @return a new pool
   * @throws IllegalArgumentException if {@code workers} is less than 1
   */
  public static ThreadPool newScheduledThreadPool(int workers) {
    return newFixedThreadPool(workers);
  }

  /**
   * A pool of one thread, for delayed and periodic tasks, which run one after the other; the same
   * as {@link #newSingleThreadExecutor}.
   *
   * @return a new pool
   */
  public static ThreadPool newSingleThreadScheduledExecutor() {
    return newSingleThreadExecutor();
  }

  /**
   * A pool that starts a thread whenever none is free. A thread that has been idle for 60 seconds
   * ends.
   *
   * @return a new pool
   */
  public static ThreadPool newCachedThreadPool() {
    return newFixedThreadPool(MAX_WORKERS);
  }

  /**
   * A pool of up to {@code workers} processes.
   *
   * @param workers at least 1
   * @return a new pool
   * @throws IllegalArgumentException if {@code workers} is less than 1
   */
  public static ProcessPool newFixedProcessPool(int workers) {
    checkWorkers(workers);
    return new ProcessPool(workers);
  }

  /**
   * A pool of one process: its tasks run one after the other, in the order of their submission.
   *
   * @return a new pool
   */
  public static ProcessPool newSingleProcessExecutor() {
    return ProcessPool.builder().maxWorkers(1).fixedBy("newSingleProcessExecutor()").build();
  }

  /**
   * A pool of up to two processes.
   *
   * @return a new pool
   */
  public static ProcessPool newDualProcessPool() {
    return ProcessPool.builder().maxWorkers(2).fixedBy("newDualProcessPool()").build();
  }

  /**
   * A pool of up to three processes.
   *
   * @return a new pool
   */
  public static ProcessPool newTripleProcessPool() {
    return ProcessPool.builder().maxWorkers(3).fixedBy("newTripleProcessPool()").build();
  }

  /**
   * A pool of up to four processes.
   *
   * @return a new pool
   */
  public static ProcessPool newQuadProcessPool() {
    return ProcessPool.builder().maxWorkers(4).fixedBy("newQuadProcessPool()").build();
  }

  private static void checkWorkers(int workers) {
    if (workers < 1) {
      throw new IllegalArgumentException("workers is " + workers + "; it must be at least 1");
    }
  }
}

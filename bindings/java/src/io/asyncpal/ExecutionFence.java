package io.asyncpal;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A pause of a pool, which lasts until it is closed; what {@link Pool#pause} returns.
 *
 * <pre>{@code
 * try (ExecutionFence fence = pool.pause()) {
 *   if (fence.awaitQuiet(Duration.ofSeconds(10))) {
 *     reload(); // no task runs
 *   }
 * }
 * }</pre>
 *
 * <p><b>Threads:</b> any. <b>Lifetime:</b> one that is never closed pauses its pool until that is
 * shut down. <b>Ordering:</b> what tasks did that had ended happens before {@link #awaitQuiet}
 * returns true. <b>Errors:</b> as said with the methods. <b>Shutdown:</b> ends the pause early.
 */
public final class ExecutionFence implements AutoCloseable {
  private static final long MAX_SLEEP_MILLIS = 10;

  private final Pool pool;
  private final AtomicBoolean closed = new AtomicBoolean();

  ExecutionFence(Pool pool) {
    this.pool = pool;
  }

  /**
   * Waits until no task of the pool is running any more.
   *
   * @param timeout not negative; more than 292 years means forever
   * @return false: {@code timeout} passed
   * @throws InterruptedException if this thread is interrupted meanwhile
   * @throws IllegalArgumentException if {@code timeout} is negative
   * @throws IllegalStateException from inside one of the pool's own workers
   */
  public boolean awaitQuiet(Duration timeout) throws InterruptedException {
    long nanos = Durations.toNanos("timeout", timeout);
    if (pool.isOwnWorker()) {
      throw new IllegalStateException(
          "pool '" + pool.name() + "': awaitQuiet() inside one of its own workers would wait for"
              + " itself");
    }
    long start = System.nanoTime();
    long millis = 1;
    while (!pool.isQuiet()) {
      if (System.nanoTime() - start >= nanos) {
        return false;
      }
      Thread.sleep(millis);
      millis = Math.min(2 * millis, MAX_SLEEP_MILLIS);
    }
    return true;
  }

  /** Ends this pause. A second call does nothing. */
  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      pool.resume();
    }
  }
}

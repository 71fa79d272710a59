package io.asyncpal;

import io.asyncpal.internal.swig.NativePool;
import io.asyncpal.internal.swig.NativeRetryPolicy;
import io.asyncpal.internal.swig.RetryWaits;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.RunnableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * A task that is tried again when it fails, and its future. Each attempt is a task of the pool with
 * a future of its own; the next one waits with the pool's delayed tasks.
 *
 * <p>Threads: any. One attempt's end comes at a time, and only that uses {@code waits} and {@code
 * failure}.
 */
final class RetryRun<V> extends PoolFuture<V> {
  private final Pool pool;
  private final TaskOptions options;
  private final InView.Places places;
  private final Supplier<RunnableFuture<V>> maker;
  private final long start = System.nanoTime();
  private final RetryWaits waits; // native code's arithmetic
  private Throwable failure; // the last one; null: there was none
  private volatile Future<V> attempt;

  private RetryRun(
      Pool pool,
      TaskOptions options,
      InView.Places places,
      Supplier<RunnableFuture<V>> maker) {
    super(pool.threadHost());
    this.pool = pool;
    String traceparent = TaskContext.ofSubmissions();
    this.options =
        traceparent.isEmpty() || !options.traceparent().isEmpty()
            ? options
            : options.withTraceparent(traceparent); // for all attempts
    this.places = places;
    this.maker = maker;
    NativeRetryPolicy policy = options.retry().toNative();
    try {
      this.waits = new RetryWaits(policy);
    } finally {
      policy.delete();
    }
  }

  /** Submits the first attempt, and throws what that throws. */
  static <T> RetryRun<T> start(
      Pool pool,
      TaskOptions options,
      InView.Places places,
      Supplier<RunnableFuture<T>> maker) {
    RetryRun<T> run = new RetryRun<>(pool, options, places, maker);
    RunnableFuture<T> first = maker.get();
    run.attempt = first;
    try {
      pool.start(run.options, 1, places, first);
    } catch (RuntimeException | Error e) {
      run.waits.delete();
      throw e;
    }
    run.follow(first);
    return run;
  }

  /** What does the work at the moment. */
  Future<V> attempt() {
    return attempt;
  }

  private void follow(Future<V> next) {
    // As pools make them.
    ((CompletableFuture<V>) next)
        .whenComplete((value, thrown) -> end(next.isCancelled(), value, thrown));
  }

  private void end(boolean wasCancelled, V value, Throwable thrown) {
    if (thrown == null) {
      waits.delete();
      super.complete(value);
      return;
    }
    if (wasCancelled && failure == null) {
      waits.delete();
      super.cancel(false);
      return;
    }
    if (!wasCancelled) {
      failure = thrown;
      if (!isDone() && tryAgain(thrown)) {
        return;
      }
    }
    waits.delete();
    super.completeExceptionally(failure);
  }

  /** False: there is no further attempt. */
  private boolean tryAgain(Throwable thrown) {
    long wait = waits.next(System.nanoTime() - start);
    if (wait < 0 || !options.retry().mayFollow(thrown)) {
      return false;
    }
    int number = waits.attempts();
    DelayedTask<V> next =
        new DelayedTask<>(
            pool,
            maker,
            Delays.timeAfter(wait, TimeUnit.NANOSECONDS),
            run -> pool.start(options, number, places, run));
    try {
      pool.check();
      pool.delays().add(next);
    } catch (RuntimeException | Error e) {
      return false; // the pool takes no more
    }
    pool.call(
        (NativePool p) -> {
          p.countRetry();
          return null;
        });
    attempt = next;
    if (isDone()) { // by one who may have seen the one before
      next.cancel(false);
    }
    follow(next);
    return true;
  }

  @Override
  boolean isDoneWithHelp() {
    return attempt instanceof PoolFuture<?> now && now.isDoneWithHelp() && isDone();
  }

  @Override
  public boolean cancel(boolean mayInterruptIfRunning) {
    boolean cancelled = super.cancel(mayInterruptIfRunning);
    attempt.cancel(mayInterruptIfRunning);
    return cancelled || isCancelled();
  }

  @Override
  public boolean complete(V value) {
    boolean completed = super.complete(value);
    attempt.cancel(false);
    return completed;
  }

  @Override
  public boolean completeExceptionally(Throwable e) {
    boolean completed = super.completeExceptionally(e);
    attempt.cancel(false);
    return completed;
  }
}

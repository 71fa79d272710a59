package io.asyncpal;

import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * A future whose end doesn't depend on its exception. {@link CompletableFuture} calls {@code
 * toString()} of an exception that it wraps into another; where that throws, no stage that depends
 * on the future would ever be done, and {@code get()} would throw something else.
 */
class SafeFuture<T> extends CompletableFuture<T> {
  @Override
  public <U> CompletableFuture<U> newIncompleteFuture() {
    return new SafeFuture<>();
  }

  /** What a task's future is completed with for what the task threw. */
  static Throwable toComplete(Throwable thrown) {
    if (thrown instanceof CancellationException || thrown instanceof CompletionException) {
      // A future takes these two for something else than what the task threw.
      return completion(thrown);
    }
    try {
      thrown.toString();
      return thrown;
    } catch (Throwable inToString) {
      return completion(thrown);
    }
  }

  /** Never throws. */
  static CompletionException completion(Throwable cause) {
    return new CompletionException(SentThrowable.describe(cause), cause);
  }

  @Override
  public T get() throws InterruptedException, ExecutionException {
    try {
      return super.get();
    } catch (RuntimeException | Error e) {
      throw toThrow(e);
    }
  }

  @Override
  public T get(long timeout, TimeUnit unit)
      throws InterruptedException, ExecutionException, TimeoutException {
    try {
      return super.get(timeout, unit);
    } catch (RuntimeException | Error e) {
      throw toThrow(e);
    }
  }

  /** After {@code get()} has thrown what it should not. */
  private ExecutionException toThrow(Throwable thrown) {
    if (thrown instanceof CancellationException || !isCompletedExceptionally()) {
      throw sneaky(thrown);
    }
    Throwable failure = handle((value, e) -> e).join();
    if (failure instanceof CompletionException && failure.getCause() != null) {
      failure = failure.getCause();
    }
    return new ExecutionException(SentThrowable.describe(failure), failure);
  }

  private static RuntimeException sneaky(Throwable unchecked) {
    if (unchecked instanceof Error error) {
      throw error;
    }
    return (RuntimeException) unchecked;
  }
}

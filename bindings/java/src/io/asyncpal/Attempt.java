package io.asyncpal;

import java.io.Serializable;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;

/** How a call inside of a chunk ended, on the way from its worker. */
record Attempt<R>(R value, Throwable thrown) implements Serializable {
  /** One whose exception is on its way; it gets there even if the exception itself can't. */
  record Failed<R>(SentThrowable thrown) implements Serializable {}

  static <T, R> Attempt<R> of(Function<T, R> f, T item) {
    try {
      return new Attempt<>(f.apply(item), null);
    } catch (Throwable e) {
      return new Attempt<>(null, e);
    }
  }

  /** How many calls of a chunk that is done, of that many, have failed. */
  static <R> int countFailed(
      CompletableFuture<MapChunk.Results<Attempt<R>>> chunk, int calls) {
    if (chunk.isCompletedExceptionally()) {
      return calls;
    }
    return (int) chunk.join().values().stream().filter(one -> one.thrown() != null).count();
  }

  /** The value, or a {@link Failed}. */
  Object toSend() {
    return thrown == null
        ? value
        : new Failed<>(SentThrowable.toSend(thrown, SentThrowable.MAX_BYTES));
  }

  private Object writeReplace() {
    return thrown == null ? this : toSend();
  }
}

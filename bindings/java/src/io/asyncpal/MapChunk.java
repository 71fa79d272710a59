package io.asyncpal;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.function.Function;

/**
 * One task of a map: the same call for some items, which measures what they take, or does not. It
 * can be sent if these can.
 */
record MapChunk<R>(Function<Object, R> f, ArrayList<Object> items, boolean measures)
    implements SerializableCallable<MapChunk.Results<R>> {

  /** The results before the first call that threw, what that threw, and the time; 0: unknown. */
  record Results<R>(ArrayList<R> values, Throwable thrown, long nanos) implements Serializable {
    // The results get there even if what was thrown can't.
    private Object writeReplace() {
      return thrown == null
          ? this
          : new Sent<>(
              values, SentThrowable.toSend(thrown, SentThrowable.MAX_BYTES), nanos);
    }
  }

  /** Such results on their way. */
  record Sent<R>(ArrayList<R> values, SentThrowable thrown, long nanos)
      implements Serializable {}

  @Override
  public Results<R> call() throws Exception {
    long start = measures ? System.nanoTime() : 0;
    ArrayList<R> values = new ArrayList<>(items.size());
    for (Object item : items) {
      try {
        values.add(f.apply(item));
      } catch (Throwable e) {
        if (values.isEmpty()) {
          throw e;
        }
        return new Results<>(values, e, 0);
      }
    }
    long nanos = measures ? Math.max(1, System.nanoTime() - start) : 0;
    return new Results<>(values, null, nanos);
  }
}

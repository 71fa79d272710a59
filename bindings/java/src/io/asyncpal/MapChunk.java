package io.asyncpal;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.function.Function;

/** One task of a map: the same call for some items. It can be sent if these can. */
record MapChunk<R>(Function<Object, R> f, ArrayList<Object> items)
    implements SerializableCallable<MapChunk.Results<R>> {

  /** The results before the first call that threw, and what that threw. */
  record Results<R>(ArrayList<R> values, Throwable thrown) implements Serializable {
    // The results get there even if what was thrown can't.
    private Object writeReplace() {
      return thrown == null
          ? this
          : new Sent<>(values, SentThrowable.toSend(thrown, SentThrowable.MAX_BYTES));
    }
  }

  /** Such results on their way. */
  record Sent<R>(ArrayList<R> values, SentThrowable thrown) implements Serializable {}

  @Override
  public Results<R> call() throws Exception {
    ArrayList<R> values = new ArrayList<>(items.size());
    for (Object item : items) {
      try {
        values.add(f.apply(item));
      } catch (Throwable e) {
        if (values.isEmpty()) {
          throw e;
        }
        return new Results<>(values, e);
      }
    }
    return new Results<>(values, null);
  }
}

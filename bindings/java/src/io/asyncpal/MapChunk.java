package io.asyncpal;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/**
 * One task of a map: the same call for some items, which measures what they take, or does not. It
 * can be sent if these can.
 *
 * @param inParts whether the end of each call is sent by itself; R is an {@link Attempt} then, and
 *     a worker of a process pool runs it
 */
record MapChunk<R>(
    Function<Object, R> f, ArrayList<Object> items, boolean measures, boolean inParts)
    implements SerializableCallable<MapChunk.Results<R>> {

  /**
   * The results before the first call that threw, what that threw, and the time; 0: unknown. That
   * may be a {@link Lost}. In a worker that has sent its results, they are null.
   */
  record Results<R>(ArrayList<R> values, Throwable thrown, long nanos) implements Serializable {
    // The results get there even if what was thrown can't.
    private Object writeReplace() {
      return thrown == null
          ? this
          : new Sent<>(
              values, SentThrowable.toSend(thrown, SentThrowable.MAX_BYTES), nanos);
    }
  }

  /** A chunk was lost with its worker, in the middle. */
  static final class Lost extends Exception {
    private static final long serialVersionUID = 1;

    private final transient List<Object> rest;

    Lost(Throwable cause, List<Object> rest) {
      super(null, cause, false, false);
      this.rest = rest;
    }

    /** The items whose calls had not begun. */
    List<Object> rest() {
      return rest;
    }
  }

  /** Such results on their way. */
  record Sent<R>(ArrayList<R> values, SentThrowable thrown, long nanos)
      implements Serializable {}

  /**
   * What there is of a chunk in parts that was lost.
   *
   * @param come of its first calls
   * @param begun that many calls had begun, or all
   */
  static <R> Results<Attempt<R>> lost(
      List<Object> items, Results<Attempt<R>> come, long begun, Throwable error) {
    ArrayList<Attempt<R>> attempts = come.values();
    int end = (int) Math.min(begun, items.size());
    while (attempts.size() < end) {
      attempts.add(new Attempt<>(null, error));
    }
    Lost lost = new Lost(error, items.subList(attempts.size(), items.size()));
    return new Results<>(attempts, lost, 0);
  }

  @SuppressWarnings("unchecked") // as inParts says
  private Results<R> callInParts() {
    long start = System.nanoTime();
    CallFrames.callEach((Function<Object, Attempt<Object>>) (Function<Object, ?>) f, items);
    long nanos = measures ? Math.max(1, System.nanoTime() - start) : 0;
    return new Results<>(null, null, nanos);
  }

  @Override
  public Results<R> call() throws Exception {
    if (inParts) {
      return callInParts();
    }
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

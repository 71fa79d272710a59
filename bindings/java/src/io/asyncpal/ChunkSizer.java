package io.asyncpal;

import java.util.OptionalLong;

/**
 * How large the chunks of a map are where the map is to find that out: large enough that a task
 * costs little beside its calls, and small enough that each worker has something to do until the
 * end. As {@code asyncpal::internal::ChunkSizer}, which says how it works.
 *
 * <p>Threads: one at a time. Ordering: chunks are learned of in any order.
 */
final class ChunkSizer {
  static final int COSTS_PER_CHUNK = 20;

  /**
   * With such chunks, so many for each worker are ahead at most: sizes are found while chunks are
   * done, so not all may be.
   */
  static final int CHUNKS_AHEAD = 16;

  private static final double LEAST_NANOS = 0.1; // clocks have steps

  private final double wanted; // ns
  private final int workers;
  private double item; // ns; 0: nothing is known
  private int size = 1;

  /**
   * For tasks that cost so much if they do nothing.
   *
   * @param taskNanos of one
   * @param workers how many run at once; at least 1
   */
  ChunkSizer(double taskNanos, int workers) {
    this.wanted = COSTS_PER_CHUNK * taskNanos;
    this.workers = workers;
  }

  /** How many items the next chunk has, at least 1, of as many as are left, if that is known. */
  int next(OptionalLong left) {
    return left.isEmpty()
        ? size
        : (int) Math.min(size, Math.max(1, left.getAsLong() / (3L * workers)));
  }

  /** The calls of a chunk of so many items, at least 1, took that long. */
  void learn(int items, long nanos) {
    double its = Math.max((double) nanos / items, LEAST_NANOS);
    item = item == 0 ? its : Math.max(its, (item + its) / 2);
    double most = Math.min(2.0 * items, Integer.MAX_VALUE);
    size = (int) Math.max(1, Math.min(most, wanted / item));
  }
}

package io.asyncpal;

import io.asyncpal.internal.swig.NativeDurationHistogram;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * How many durations were not longer than which bound.
 *
 * @param bounds 1 us, 2 us, 4 us, ..., 36 min, 1 h; empty: nothing is measured
 * @param counts one for each bound, of the durations that were longer than the bound before and not
 *     than this one; and one more, of those that were longer than all bounds
 * @param sum of all durations
 */
public record DurationHistogram(List<Duration> bounds, List<Long> counts, Duration sum) {
  /** Of a pool that does not measure. */
  static final DurationHistogram NONE = new DurationHistogram(List.of(), List.of(), Duration.ZERO);

  /**
   * Copies the lists.
   *
   * @param bounds in ascending order
   * @param counts one more than there are bounds, or none of either
   * @param sum of all durations
   */
  public DurationHistogram {
    bounds = List.copyOf(bounds);
    counts = List.copyOf(counts);
  }

  /**
   * How many durations there were.
   *
   * @return the sum of all counts
   */
  public long count() {
    return counts.stream().mapToLong(Long::longValue).sum();
  }

  static DurationHistogram of(NativeDurationHistogram measured) {
    int size = measured.size();
    if (size == 0) {
      return NONE;
    }
    List<Duration> bounds = new ArrayList<>();
    List<Long> counts = new ArrayList<>();
    for (int i = 0; i < size; i++) {
      counts.add(measured.count(i));
      if (i + 1 < size) {
        bounds.add(Duration.ofNanos(measured.bound(i)));
      }
    }
    return new DurationHistogram(bounds, counts, Duration.ofNanos(measured.sum()));
  }
}

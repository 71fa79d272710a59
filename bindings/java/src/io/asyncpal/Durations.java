package io.asyncpal;

import java.time.Duration;

/** Durations as native code counts them: in nanoseconds, the largest number for no limit. */
final class Durations {
  private static final Duration LONGEST = Duration.ofNanos(Long.MAX_VALUE);

  private Durations() {}

  static long toPositiveNanos(String name, Duration duration) {
    if (duration.isZero() || duration.isNegative()) {
      throw new IllegalArgumentException(name + " is " + duration + "; it must be positive");
    }
    return toNanos(name, duration);
  }

  static long toNanos(String name, Duration duration) {
    if (duration.isNegative()) {
      throw new IllegalArgumentException(name + " is " + duration + "; it must not be negative");
    }
    return duration.compareTo(LONGEST) >= 0 ? Long.MAX_VALUE : duration.toNanos();
  }
}

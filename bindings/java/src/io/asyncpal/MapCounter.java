package io.asyncpal;

import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * What a map's {@link ProgressListener} is told: counts, and when to tell. Threads: one at a time,
 * which reads the map.
 */
final class MapCounter {
  private static final double MAX_SECONDS = 1e11;

  private final ProgressListener listener;
  private final long start = System.nanoTime();
  private final RateMeter rate = new RateMeter();
  private long done;
  private long failed;
  private OptionalLong total;
  private boolean ended;

  MapCounter(ProgressListener listener, OptionalLong total) {
    this.listener = listener;
    this.total = total;
  }

  /** Tells the beginning. */
  void begin() {
    listener.onChange(state());
  }

  /** There will be this many calls. */
  void setTotal(long calls) {
    total = OptionalLong.of(calls);
  }

  /** The calls of a chunk have ended, of which that many without a result. */
  void count(int failures, int calls) {
    done += calls - failures;
    failed += failures;
    rate.add(calls, elapsed() / 1e9);
    listener.onChange(state());
  }

  /** Tells the end, once. */
  void end() {
    if (ended) {
      return;
    }
    ended = true;
    try {
      listener.onEnd(state());
    } catch (RuntimeException | Error e) {
      System.getLogger("io.asyncpal")
          .log(Level.ERROR, "onEnd of a ProgressListener threw " + e, e);
    }
  }

  private long elapsed() {
    return System.nanoTime() - start;
  }

  private MapState state() {
    return new MapState(
        done, failed, total, rate.perSecond(), left(), Duration.ofNanos(elapsed()));
  }

  private Optional<Duration> left() {
    if (total.isEmpty()) {
      return Optional.empty();
    }
    long rest = total.getAsLong() - done - failed;
    if (rest <= 0) {
      return Optional.of(Duration.ZERO);
    }
    double seconds = rest / rate.perSecond(); // infinite for 0
    return seconds < MAX_SECONDS
        ? Optional.of(Duration.ofNanos((long) (seconds * 1e6) * 1000))
        : Optional.empty();
  }

  /**
   * Calls per second, as an average in which what was counted tau ago has 1/e of the weight of what
   * is counted now, whatever the rhythm of the counting. In the beginning it is the plain average.
   * C++ has the same, and says how it works.
   */
  static final class RateMeter {
    private static final double TAU = 10; // seconds

    private double weighted;
    private double last;
    private double perSecond;

    /** This many have ended, evenly since the last time; {@code now} is in seconds. */
    void add(long calls, double now) {
      double passed = now - last;
      double kept = Math.exp(-passed / TAU);
      double share = passed > 0 ? TAU / passed * -Math.expm1(-passed / TAU) : 1;
      weighted = weighted * kept + calls * share;
      last = now;
      double divisor = TAU * -Math.expm1(-now / TAU);
      perSecond = divisor > 0 ? weighted / divisor : 0;
    }

    double perSecond() {
      return perSecond;
    }
  }
}

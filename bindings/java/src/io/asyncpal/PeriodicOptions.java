package io.asyncpal;

import io.asyncpal.internal.swig.NativePeriodicOptions;
import java.time.Duration;
import java.util.Objects;

/**
 * How a task is run again and again: {@code
 * PeriodicOptions.DEFAULT.withCadence(Cadence.FIXED_DELAY).withJitter(0.1)}.
 *
 * @param task for each run; with no retry
 * @param initialDelay when the first run is due; more than 146 years: when {@link Periodic#trigger}
 *     is called
 * @param cadence what the period counts from
 * @param whenLate what becomes of the runs that were missed
 * @param onError what a run that fails does
 * @param maxRuns it ends after this many; 0: no limit
 * @param jitter each run but the first is due later by up to this part of the period, at random, so
 *     that tasks of many programs don't run together; at least 0, and less than 1
 */
public record PeriodicOptions(
    TaskOptions task,
    Duration initialDelay,
    Cadence cadence,
    WhenLate whenLate,
    OnError onError,
    long maxRuns,
    double jitter) {

  /** What a run that throws, misses a limit of its options, or loses its worker does. */
  public enum OnError {
    /**
     * The next one comes. The uncaught exception handler of the thread that has found the failure
     * gets a {@link PeriodicRunException}.
     */
    CONTINUE,
    /** It was the last one; {@link Periodic#done} has its failure. */
    STOP
  }

  /** At once, at a fixed rate without what is late, whatever fails, for ever. */
  public static final PeriodicOptions DEFAULT =
      new PeriodicOptions(
          TaskOptions.DEFAULT,
          Duration.ZERO,
          Cadence.FIXED_RATE,
          WhenLate.SKIP,
          OnError.CONTINUE,
          0,
          0);

  /**
   * Checks the options.
   *
   * @param task for each run
   * @param initialDelay when the first run is due
   * @param cadence what the period counts from
   * @param whenLate what becomes of the runs that were missed
   * @param onError what a run that fails does
   * @param maxRuns how many there are
   * @param jitter the part of the period that is left to chance
   * @throws IllegalArgumentException names the one that is out of range
   */
  public PeriodicOptions {
    Objects.requireNonNull(task, "task");
    Objects.requireNonNull(cadence, "cadence");
    Objects.requireNonNull(whenLate, "whenLate");
    Objects.requireNonNull(onError, "onError");
    if (task.retry().maxAttempts() > 1) {
      throw new IllegalArgumentException(
          "task.retry.maxAttempts is " + task.retry().maxAttempts() + "; it must be 1");
    }
    Durations.toNanos("initialDelay", Objects.requireNonNull(initialDelay, "initialDelay"));
    if (maxRuns < 0) {
      throw new IllegalArgumentException(
          "maxRuns is " + maxRuns + "; it must not be negative (0: no limit)");
    }
    if (!(jitter >= 0 && jitter < 1)) { // as a NaN is refused, too
      throw new IllegalArgumentException("jitter is " + jitter + "; it must be in [0, 1)");
    }
  }

  /**
   * These, but for one.
   *
   * @param other those of each run
   * @return new options
   */
  public PeriodicOptions withTask(TaskOptions other) {
    return new PeriodicOptions(other, initialDelay, cadence, whenLate, onError, maxRuns, jitter);
  }

  /**
   * These, but for one.
   *
   * @param delay the other initial delay
   * @return new options
   */
  public PeriodicOptions withInitialDelay(Duration delay) {
    return new PeriodicOptions(task, delay, cadence, whenLate, onError, maxRuns, jitter);
  }

  /**
   * These, but for one.
   *
   * @param other the other cadence
   * @return new options
   */
  public PeriodicOptions withCadence(Cadence other) {
    return new PeriodicOptions(task, initialDelay, other, whenLate, onError, maxRuns, jitter);
  }

  /**
   * These, but for one.
   *
   * @param other what else becomes of the runs that were missed
   * @return new options
   */
  public PeriodicOptions withWhenLate(WhenLate other) {
    return new PeriodicOptions(task, initialDelay, cadence, other, onError, maxRuns, jitter);
  }

  /**
   * These, but for one.
   *
   * @param other what else a run that fails does
   * @return new options
   */
  public PeriodicOptions withOnError(OnError other) {
    return new PeriodicOptions(task, initialDelay, cadence, whenLate, other, maxRuns, jitter);
  }

  /**
   * These, but for one.
   *
   * @param runs the other number of runs
   * @return new options
   */
  public PeriodicOptions withMaxRuns(long runs) {
    return new PeriodicOptions(task, initialDelay, cadence, whenLate, onError, runs, jitter);
  }

  /**
   * These, but for one.
   *
   * @param part the other jitter
   * @return new options
   */
  public PeriodicOptions withJitter(double part) {
    return new PeriodicOptions(task, initialDelay, cadence, whenLate, onError, maxRuns, part);
  }

  /** For native code; whoever asks deletes it. */
  NativePeriodicOptions toNative(Duration period) {
    NativePeriodicOptions options = new NativePeriodicOptions();
    options.setPeriod(Durations.toPositiveNanos("period", period));
    options.setInitialDelay(Durations.toNanos("initialDelay", initialDelay));
    options.setCadence(cadence.ordinal());
    options.setWhenLate(whenLate.ordinal());
    options.setMaxRuns(maxRuns);
    options.setJitter(jitter);
    return options;
  }
}

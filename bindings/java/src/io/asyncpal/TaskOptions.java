package io.asyncpal;

import io.asyncpal.internal.swig.TaskSettings;
import java.time.Duration;
import java.util.Objects;

/**
 * Options of one task: {@code TaskOptions.DEFAULT.withTimeout(Duration.ofSeconds(2))}.
 *
 * @param name shows in {@link Pool#workers} and in messages; empty: the task's number does
 * @param timeout a task that runs longer fails with a {@link
 *     java.util.concurrent.TimeoutException}, then and there. A thread pool interrupts it, and its
 *     worker stays busy until it returns; a process pool kills and replaces the worker.
 * @param queueDeadline a task that has not started after this long never starts, and fails with a
 *     {@link java.util.concurrent.TimeoutException}
 * @param maxAttempts process pools: how often a task whose worker was lost may run, at least 1
 */
public record TaskOptions(
    String name, Duration timeout, Duration queueDeadline, int maxAttempts) {
  private static final Duration FOR_EVER = Duration.ofNanos(Long.MAX_VALUE);

  /** No name, no limits, one attempt. */
  public static final TaskOptions DEFAULT = new TaskOptions("", FOR_EVER, FOR_EVER, 1);

  /**
   * Checks the options.
   *
   * @param name may be empty
   * @param timeout limits the run; more than 292 years is for ever
   * @param queueDeadline limits the wait for a worker; more than 292 years is for ever
   * @param maxAttempts how often the task may run
   * @throws IllegalArgumentException names the one that is out of range
   */
  public TaskOptions {
    Objects.requireNonNull(name, "name");
    Durations.toNanos("timeout", Objects.requireNonNull(timeout, "timeout"));
    Durations.toNanos("queueDeadline", Objects.requireNonNull(queueDeadline, "queueDeadline"));
    if (maxAttempts < 1) {
      throw new IllegalArgumentException(
          "maxAttempts is " + maxAttempts + "; it must be at least 1");
    }
  }

  /**
   * These, but for one.
   *
   * @param other the other name
   * @return new options
   */
  public TaskOptions withName(String other) {
    return new TaskOptions(other, timeout, queueDeadline, maxAttempts);
  }

  /**
   * These, but for one.
   *
   * @param limit the other timeout
   * @return new options
   */
  public TaskOptions withTimeout(Duration limit) {
    return new TaskOptions(name, limit, queueDeadline, maxAttempts);
  }

  /**
   * These, but for one.
   *
   * @param deadline the other queue deadline
   * @return new options
   */
  public TaskOptions withQueueDeadline(Duration deadline) {
    return new TaskOptions(name, timeout, deadline, maxAttempts);
  }

  /**
   * These, but for one.
   *
   * @param attempts the other number of attempts
   * @return new options
   */
  public TaskOptions withMaxAttempts(int attempts) {
    return new TaskOptions(name, timeout, queueDeadline, attempts);
  }

  /** For native code; whoever asks deletes it. */
  TaskSettings toNative() {
    TaskSettings settings = new TaskSettings();
    settings.setName(name);
    settings.setTimeout(Durations.toNanos("timeout", timeout));
    settings.setQueueDeadline(Durations.toNanos("queueDeadline", queueDeadline));
    settings.setMaxAttempts(maxAttempts);
    return settings;
  }
}

package io.asyncpal;

import io.asyncpal.internal.swig.NativeTaskOptions;
import java.time.Duration;
import java.util.Objects;
import java.util.regex.Pattern;

/**
 * Options of one task: {@code TaskOptions.DEFAULT.withTimeout(Duration.ofSeconds(2))}.
 *
 * @param name shown in {@link Pool#workers} and in messages; if it is empty, the task's number is
 *     shown
 * @param timeout a task that runs longer fails with a {@link
 *     java.util.concurrent.TimeoutException}, at that moment. A thread pool interrupts it, and its
 *     worker stays busy until it returns; a process pool kills and replaces the worker.
 * @param queueDeadline a task that has not started after this long never starts, and fails with a
 *     {@link java.util.concurrent.TimeoutException}
 * @param maxAttempts process pools: how often a task whose worker was lost may run, at least 1
 * @param traceparent the trace that the task belongs to, as W3C's Trace Context defines it; empty:
 *     that of the task that submits it, if there is one. {@link TaskContext#traceparent} has it,
 *     and so does what the task submits in turn.
 * @param priority before or after which other tasks it begins. A thread pool queues in native code
 *     from its first task of another than normal priority on, so that each task costs a call of
 *     its own.
 * @param atShutdown what becomes of it when its pool is shut down
 * @param retry how often it is tried again when it fails
 */
public record TaskOptions(
    String name,
    Duration timeout,
    Duration queueDeadline,
    int maxAttempts,
    String traceparent,
    TaskPriority priority,
    AtShutdown atShutdown,
    RetryPolicy retry) {
  private static final Duration FOR_EVER = Duration.ofNanos(Long.MAX_VALUE);
  // version-trace-parent-flags, and what later versions add after a dash.
  private static final Pattern TRACEPARENT =
      Pattern.compile("[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}");
  private static final int TRACEPARENT_LENGTH = 55;

  /** No name, no limits, one attempt. */
  public static final TaskOptions DEFAULT = new TaskOptions("", FOR_EVER, FOR_EVER, 1);

  /**
   * Checks the options.
   *
   * @param name may be empty
   * @param timeout limits the run; more than 292 years means forever
   * @param queueDeadline limits the wait for a worker; more than 292 years means forever
   * @param maxAttempts how often the task may run
   * @param traceparent may be empty
   * @param priority before or after which other tasks it begins
   * @param atShutdown what becomes of it at a shutdown
   * @param retry how often it is tried again
   * @throws IllegalArgumentException names the one that is out of range
   */
  public TaskOptions {
    Objects.requireNonNull(priority, "priority");
    Objects.requireNonNull(atShutdown, "atShutdown");
    Objects.requireNonNull(retry, "retry");
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(traceparent, "traceparent");
    Durations.toNanos("timeout", Objects.requireNonNull(timeout, "timeout"));
    Durations.toNanos("queueDeadline", Objects.requireNonNull(queueDeadline, "queueDeadline"));
    if (maxAttempts < 1) {
      throw new IllegalArgumentException(
          "maxAttempts is " + maxAttempts + "; it must be at least 1");
    }
    if (!traceparent.isEmpty() && !isTraceparent(traceparent)) {
      throw new IllegalArgumentException(
          "traceparent is \""
              + traceparent
              + "\"; it must be as W3C's Trace Context has it, "
              + "00-<32 digits>-<16 digits>-<2 digits>, in lower case");
    }
  }

  /**
   * Options that say nothing of a trace.
   *
   * @param name may be empty
   * @param timeout limits the run; more than 292 years means forever
   * @param queueDeadline limits the wait for a worker; more than 292 years means forever
   * @param maxAttempts how often the task may run
   * @throws IllegalArgumentException names the one that is out of range
   */
  public TaskOptions(String name, Duration timeout, Duration queueDeadline, int maxAttempts) {
    this(name, timeout, queueDeadline, maxAttempts, "");
  }

  /**
   * Options of normal priority that are not tried again.
   *
   * @param name may be empty
   * @param timeout limits the run; more than 292 years means forever
   * @param queueDeadline limits the wait for a worker; more than 292 years means forever
   * @param maxAttempts how often the task may run
   * @param traceparent may be empty
   * @throws IllegalArgumentException names the one that is out of range
   */
  public TaskOptions(
      String name,
      Duration timeout,
      Duration queueDeadline,
      int maxAttempts,
      String traceparent) {
    this(
        name,
        timeout,
        queueDeadline,
        maxAttempts,
        traceparent,
        TaskPriority.NORMAL,
        AtShutdown.AS_POOL,
        RetryPolicy.NONE);
  }

  private static boolean isTraceparent(String text) {
    boolean isLonger = text.length() > TRACEPARENT_LENGTH;
    return TRACEPARENT.matcher(isLonger ? text.substring(0, TRACEPARENT_LENGTH) : text).matches()
        && !text.startsWith("ff")
        && !(isLonger && (text.startsWith("00") || text.charAt(TRACEPARENT_LENGTH) != '-'));
  }

  /**
   * These, but for one.
   *
   * @param other the other name
   * @return new options
   */
  public TaskOptions withName(String other) {
    return new TaskOptions(
        other, timeout, queueDeadline, maxAttempts, traceparent, priority, atShutdown, retry);
  }

  /**
   * These, but for one.
   *
   * @param limit the other timeout
   * @return new options
   */
  public TaskOptions withTimeout(Duration limit) {
    return new TaskOptions(
        name, limit, queueDeadline, maxAttempts, traceparent, priority, atShutdown, retry);
  }

  /**
   * These, but for one.
   *
   * @param deadline the other queue deadline
   * @return new options
   */
  public TaskOptions withQueueDeadline(Duration deadline) {
    return new TaskOptions(
        name, timeout, deadline, maxAttempts, traceparent, priority, atShutdown, retry);
  }

  /**
   * These, but for one.
   *
   * @param attempts the other number of attempts
   * @return new options
   */
  public TaskOptions withMaxAttempts(int attempts) {
    return new TaskOptions(
        name, timeout, queueDeadline, attempts, traceparent, priority, atShutdown, retry);
  }

  /**
   * These, but for one.
   *
   * @param other the other trace, as {@code "00-0af7651916cd43dd8448eb211c80319c-..."}
   * @return new options
   */
  public TaskOptions withTraceparent(String other) {
    return new TaskOptions(
        name, timeout, queueDeadline, maxAttempts, other, priority, atShutdown, retry);
  }

  /**
   * These, but for one.
   *
   * @param other the other priority
   * @return new options
   */
  public TaskOptions withPriority(TaskPriority other) {
    return new TaskOptions(
        name, timeout, queueDeadline, maxAttempts, traceparent, other, atShutdown, retry);
  }

  /**
   * These, but for one.
   *
   * @param other what else becomes of it at a shutdown
   * @return new options
   */
  public TaskOptions withAtShutdown(AtShutdown other) {
    return new TaskOptions(
        name, timeout, queueDeadline, maxAttempts, traceparent, priority, other, retry);
  }

  /**
   * These, but for one.
   *
   * @param policy how often it is tried again; {@link RetryPolicy#NONE}: never
   * @return new options
   */
  public TaskOptions withRetry(RetryPolicy policy) {
    return new TaskOptions(
        name, timeout, queueDeadline, maxAttempts, traceparent, priority, atShutdown, policy);
  }

  /** For native code and one attempt; whoever asks deletes it. */
  NativeTaskOptions toNative(int attempt) {
    NativeTaskOptions settings = toNative();
    settings.setAttempt(attempt);
    return settings;
  }

  /** For native code; whoever asks deletes it. */
  NativeTaskOptions toNative() {
    NativeTaskOptions settings = new NativeTaskOptions();
    settings.setName(name);
    settings.setTimeout(Durations.toNanos("timeout", timeout));
    settings.setQueueDeadline(Durations.toNanos("queueDeadline", queueDeadline));
    settings.setMaxAttempts(maxAttempts);
    settings.setPriority(priority.ordinal());
    settings.setAtShutdown(atShutdown.ordinal());
    if (!traceparent.isEmpty()) {
      settings.setTraceparent(traceparent);
      TaskContext.useTraces();
    }
    return settings;
  }
}

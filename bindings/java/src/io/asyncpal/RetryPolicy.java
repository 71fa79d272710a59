package io.asyncpal;

import io.asyncpal.internal.swig.NativeRetryPolicy;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.CompletionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Predicate;

/**
 * How often a task is tried, and how long to wait in between; for {@link TaskOptions#withRetry}.
 *
 * <pre>{@code
 * TaskOptions patient =
 *     TaskOptions.DEFAULT.withRetry(
 *         RetryPolicy.DEFAULT.withMaxAttempts(5).withRetryIf(e -> e instanceof IOException));
 * CompletableFuture<Page> page = pool.submit(patient, () -> load(url));
 * }</pre>
 *
 * <p>An attempt that fails is followed by another one where it threw, missed its {@link
 * TaskOptions#timeout}, or lost its worker; and by none where it was cancelled, refused, could not
 * be serialized, or the pool is shut down or broken.
 *
 * <p>Each attempt is a task of the pool: counted as such, with the other options for itself, and
 * with its number in {@link TaskContext#attempt}; {@link PoolStats#retried} counts the further
 * ones. The wait for the next one holds no worker; {@link Pool#shutdown} ends it. The future is
 * done with the result of the attempt that succeeds, or the failure of the last one; to cancel it
 * cancels the attempt, too. {@link Pool#shutdownNow} returns the attempt that was pending.
 *
 * @param maxAttempts how often the task runs at most, the first time included; at least 1
 * @param backoff the first wait
 * @param multiplier each further wait is this many times as long; at least 1
 * @param maxBackoff and no longer than this
 * @param jitter up to this part of each wait is left out, at random, so that what failed together
 *     does not come back together; at least 0, and less than 1
 * @param total no further attempt is due later than this after the submission; an attempt that
 *     runs is not ended
 * @param retryIf is asked about each failure that would be followed by another attempt, on the
 *     thread that has found it; false, or an exception: there is none
 */
public record RetryPolicy(
    int maxAttempts,
    Duration backoff,
    double multiplier,
    Duration maxBackoff,
    double jitter,
    Duration total,
    Predicate<? super Throwable> retryIf) {
  private static final Predicate<Throwable> ALWAYS = failure -> true;

  /**
   * Three attempts: the second one after 50 to 100 ms, the third one after 100 to 200 ms, whatever
   * the failure.
   */
  public static final RetryPolicy DEFAULT =
      new RetryPolicy(
          3,
          Duration.ofMillis(100),
          2,
          Duration.ofSeconds(30),
          0.5,
          Duration.ofNanos(Long.MAX_VALUE),
          ALWAYS);

  /** One attempt, and no other. */
  public static final RetryPolicy NONE = DEFAULT.withMaxAttempts(1);

  /**
   * Checks the policy.
   *
   * @param maxAttempts how often the task runs at most
   * @param backoff the first wait
   * @param multiplier from one wait to the next
   * @param maxBackoff the longest wait; more than 292 years means any
   * @param jitter the part of each wait that is left to chance
   * @param total limits all of it; more than 292 years means forever
   * @param retryIf which failures are tried again
   * @throws IllegalArgumentException names the one that is out of range
   */
  public RetryPolicy {
    Objects.requireNonNull(retryIf, "retryIf");
    if (maxAttempts < 1) {
      throw new IllegalArgumentException(
          "maxAttempts is " + maxAttempts + "; it must be at least 1");
    }
    Durations.toNanos("backoff", Objects.requireNonNull(backoff, "backoff"));
    if (!(multiplier >= 1)) { // as a NaN is refused, too
      throw new IllegalArgumentException("multiplier is " + multiplier + "; it must be at least 1");
    }
    Durations.toNanos("maxBackoff", Objects.requireNonNull(maxBackoff, "maxBackoff"));
    if (!(jitter >= 0 && jitter < 1)) {
      throw new IllegalArgumentException("jitter is " + jitter + "; it must be in [0, 1)");
    }
    Durations.toNanos("total", Objects.requireNonNull(total, "total"));
  }

  /**
   * This, but for one.
   *
   * @param attempts the other number of attempts
   * @return a new policy
   */
  public RetryPolicy withMaxAttempts(int attempts) {
    return new RetryPolicy(attempts, backoff, multiplier, maxBackoff, jitter, total, retryIf);
  }

  /**
   * This, but for the waits.
   *
   * @param first the other first wait
   * @param factor from one wait to the next
   * @param longest the longest wait
   * @return a new policy
   */
  public RetryPolicy withBackoff(Duration first, double factor, Duration longest) {
    return new RetryPolicy(maxAttempts, first, factor, longest, jitter, total, retryIf);
  }

  /**
   * This, but for one.
   *
   * @param part the other jitter
   * @return a new policy
   */
  public RetryPolicy withJitter(double part) {
    return new RetryPolicy(maxAttempts, backoff, multiplier, maxBackoff, part, total, retryIf);
  }

  /**
   * This, but for one.
   *
   * @param limit the other total
   * @return a new policy
   */
  public RetryPolicy withTotal(Duration limit) {
    return new RetryPolicy(maxAttempts, backoff, multiplier, maxBackoff, jitter, limit, retryIf);
  }

  /**
   * This, but for one.
   *
   * @param predicate what is asked about each failure
   * @return a new policy
   */
  public RetryPolicy withRetryIf(Predicate<? super Throwable> predicate) {
    return new RetryPolicy(
        maxAttempts, backoff, multiplier, maxBackoff, jitter, total, predicate);
  }

  /** For native code; whoever asks deletes it. */
  NativeRetryPolicy toNative() {
    NativeRetryPolicy policy = new NativeRetryPolicy();
    policy.setMaxAttempts(maxAttempts);
    policy.setBackoff(Durations.toNanos("backoff", backoff));
    policy.setMultiplier(multiplier);
    policy.setMaxBackoff(Durations.toNanos("maxBackoff", maxBackoff));
    policy.setJitter(jitter);
    policy.setTotal(Durations.toNanos("total", total));
    return policy;
  }

  /** Whether another attempt may follow that failure of a future that was not cancelled. */
  boolean mayFollow(Throwable failure) {
    Throwable thrown =
        failure instanceof CompletionException && failure.getCause() != null
            ? failure.getCause()
            : failure;
    if (thrown instanceof RejectedExecutionException
        || thrown instanceof SerializationException
        || thrown instanceof BrokenPoolException) {
      return false;
    }
    try {
      return retryIf.test(thrown);
    } catch (Throwable e) {
      return false;
    }
  }
}

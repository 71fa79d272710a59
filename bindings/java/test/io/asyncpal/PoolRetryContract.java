package io.asyncpal;

import static io.asyncpal.Eventually.eventually;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** Tasks that are tried again. */
abstract class PoolRetryContract extends PoolContract {
  private static final Duration SHORT = Duration.ofMillis(1);

  PoolRetryContract(PoolKind kind) {
    super(kind);
  }

  private static RetryPolicy quick(int attempts) {
    return RetryPolicy.DEFAULT.withMaxAttempts(attempts).withBackoff(SHORT, 1, SHORT);
  }

  private static TaskOptions with(RetryPolicy policy) {
    return TaskOptions.DEFAULT.withRetry(policy);
  }

  /** Fails until it has been called that often, and returns its attempt. */
  private static SerializableCallable<Integer> succeedsAt(Counter calls, int n) {
    return () -> {
      calls.add();
      if (calls.get() < n) {
        throw new IllegalStateException("call " + calls.get());
      }
      return TaskContext.current().orElseThrow().attempt();
    };
  }

  @Test
  void taskIsTriedUntilItSucceeds() throws Exception {
    Pool pool = pool(1);
    Counter calls = new Counter();
    assertEquals(3, submit(pool, with(quick(5)), succeedsAt(calls, 3)).get(30, SECONDS));
    assertEquals(3, calls.get());
    assertEquals(2, pool.stats().retried());
    assertEquals(2, pool.stats().failed());
    assertEquals(1, pool.stats().completed());
  }

  @Test
  void lastFailureCounts() throws Exception {
    Pool pool = pool(1);
    Counter calls = new Counter();
    CompletableFuture<Integer> task = submit(pool, with(quick(2)), succeedsAt(calls, 9));
    Throwable thrown = failureOf(task);
    assertInstanceOf(IllegalStateException.class, thrown);
    assertEquals("call 2", thrown.getMessage());
    assertEquals(2, calls.get());
  }

  @Test
  void predicateDecides() throws Exception {
    Pool pool = pool(1);
    Counter calls = new Counter();
    RetryPolicy policy = quick(5).withRetryIf(e -> e.getMessage().equals("call 1"));
    CompletableFuture<Integer> task = submit(pool, with(policy), succeedsAt(calls, 9));
    assertEquals("call 2", failureOf(task).getMessage());
    RetryPolicy bad =
        quick(5)
            .withRetryIf(
                e -> {
                  throw new AssertionError("in the predicate");
                });
    task = submit(pool, with(bad), succeedsAt(calls, 9));
    assertEquals("call 3", failureOf(task).getMessage());
  }

  @Test
  void taskThatTakesTooLongIsTriedAgain() throws Exception {
    Pool pool = pool(2);
    Counter calls = new Counter();
    Gate gate = gate();
    TaskOptions options = with(quick(2)).withTimeout(Duration.ofMillis(20));
    CompletableFuture<Boolean> task =
        submit(
            pool,
            options,
            () -> {
              calls.add();
              return gate.pass();
            });
    assertInstanceOf(TimeoutException.class, failureOf(task));
    assertEquals(1, pool.stats().retried());
  }

  @Test
  void waitForTheNextAttemptHoldsNoWorker() throws Exception {
    Pool pool = pool(1);
    Counter calls = new Counter();
    RetryPolicy patient = RetryPolicy.DEFAULT.withBackoff(LONG, 1, LONG);
    CompletableFuture<Integer> task = submit(pool, with(patient), succeedsAt(calls, 9));
    eventually("the next attempt waits", () -> pool.stats().delayed() == 1);
    assertEquals(7, run(pool, () -> 7));
    assertFalse(task.isDone());
    assertTrue(task.cancel(true));
    assertEquals(0, pool.stats().delayed());
    assertEquals(1, calls.get());
  }

  @Test
  void shutdownEndsTheWaitWithTheLastFailure() throws Exception {
    for (boolean now : new boolean[] {false, true}) {
      Pool pool = pool(1);
      Counter calls = new Counter();
      RetryPolicy patient = RetryPolicy.DEFAULT.withBackoff(LONG, 1, LONG);
      CompletableFuture<Integer> task = submit(pool, with(patient), succeedsAt(calls, 9));
      eventually("the next attempt waits", () -> pool.stats().delayed() == 1);
      if (now) {
        assertEquals(0, pool.shutdownNow().size());
      } else {
        pool.shutdown();
      }
      assertEquals("call 1", failureOf(task).getMessage());
      assertTrue(pool.awaitTermination(30, SECONDS));
    }
  }

  @Test
  void totalEndsIt() throws Exception {
    Pool pool = pool(1);
    Counter calls = new Counter();
    RetryPolicy policy =
        RetryPolicy.DEFAULT.withBackoff(LONG, 1, LONG).withTotal(Duration.ofSeconds(1));
    CompletableFuture<Integer> task = submit(pool, with(policy), succeedsAt(calls, 9));
    assertEquals("call 1", failureOf(task).getMessage());
  }

  @Test
  void cancellingEndsTheAttempt() throws Exception {
    Pool pool = pool(1);
    Gate gate = gate();
    CompletableFuture<Boolean> task =
        (CompletableFuture<Boolean>) block(pool, with(quick(5)), gate);
    assertTrue(task.cancel(true));
    // It was stopped, though its gate is closed.
    assertEquals(1, run(pool, () -> 1));
    assertEquals(0, pool.stats().retried());
  }

  @Test
  void refusedTaskIsNotTriedAgain() throws Exception {
    Pool pool = pool(1);
    pool.shutdown();
    assertThrows(
        RejectedExecutionException.class, () -> submit(pool, with(quick(5)), () -> 1));
    assertEquals(0, pool.stats().retried());
  }

  @Test
  void postedTaskIsTriedAgain() throws Exception {
    Pool pool = pool(1);
    Counter calls = new Counter();
    SerializableRunnable task =
        () -> {
          calls.add();
          if (calls.get() < 3) {
            throw new IllegalStateException("again");
          }
        };
    pool.execute(with(quick(3)), (Runnable) task);
    eventually("it has been tried", () -> calls.get() == 3);
    eventually("it has succeeded", () -> pool.stats().completed() == 1);
  }

  @Test
  void badPolicyNamesFieldAndValue() {
    RetryPolicy policy = RetryPolicy.DEFAULT;
    assertNames("maxAttempts is 0", () -> policy.withMaxAttempts(0));
    assertNames("backoff is PT-1S", () -> policy.withBackoff(Duration.ofSeconds(-1), 1, LONG));
    assertNames("multiplier is 0.5", () -> policy.withBackoff(LONG, 0.5, LONG));
    assertNames("multiplier is NaN", () -> policy.withBackoff(LONG, Double.NaN, LONG));
    assertNames("maxBackoff is PT-1S", () -> policy.withBackoff(LONG, 1, Duration.ofSeconds(-1)));
    assertNames("jitter is 1.0", () -> policy.withJitter(1));
    assertNames("total is PT-1S", () -> policy.withTotal(Duration.ofSeconds(-1)));
  }

  private static void assertNames(String part, Executable call) {
    assertContains(part, assertThrows(IllegalArgumentException.class, call));
  }
}

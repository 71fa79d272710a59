package io.asyncpal;

import static io.asyncpal.Eventually.eventually;
import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/**
 * join(), and the ways to end a pool.
 *
 * <p>Claims of C++ that are not here:
 *
 * <ul>
 *   <li>shutdownReturnsTrue, shutdownReturnsFalseWhenAlreadyClosed,
 *       onlyOneOfSeveralShutdownsReturnsTrue: ExecutorService.shutdown() returns nothing
 *   <li>shutdownCancelsPendingTasks, killCancelsPendingTasks: shutdownNow() gives them back, not
 *       done
 *   <li>drainCancelsWhatIsPendingAtItsDeadline, negativeDeadlineIsRefused: it is awaitTermination()
 *       that has a limit
 *   <li>destructorCancelsPendingTasks, destructorWaitsForRunningTasks: it is close(); see
 *       closeWaitsForPendingTasks and interruptedCloseCancelsAndKeepsTheInterrupt
 * </ul>
 */
abstract class PoolLifecycleContract extends PoolContract {
  PoolLifecycleContract(PoolKind kind) {
    super(kind);
  }

  // ------------------------------------------------------------------ join()

  @Test
  void joinOfAnUnusedPoolReturnsTrue() throws Exception {
    assertTrue(pool(2).join(LONG));
  }

  @Test
  void joinReturnsFalseWhenItsTimeoutPasses() throws Exception {
    Pool pool = pool(1);
    block(pool, gate());
    assertFalse(pool.join(Duration.ofMillis(1)));
  }

  @Test
  void joinRunsEverythingThatWasSubmitted() throws Exception {
    Pool pool = pool(2);
    for (int i = 0; i < 50; i++) {
      execute(pool, () -> {});
    }
    pool.join();
    assertEquals(50, pool.stats().completed());
  }

  @Test
  void joinLeavesNoWorker() throws Exception {
    Pool pool = keep(builder().maxWorkers(2).idleTimeout(FOR_EVER).build());
    pool.spawnMaxWorkers();
    assertTrue(pool.join(LONG));
    assertEquals(0, pool.countWorkers());
  }

  @Test
  void joinLeavesThePoolOpen() throws Exception {
    Pool pool = pool(2);
    run(pool, () -> 1);
    assertTrue(pool.join(LONG));
    assertEquals(3, run(pool, () -> 3));
  }

  @Test
  void workIsTakenAfterAJoinThatTimedOut() throws Exception {
    Pool pool = pool(1);
    Gate gate = gate();
    block(pool, gate);
    assertFalse(pool.join(Duration.ZERO));
    gate.open();
    assertEquals(3, run(pool, () -> 3));
    // Nobody waits any more, so the worker stays.
    assertEquals(1, pool.countWorkers());
  }

  @Test
  void joinOfAClosedPoolReturnsTrue() throws Exception {
    Pool pool = pool(1);
    pool.close();
    assertTrue(pool.join(LONG));
  }

  @Test
  void joinIsInterruptible() throws Exception {
    Pool pool = pool(1);
    block(pool, gate());
    Thread.currentThread().interrupt();
    assertThrows(InterruptedException.class, pool::join);
  }

  @Test
  void negativeTimeoutOfAJoinIsRefused() {
    Pool pool = pool(1);
    Duration negative = Duration.ofSeconds(-1);
    assertContains(
        "timeout is PT-1S",
        assertThrows(IllegalArgumentException.class, () -> pool.join(negative)));
  }

  // ------------------------------------------------------------------ Ending

  @Test
  void freshPoolIsOpen() {
    Pool pool = pool(1);
    assertFalse(pool.isShutdown());
    assertFalse(pool.isTerminated());
    assertFalse(pool.isBroken());
    pool.check();
  }

  @Test
  void shutdownTerminatesThePool() throws Exception {
    Pool pool = pool(2);
    run(pool, () -> 1);
    pool.shutdown();
    assertTrue(pool.awaitTermination(30, SECONDS));
    assertTrue(pool.isShutdown());
    assertTrue(pool.isTerminated());
    assertEquals(0, pool.countWorkers());
  }

  @Test
  void shutdownOfAnUnusedPoolTerminatesIt() throws Exception {
    Pool pool = pool(1);
    pool.shutdown();
    assertTrue(pool.isTerminated());
    assertTrue(pool.awaitTermination(0, SECONDS));
  }

  @Test
  void drainRunsPendingTasks() throws Exception {
    Pool pool = pool(1);
    Gate gate = gate();
    block(pool, gate);
    List<Future<Integer>> pending = new ArrayList<>();
    for (int i = 0; i < 10; i++) {
      int n = i;
      pending.add(submit(pool, () -> n * n));
    }
    pool.shutdown();
    gate.open();
    assertTrue(pool.awaitTermination(30, SECONDS));
    assertEquals(81, pending.get(9).get(0, SECONDS));
  }

  @Test
  void drainLeavesPendingTasksUntilItsDeadline() throws Exception {
    Pool pool = pool(1);
    Gate gate = gate();
    block(pool, gate);
    Future<Integer> pending = submit(pool, () -> 9);
    pool.shutdown();
    assertFalse(pool.awaitTermination(1, MILLISECONDS));
    assertFalse(pending.isDone());
    gate.open();
    assertEquals(9, pending.get(30, SECONDS));
  }

  @Test
  void shutdownAfterADrainCancelsTheRest() throws Exception {
    Pool pool = pool(1);
    block(pool, gate());
    Future<Integer> pending = submit(pool, () -> 9);
    pool.shutdown();
    assertEquals(List.of(pending), pool.shutdownNow());
    assertEquals(1, pool.stats().cancelled());
  }

  @Test
  void everyUseOfAClosedPoolThrows() {
    Pool pool = pool(1);
    pool.shutdown();
    SerializableRunnable task = () -> {};
    List<Executable> uses =
        List.of(
            pool::check,
            () -> submit(pool, () -> 1),
            () -> submit(pool, TaskOptions.DEFAULT.withName("x"), () -> 1),
            () -> pool.execute(task),
            () -> pool.execute(TaskOptions.DEFAULT, task),
            () -> pool.spawnWorkers(1),
            pool::spawnMaxWorkers);
    for (Executable use : uses) {
      assertContains("pool 'p'", assertThrows(RejectedExecutionException.class, use));
    }
  }

  @Test
  void refusedTaskIsNotCounted() {
    Pool pool = pool(1);
    pool.shutdown();
    assertThrows(RejectedExecutionException.class, () -> submit(pool, () -> 1));
    assertEquals(0, pool.stats().submitted());
  }

  @Test
  void awaitTerminationIsInterruptible() throws Exception {
    Pool pool = pool(1);
    Thread.currentThread().interrupt();
    assertThrows(InterruptedException.class, () -> pool.awaitTermination(30, SECONDS));
  }

  @Test
  void shutdownNowEndsRunningTasks() throws Exception {
    Pool pool = pool(1);
    Future<Boolean> blocked = block(pool, gate());
    pool.shutdownNow();
    assertTrue(pool.awaitTermination(30, SECONDS));
    assertTrue(blocked.isDone());
  }

  @Test
  void shutdownWaitsForRunningTasks() throws Exception {
    Pool pool = pool(1);
    Gate gate = gate();
    Future<Boolean> blocked = block(pool, gate);
    CompletableFuture<Void> opener =
        CompletableFuture.runAsync(
            () -> {
              try {
                eventually("it is closed", pool::isShutdown);
              } catch (Exception e) {
                throw new IllegalStateException(e);
              }
              gate.open();
            });
    pool.close();
    assertTrue(blocked.get(0, SECONDS));
    opener.get(30, SECONDS);
  }

  @Test
  void closeWaitsForPendingTasks() throws Exception {
    Pool pool = pool(1);
    Future<Integer> pending = submit(pool, () -> 3);
    pool.close();
    assertTrue(pool.isTerminated());
    assertTrue(pending.isDone());
    assertEquals(3, pending.get());
    pool.close();
  }

  @Test
  void interruptedCloseCancelsAndKeepsTheInterrupt() throws Exception {
    Pool pool = pool(1);
    Future<Boolean> blocked = block(pool, gate());
    Thread.currentThread().interrupt();
    pool.close();
    assertTrue(Thread.interrupted());
    assertTrue(pool.isTerminated());
    assertTrue(blocked.isDone());
  }
}

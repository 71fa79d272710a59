package io.asyncpal;

import static io.asyncpal.Eventually.eventually;
import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/**
 * join(), the ways to end a pool, and pools that break.
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
 *   <li>cancelledTaskLetsOutWhatItThrows: its future keeps it
 *   <li>tasksOfABrokenPoolAreHandedOut: their futures have failed
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

  // ------------------------------------------------------------------ What shutdownNow() leaves

  @Test
  void taskCancelledByAShutdownNeverRuns() throws Exception {
    Pool pool = pool(1);
    Gate gate = gate();
    Gate ran = gate();
    block(pool, gate);
    execute(pool, ran::open);
    pool.shutdownNow();
    gate.open();
    assertTrue(pool.awaitTermination(30, SECONDS));
    assertFalse(ran.isOpen());
  }

  @Test
  void cancelledTasksComeInTheOrderOfSubmission() throws Exception {
    Pool pool = pool(1);
    block(pool, gate());
    List<Future<Integer>> pending = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      int n = i;
      pending.add(submit(pool, TaskOptions.DEFAULT.withName("t" + i), () -> n));
    }
    assertEquals(pending, pool.shutdownNow());
    assertFalse(pending.get(0).isDone());
    assertTrue(pool.awaitTermination(30, SECONDS));
  }

  @Test
  void cancelledTasksRunInAnotherPool() throws Exception {
    Pool pool = pool(1);
    block(pool, gate());
    List<Future<Integer>> pending = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      int n = i;
      pending.add(submit(pool, () -> n));
    }
    Pool other = pool(2);
    pool.shutdownNow().forEach(other::execute);
    for (int i = 0; i < 5; i++) {
      assertEquals(i, pending.get(i).get(30, SECONDS));
    }
    assertJoins(other);
    assertEquals(5, other.stats().completed());
  }

  @Test
  void cancelledTasksAreHandedOutOnce() throws Exception {
    Pool pool = pool(1);
    block(pool, gate());
    submit(pool, () -> 1);
    assertEquals(1, pool.shutdownNow().size());
    assertEquals(List.of(), pool.shutdownNow());
  }

  @Test
  void taskThatItsFutureCancelledIsNotHandedOut() throws Exception {
    Pool pool = pool(1);
    block(pool, gate());
    submit(pool, () -> 1).cancel(false);
    assertEquals(List.of(), pool.shutdownNow());
  }

  @Test
  void cancelledTaskOutlivesItsPool() throws Exception {
    Pool pool = pool(1);
    block(pool, gate());
    Future<Integer> pending = submit(pool, () -> 5);
    List<Runnable> returned = pool.shutdownNow();
    assertTrue(pool.awaitTermination(30, SECONDS));
    returned.get(0).run();
    assertEquals(5, pending.get(0, SECONDS));
  }

  @Test
  void cancelledTaskRunsOnlyOnce() throws Exception {
    Pool pool = pool(1);
    Gate ran = gate();
    block(pool, gate());
    SerializableRunnable task = ran::open; // throws if it is open
    Future<?> pending = pool.submit((Runnable) task);
    Runnable returned = pool.shutdownNow().get(0);
    returned.run();
    returned.run();
    pending.get(0, SECONDS);
  }

  // ------------------------------------------------------------------ Breaking

  @Test
  void testOfAPoolWithoutHooksReturns() {
    pool(1).test();
  }

  @Test
  void testThrowsWhatTheInitializerThrew() {
    Throwable thrown = assertThrows(InitializerException.class, poolThatCanNotBegin()::test);
    assertTrue(chainOf(thrown).endsWith(" <- bad start"), chainOf(thrown));
  }

  @Test
  void testThrowsWhatTheFinalizerThrew() {
    Throwable thrown = assertThrows(FinalizerException.class, poolThatCanNotEnd()::test);
    assertTrue(chainOf(thrown).endsWith(" <- bad end"), chainOf(thrown));
  }

  @Test
  void failedTestDoesNotBreakThePool() {
    Pool pool = poolThatCanNotBegin();
    assertThrows(InitializerException.class, pool::test);
    assertFalse(pool.isBroken());
  }

  @Test
  void testLeavesNoWorker() {
    Pool pool = pool(1);
    pool.test();
    assertEquals(0, pool.countWorkers());
  }

  @Test
  void initializerThatThrowsBreaksThePool() throws Exception {
    Pool pool = poolThatCanNotBegin();
    pool.spawnWorkers(1);
    eventually("it breaks", pool::isBroken);
  }

  @Test
  void brokenPoolFailsItsPendingTasks() {
    assertInstanceOf(
        InitializerException.class, failureOf(submit(poolThatCanNotBegin(), () -> 1)));
  }

  @Test
  void errorOfABrokenPoolHasItsCauseNested() {
    Throwable thrown = failureOf(submit(poolThatCanNotBegin(), () -> 1));
    assertInstanceOf(IllegalStateException.class, thrown.getCause());
    assertTrue(chainOf(thrown).endsWith(" <- bad start"), chainOf(thrown));
  }

  @Test
  void everyUseOfABrokenPoolThrowsItsError() {
    Pool pool = poolThatCanNotBegin();
    failureOf(submit(pool, () -> 1));
    SerializableRunnable task = () -> {};
    List<Callable<?>> uses =
        List.of(
            () -> submit(pool, () -> 1),
            () -> submit(pool, TaskOptions.DEFAULT.withName("x"), () -> 1),
            () -> pool.spawnWorkers(1));
    for (Callable<?> use : uses) {
      assertBroken(use::call);
    }
    assertBroken(pool::check);
    assertBroken(() -> pool.execute(task));
  }

  private static void assertBroken(Executable use) {
    Throwable thrown = assertThrows(RejectedExecutionException.class, use).getCause();
    assertInstanceOf(InitializerException.class, thrown);
    assertContains("pool 'ill'", thrown);
  }

  @Test
  void finalizerThatThrowsBreaksThePool() throws Exception {
    Pool pool = poolThatCanNotEnd();
    run(pool, () -> 1);
    assertJoins(pool);
    Throwable thrown = assertThrows(RejectedExecutionException.class, pool::check).getCause();
    assertInstanceOf(FinalizerException.class, thrown);
    assertTrue(chainOf(thrown).endsWith(" <- bad end"), chainOf(thrown));
  }

  @Test
  void shutdownClosesABrokenPool() throws Exception {
    Pool pool = poolThatCanNotBegin();
    failureOf(submit(pool, () -> 1));
    pool.shutdown();
    assertTrue(pool.awaitTermination(30, SECONDS));
  }
}

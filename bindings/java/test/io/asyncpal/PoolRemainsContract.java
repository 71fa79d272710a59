package io.asyncpal;

import static io.asyncpal.Eventually.eventually;
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
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/**
 * What a shutdown leaves, and pools that break.
 *
 * <p>Claims of C++ that are not here:
 *
 * <ul>
 *   <li>cancelledTaskLetsOutWhatItThrows: its future keeps it
 *   <li>tasksOfABrokenPoolAreHandedOut: their futures have failed
 * </ul>
 */
abstract class PoolRemainsContract extends PoolContract {
  PoolRemainsContract(PoolKind kind) {
    super(kind);
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

  private static void takeFiveSeconds() {
    try {
      Thread.sleep(5_000);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private Pool slowPool() {
    return keep(
        kind()
            .builder(PoolRemainsContract::takeFiveSeconds, null)
            .maxWorkers(1)
            .initializerTimeout(Duration.ofMillis(kind() == PoolKinds.THREADS ? 100 : 1_000))
            .build());
  }

  @Test
  void initializerThatTakesTooLongBreaksThePool() {
    Pool pool = slowPool();
    Throwable thrown = failureOf(submit(pool, () -> 1));
    assertInstanceOf(InitializerException.class, thrown);
    assertInstanceOf(TimeoutException.class, thrown.getCause());
    assertTrue(pool.isBroken());
    thrown = assertThrows(RejectedExecutionException.class, pool::check).getCause();
    assertInstanceOf(InitializerException.class, thrown);
  }

  @Test
  void initializerInTimeBreaksNothing() throws Exception {
    Pool pool =
        keep(
            kind()
                .builder(() -> {}, null)
                .maxWorkers(1)
                .initializerTimeout(Duration.ofSeconds(30))
                .build());
    assertEquals(1, run(pool, () -> 1));
  }

  @Test
  void testThrowsWhenTheInitializerTakesTooLong() {
    Pool pool = slowPool();
    assertThrows(InitializerException.class, pool::test);
    assertFalse(pool.isBroken());
  }

  @Test
  void negativeInitializerTimeoutIsRefused() {
    PoolBuilder<?> builder = builder();
    assertThrows(
        IllegalArgumentException.class, () -> builder.initializerTimeout(Duration.ofMillis(-1)));
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

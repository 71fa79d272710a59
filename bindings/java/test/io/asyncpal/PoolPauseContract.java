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
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** Pauses, and pools that change their size. */
abstract class PoolPauseContract extends PoolContract {
  PoolPauseContract(PoolKind kind) {
    super(kind);
  }

  @Test
  void nothingBeginsInAPausedPool() throws Exception {
    Pool pool = pool(2);
    assertEquals(1, run(pool, () -> 1));
    ExecutionFence fence = pool.pause();
    assertTrue(pool.isPaused());
    Future<Integer> plain = submit(pool, () -> 2);
    Future<Integer> named = submit(pool, TaskOptions.DEFAULT.withName("x"), () -> 3);
    assertTrue(fence.awaitQuiet(LONG));
    assertEquals(2, pool.stats().pending());
    assertEquals(1, pool.stats().completed());
    fence.close();
    assertFalse(pool.isPaused());
    assertEquals(2, plain.get(30, SECONDS));
    assertEquals(3, named.get(30, SECONDS));
  }

  @Test
  void pausesNest() throws Exception {
    Pool pool = pool(1);
    ExecutionFence outer = pool.pause();
    ExecutionFence inner = pool.pause();
    Future<Integer> task = submit(pool, () -> 1);
    inner.close();
    inner.close(); // does nothing
    assertTrue(pool.isPaused());
    assertTrue(outer.awaitQuiet(LONG));
    assertFalse(task.isDone());
    outer.close();
    assertEquals(1, task.get(30, SECONDS));
  }

  @Test
  void whatRunsGoesOnAndIsWaitedFor() throws Exception {
    Pool pool = pool(1);
    Gate gate = gate();
    Future<Boolean> running = block(pool, gate);
    Future<Integer> behind = submit(pool, () -> 1);
    try (ExecutionFence fence = pool.pause()) {
      assertFalse(fence.awaitQuiet(Duration.ofMillis(5)));
      gate.open();
      assertTrue(fence.awaitQuiet(LONG));
      assertTrue(running.get(30, SECONDS));
      assertFalse(behind.isDone());
      assertEquals(1, pool.stats().pending());
    }
    assertEquals(1, behind.get(30, SECONDS));
  }

  @Test
  void pausedPoolRunsWhatItsTasksWaitFor() throws Exception {
    if (kind() == PoolKinds.PROCESSES) {
      return; // whose tasks are in other processes
    }
    Pool pool = pool(1);
    Gate gate = gate();
    Gate started = gate();
    Future<Integer> outer =
        submit(
            pool,
            () -> {
              started.open();
              gate.pass();
              return submit(pool, () -> 5).join();
            });
    assertTrue(started.pass());
    try (ExecutionFence fence = pool.pause()) {
      gate.open();
      assertEquals(5, outer.get(30, SECONDS));
      assertTrue(fence.awaitQuiet(LONG));
    }
  }

  @Test
  void manyPausesLoseNoTask() throws Exception {
    Pool pool = pool(2);
    AtomicBoolean done = new AtomicBoolean();
    CompletableFuture<Integer> pauses =
        CompletableFuture.supplyAsync(
            () -> {
              int n = 0;
              while (!done.get()) {
                try (ExecutionFence fence = pool.pause()) {
                  assertTrue(fence.awaitQuiet(LONG));
                  long completed = pool.stats().completed();
                  Thread.yield();
                  assertEquals(completed, pool.stats().completed(), "something began");
                  n++;
                } catch (InterruptedException e) {
                  throw new IllegalStateException(e);
                }
              }
              return n;
            });
    for (int round = 0; round < 50; round++) {
      List<Future<Integer>> tasks = new ArrayList<>();
      for (int i = 0; i < 40; i++) {
        int n = i;
        tasks.add(
            i % 8 == 7
                ? submit(pool, TaskOptions.DEFAULT.withName("t"), () -> n)
                : submit(pool, () -> n));
      }
      for (int i = 0; i < 40; i++) {
        assertEquals(i, tasks.get(i).get(60, SECONDS));
      }
    }
    done.set(true);
    assertTrue(pauses.get(30, SECONDS) > 0);
    assertEquals(2000, pool.stats().completed());
  }

  @Test
  void shutdownEndsThePause() throws Exception {
    Pool pool = pool(1);
    ExecutionFence fence = pool.pause();
    Future<Integer> task = submit(pool, () -> 1);
    pool.shutdown();
    assertEquals(1, task.get(30, SECONDS));
    assertTrue(pool.awaitTermination(30, SECONDS));
    assertFalse(pool.isPaused());
    fence.close();
    pool.pause().close();
    assertFalse(pool.isPaused());
  }

  @Test
  void shutdownNowTakesBackWhatAPauseHolds() throws Exception {
    Pool pool = pool(1);
    pool.pause();
    Future<Integer> task = submit(pool, () -> 1);
    assertEquals(List.of(task), pool.shutdownNow());
    assertTrue(pool.awaitTermination(30, SECONDS));
  }

  @Test
  void ownWorkerDoesNotWaitForItself() throws Exception {
    if (kind() == PoolKinds.PROCESSES) {
      return; // whose tasks are in other processes
    }
    Pool pool = pool(1);
    Future<Boolean> task =
        submit(
            pool,
            () -> {
              try (ExecutionFence fence = pool.pause()) {
                return fence.awaitQuiet(LONG);
              }
            });
    assertInstanceOf(IllegalStateException.class, failureOf(task));
  }

  // ------------------------------------------------------------------ Sizes

  @Test
  void poolGrowsAtOnce() throws Exception {
    Pool pool = pool(1);
    Gate gate = gate();
    block(pool, gate);
    Future<Integer> waits = submit(pool, () -> 1);
    Future<Integer> other = submit(pool, TaskOptions.DEFAULT.withName("x"), () -> 2);
    pool.setMaxWorkers(3);
    assertEquals(3, pool.maxWorkers());
    assertEquals(1, waits.get(30, SECONDS));
    assertEquals(2, other.get(30, SECONDS));
  }

  @Test
  void poolShrinksWhenItsTasksEnd() throws Exception {
    Pool pool = pool(3);
    Gate gate = gate();
    for (int i = 0; i < 3; i++) {
      block(pool, gate);
    }
    pool.setMaxWorkers(1);
    assertEquals(3, pool.countWorkers());
    gate.open();
    eventually("it has one worker", () -> pool.countWorkers() == 1);
    Gate second = gate();
    block(pool, second);
    Future<Integer> waits = submit(pool, () -> 1);
    assertEquals(1, pool.stats().pending());
    second.open();
    assertEquals(1, waits.get(30, SECONDS));
  }

  @Test
  void minimumIsStartedStaysAndIsReplaced() throws Exception {
    Pool pool =
        keep(builder().maxWorkers(3).minWorkers(2).idleTimeout(Duration.ofMillis(5)).build());
    assertEquals(2, pool.minWorkers());
    eventually("they are there", () -> pool.countWorkers() == 2);
    assertEquals(1, run(pool, () -> 1));
    eventually("they stay", () -> pool.countFreeWorkers() == 2);
    pool.setMinWorkers(0);
    eventually("they go", () -> pool.countWorkers() == 0);
    pool.setMinWorkers(1);
    eventually("one comes", () -> pool.countWorkers() == 1);
  }

  @Test
  void badSizeNamesFieldAndValue() {
    Pool pool = keep(builder().maxWorkers(2).minWorkers(1).build());
    assertNames("maxWorkers is 0", () -> pool.setMaxWorkers(0));
    assertNames("minWorkers is 3", () -> pool.setMinWorkers(3));
    assertNames("minWorkers is -1", () -> pool.setMinWorkers(-1));
    pool.setMinWorkers(2);
    assertNames("maxWorkers is 1", () -> pool.setMaxWorkers(1));
    assertThrows(
        IllegalArgumentException.class, () -> builder().maxWorkers(1).minWorkers(2).build());
    assertNames("maxWorkerAge is PT0S", () -> builder().maxWorkerAge(Duration.ZERO));
  }

  @Test
  void poolOfAFixedSizeKeepsIt() {
    for (Pool pool : kind().fixedPools()) {
      keep(pool);
      int size = pool.maxWorkers();
      pool.setMaxWorkers(size);
      assertNames("maxWorkers is 9", () -> pool.setMaxWorkers(9));
      assertEquals(size, pool.maxWorkers());
    }
  }

  private static void assertNames(String part, Executable call) {
    assertContains(part, assertThrows(IllegalArgumentException.class, call));
  }
}

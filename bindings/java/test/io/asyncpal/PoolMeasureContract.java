package io.asyncpal;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

/** What every pool measures of its tasks, and which it reports as too long. */
abstract class PoolMeasureContract extends PoolContract {
  private final RecordingObserver recorder = new RecordingObserver();

  PoolMeasureContract(PoolKind kind) {
    super(kind);
  }

  private PoolBuilder<?> plan() {
    return builder().maxWorkers(1).name("p").observer(recorder);
  }

  private Pool watched() {
    return keep(plan().build());
  }

  // ------------------------------------------------------------------ Tasks that run for too long

  @Test
  void taskThatRunsTooLongIsReportedOnce() throws Exception {
    try (Lines lines = new Lines("\"slow\" has been running")) {
      Pool pool =
          keep(plan().maxWorkers(2).stallThreshold(Duration.ofMillis(20)).build());
      Gate gate = gate();
      Future<Boolean> slow = block(pool, TaskOptions.DEFAULT.withName("slow"), gate);
      Eventually.eventually("it is reported", () -> !recorder.stallsOf("slow").isEmpty());
      for (int i = 0; i < 5; i++) { // others that begin have the pool look again
        run(pool, () -> 1);
        Thread.sleep(10);
      }
      gate.open();
      assertTrue(slow.get(30, SECONDS));
      // On a slow machine others may run for as long.
      List<TaskReport> stalls = recorder.stallsOf("slow");
      assertEquals(1, stalls.size());
      assertEquals(1, stalls.get(0).worker());
      assertTrue(stalls.get(0).pid().isPresent());
      assertTrue(stalls.get(0).ran().toMillis() >= 20);
      if (kind() == PoolKinds.THREADS) {
        String stacks = String.join("\n", recorder.stacks());
        assertTrue(stacks.contains("Gate.pass("), stacks);
      }
      assertEquals(1, lines.count.get());
    }
  }

  @Test
  void eachTaskThatRunsTooLongIsReported() throws Exception {
    Pool pool = keep(plan().maxWorkers(2).stallThreshold(Duration.ofMillis(5)).build());
    for (int i = 1; i <= 2; i++) {
      int wanted = i;
      Gate gate = gate();
      block(pool, gate);
      Eventually.eventually("it is reported", () -> recorder.stalls().size() >= wanted);
      gate.open();
    }
  }

  @Test
  void negativeThresholdIsRefused() {
    IllegalArgumentException thrown =
        assertThrows(
            IllegalArgumentException.class,
            () -> builder().stallThreshold(Duration.ofNanos(-1)));
    assertContains("stallThreshold", thrown);
  }

  // ------------------------------------------------------------------ Histograms

  @Test
  void histogramsAreEmptyUnlessAskedFor() throws Exception {
    Pool pool = pool(1);
    run(pool, () -> 1);
    assertEquals(DurationHistogram.NONE, pool.stats().waitTimes());
    assertEquals(DurationHistogram.NONE, pool.stats().runTimes());
  }

  @Test
  void histogramsHaveEachTaskThatRan() throws Exception {
    Pool pool = keep(builder().maxWorkers(1).histograms(true).build());
    Gate gate = gate();
    block(pool, gate);
    submit(pool, () -> 1).cancel(false);
    Future<Integer> second = submit(pool, () -> 2);
    gate.open();
    second.get(30, SECONDS);
    execute(pool, () -> {});
    run(pool, () -> 3);
    for (int i = 0; i < 2; i++) { // with the worker, and when it is gone
      PoolStats stats = pool.stats();
      assertEquals(4, stats.waitTimes().count());
      assertEquals(4, stats.runTimes().count());
      assertTrue(stats.runTimes().sum().toNanos() > 0);
      assertEquals(Duration.ofNanos(1000), stats.waitTimes().bounds().get(0));
      assertEquals(Duration.ofHours(1), stats.waitTimes().bounds().get(32));
      assertEquals(34, stats.waitTimes().counts().size());
      assertJoins(pool);
    }
  }

  @Test
  void observerFillsTheHistogramsToo() throws Exception {
    Pool pool = watched();
    run(pool, () -> 1);
    assertEquals(1, pool.stats().runTimes().count());
  }

  @Test
  void timedOutTaskIsInTheHistograms() {
    Pool pool = keep(builder().maxWorkers(1).histograms(true).build());
    Gate gate = gate();
    TaskOptions limited = TaskOptions.DEFAULT.withTimeout(Duration.ofMillis(20));
    failureOf(submit(pool, limited, () -> gate.pass()));
    PoolStats stats = pool.stats();
    assertEquals(1, stats.runTimes().count());
    assertTrue(stats.runTimes().sum().toMillis() >= 20);
  }

  // ------------------------------------------------------------------ Counts beside

  @Test
  void oldestPendingTaskGrowsOlderUntilItStarts() throws Exception {
    Pool pool = pool(1);
    assertEquals(Duration.ZERO, pool.stats().oldestPending());
    Gate gate = gate();
    block(pool, gate);
    Future<Integer> pending = submit(pool, () -> 1);
    submit(pool, () -> 2);
    Eventually.eventually(
        "it has waited for 50 ms", () -> pool.stats().oldestPending().toMillis() >= 50);
    assertTrue(pending.cancel(false));
    assertTrue(pool.stats().oldestPending().toMillis() < 30_000);
    gate.open();
    assertJoins(pool);
    assertEquals(Duration.ZERO, pool.stats().oldestPending());
  }
}

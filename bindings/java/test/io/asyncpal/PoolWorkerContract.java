package io.asyncpal;

import static io.asyncpal.Eventually.eventually;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/**
 * Workers, counts and options of a pool.
 *
 * <p>Claims of C++ that are not here:
 *
 * <ul>
 *   <li>fixedPoolsAreNamedAfterTheirClass, fixedPoolRefusesAnotherSize, fixedPoolTakesItsOwnSize,
 *       fixedPoolTakesOptions: what Executors makes has no class of its own and takes no options
 * </ul>
 */
abstract class PoolWorkerContract extends PoolContract {
  private static final ThreadLocal<Integer> INITIALIZATIONS = ThreadLocal.withInitial(() -> 0);

  PoolWorkerContract(PoolKind kind) {
    super(kind);
  }

  // ------------------------------------------------------------------ Growing and shrinking

  @Test
  void freshPoolHasNoWorkers() {
    assertEquals(0, pool(2).countWorkers());
  }

  @Test
  void spawnWorkersStartsAsManyAsAsked() {
    Pool pool = pool(3);
    assertEquals(2, pool.spawnWorkers(2));
    assertEquals(2, pool.countWorkers());
  }

  @Test
  void spawnWorkersStopsAtTheMaximum() {
    Pool pool = pool(2);
    assertEquals(2, pool.spawnWorkers(100));
    assertEquals(2, pool.countWorkers());
  }

  @Test
  void spawnWorkersFillsUpToTheMaximum() {
    Pool pool = pool(2);
    pool.spawnWorkers(1);
    assertEquals(1, pool.spawnWorkers(100));
  }

  @Test
  void spawnMaxWorkersStartsThemAll() {
    assertEquals(2, pool(2).spawnMaxWorkers());
  }

  @Test
  void fullPoolSpawnsNoWorker() {
    Pool pool = pool(2);
    pool.spawnMaxWorkers();
    assertEquals(0, pool.spawnMaxWorkers());
  }

  @Test
  void spawnOfZeroWorkersStartsNone() {
    Pool pool = pool(2);
    assertEquals(0, pool.spawnWorkers(0));
    assertEquals(0, pool.countWorkers());
  }

  @Test
  void spawnOfNegativeWorkersIsRefused() {
    Pool pool = pool(2);
    for (int n : new int[] {-1, Integer.MIN_VALUE}) {
      assertContains(
          "n is " + n, assertThrows(IllegalArgumentException.class, () -> pool.spawnWorkers(n)));
    }
  }

  @Test
  void poolGrowsBeforeItQueues() throws Exception {
    Pool pool = pool(2);
    Gate gate = gate();
    block(pool, gate);
    block(pool, gate);
    assertEquals(2, pool.countBusyWorkers());
  }

  @Test
  void poolDoesNotGrowPastTheMaximum() throws Exception {
    Pool pool = pool(2);
    Gate gate = gate();
    block(pool, gate);
    block(pool, gate);
    for (int i = 0; i < 5; i++) {
      submit(pool, () -> 1);
    }
    assertEquals(2, pool.countWorkers());
    assertEquals(5, pool.countPendingTasks());
  }

  @Test
  void idleWorkersRetireAfterTheTimeout() throws Exception {
    Pool pool = keep(builder().maxWorkers(2).idleTimeout(Duration.ofMillis(5)).build());
    pool.spawnMaxWorkers();
    eventually("no worker is left", () -> pool.countWorkers() == 0);
  }

  @Test
  void workersRetireWithAnIdleTimeoutOfZero() throws Exception {
    Pool pool = keep(builder().maxWorkers(2).idleTimeout(Duration.ZERO).build());
    for (int i = 0; i < 5; i++) {
      submit(pool, () -> 1);
    }
    eventually("no worker is left", () -> pool.countWorkers() == 0);
    assertEquals(5, pool.stats().completed());
  }

  @Test
  void shrunkenPoolGrowsAgain() throws Exception {
    Pool pool = keep(builder().maxWorkers(2).idleTimeout(Duration.ZERO).build());
    run(pool, () -> 1);
    eventually("no worker is left", () -> pool.countWorkers() == 0);
    assertEquals(3, run(pool, () -> 3));
  }

  @Test
  void busyWorkerDoesNotRetire() throws Exception {
    Pool pool = keep(builder().maxWorkers(2).idleTimeout(Duration.ZERO).build());
    block(pool, gate());
    run(pool, () -> 1);
    eventually("the other one has gone", () -> pool.countWorkers() == 1);
    assertEquals(1, pool.countBusyWorkers());
  }

  @Test
  void newIdleTimeoutReachesIdleWorkers() throws Exception {
    Pool pool = keep(builder().maxWorkers(2).idleTimeout(FOR_EVER).build());
    pool.spawnMaxWorkers();
    pool.setIdleTimeout(Duration.ofMillis(1));
    eventually("no worker is left", () -> pool.countWorkers() == 0);
  }

  @Test
  void idleTimeoutIsWhatWasSet() {
    Pool pool = keep(builder().idleTimeout(FOR_EVER).build());
    assertEquals(FOR_EVER, pool.idleTimeout());
    pool.setIdleTimeout(Duration.ofSeconds(7));
    assertEquals(Duration.ofSeconds(7), pool.idleTimeout());
  }

  @Test
  void negativeIdleTimeoutIsRefused() {
    Pool pool = pool(1);
    Duration negative = Duration.ofSeconds(-1);
    assertContains(
        "idleTimeout is PT-1S",
        assertThrows(IllegalArgumentException.class, () -> pool.setIdleTimeout(negative)));
    assertEquals(Duration.ofSeconds(60), pool.idleTimeout());
  }

  @Test
  void workerRetiresAfterItsMaximumOfTasks() throws Exception {
    Pool pool = keep(builder().maxWorkers(1).maxTasksPerWorker(2).build());
    Map<Long, Integer> tasksOf = new HashMap<>();
    for (int i = 0; i < 4; i++) {
      tasksOf.merge(idOfWorker(pool), 1, Integer::sum);
    }
    tasksOf.forEach((worker, tasks) -> assertTrue(tasks <= 2, worker + ": " + tasks));
  }

  private long idOfWorker(Pool pool) throws Exception {
    PoolKind kind = kind();
    return run(pool, kind::workerId);
  }

  @Test
  void poolOfShortLivedWorkersLosesNoTask() throws Exception {
    Pool pool = keep(builder().maxWorkers(2).maxTasksPerWorker(1).build());
    List<Future<Integer>> futures = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      int n = i;
      futures.add(submit(pool, () -> n));
    }
    for (int i = 0; i < 6; i++) {
      assertEquals(i, futures.get(i).get(30, SECONDS));
    }
  }

  @Test
  void eachWorkerIsInitializedOnceBeforeItsTasks() throws Exception {
    Pool pool =
        keep(
            kind()
                .builder(() -> INITIALIZATIONS.set(INITIALIZATIONS.get() + 1), null)
                .maxWorkers(2)
                .build());
    for (int i = 0; i < 9; i++) {
      assertEquals(1, run(pool, () -> INITIALIZATIONS.get()));
    }
  }

  // ------------------------------------------------------------------ Counts

  private static List<Long> counts(Pool pool) {
    PoolStats stats = pool.stats();
    return List.of(
        stats.workers(),
        stats.busy(),
        stats.idle(),
        stats.submitted(),
        stats.pending(),
        stats.running(),
        stats.completed(),
        stats.failed(),
        stats.cancelled(),
        stats.lost(),
        stats.rejected(),
        stats.stalls());
  }

  @Test
  void countsOfAFreshPoolAreZero() {
    assertEquals(List.of(0L, 0L, 0L, 0L, 0L, 0L, 0L, 0L, 0L, 0L, 0L, 0L), counts(pool(2)));
    assertEquals(0, pool(2).stats().workersStarted());
    assertEquals(Duration.ZERO, pool(2).stats().oldestPending());
  }

  @Test
  void statsCountEachTaskWhereItIs() throws Exception {
    Pool pool = pool(1);
    run(pool, () -> 1);
    failureOf(submit(pool, () -> Integer.parseInt("x")));
    block(pool, gate());
    Future<Integer> cancelled = submit(pool, () -> 2);
    submit(pool, () -> 3);
    cancelled.cancel(false);
    assertEquals(List.of(1L, 1L, 0L, 5L, 1L, 1L, 1L, 1L, 1L, 0L, 0L, 0L), counts(pool));
    assertEquals(1, pool.stats().workersStarted());
  }

  @Test
  void finishedTaskIsCountedWhenItsFutureIsDone() throws Exception {
    Pool pool = pool(1);
    for (int i = 1; i <= 200; i++) {
      run(pool, () -> 1);
      assertEquals(i, pool.stats().completed());
    }
  }

  @Test
  void missedQueueDeadlineIsCountedAsFailed() throws Exception {
    Pool pool = pool(1);
    block(pool, gate());
    TaskOptions options = TaskOptions.DEFAULT.withQueueDeadline(Duration.ofMillis(1));
    failureOf(submit(pool, options, () -> 1));
    assertEquals(1, pool.stats().failed());
    assertEquals(0, pool.stats().pending());
  }

  @Test
  void countsTellBusyFromFreeWorkers() throws Exception {
    Pool pool = pool(2);
    pool.spawnMaxWorkers();
    block(pool, gate());
    assertEquals(2, pool.countWorkers());
    assertEquals(1, pool.countBusyWorkers());
    assertEquals(1, pool.countFreeWorkers());
  }

  @Test
  void countPendingTasksLeavesOutRunningOnes() throws Exception {
    Pool pool = pool(1);
    block(pool, gate());
    assertEquals(0, pool.countPendingTasks());
    submit(pool, () -> 1);
    assertEquals(1, pool.countPendingTasks());
  }

  @Test
  void countsOfTerminatedPoolStay() throws Exception {
    Pool pool = pool(1);
    run(pool, () -> 1);
    pool.close();
    assertEquals(1, pool.stats().completed());
  }

  // ------------------------------------------------------------------ workers()

  @Test
  void workersAreNumberedAndNamedAfterThePool() {
    Pool pool = pool(2);
    pool.spawnMaxWorkers();
    List<WorkerInfo> workers = pool.workers();
    assertEquals(List.of(1L, 2L), workers.stream().map(WorkerInfo::id).toList());
    assertEquals(
        List.of("p-worker-1", "p-worker-2"), workers.stream().map(WorkerInfo::name).toList());
  }

  @Test
  void freshPoolListsNoWorkers() {
    assertEquals(List.of(), pool(2).workers());
  }

  @Test
  void workerIsListedWithItsId() throws Exception {
    Pool pool = pool(1);
    long id = idOfWorker(pool);
    List<OptionalLong> ids = pool.workers().stream().map(WorkerInfo::pid).toList();
    assertEquals(List.of(OptionalLong.of(id)), ids);
  }

  @Test
  void busyWorkerIsListedWithItsTasksName() throws Exception {
    Pool pool = pool(1);
    block(pool, TaskOptions.DEFAULT.withName("load"), gate());
    WorkerInfo worker = pool.workers().get(0);
    assertTrue(worker.busy());
    assertEquals("load", worker.currentTask());
  }

  @Test
  void taskWithoutANameIsListedByItsNumber() throws Exception {
    Pool pool = pool(1);
    run(pool, () -> 1);
    block(pool, gate());
    assertEquals("task 2", pool.workers().get(0).currentTask());
  }

  @Test
  void runningTimeOfAListedTaskGrows() throws Exception {
    Pool pool = pool(1);
    block(pool, gate());
    Duration before = pool.workers().get(0).runningFor();
    eventually("it grows", () -> pool.workers().get(0).runningFor().compareTo(before) > 0);
  }

  @Test
  void idleWorkerIsListedWithoutATask() throws Exception {
    Pool pool = pool(1);
    run(pool, () -> 1);
    WorkerInfo worker = pool.workers().get(0);
    assertFalse(worker.busy());
    assertEquals("", worker.currentTask());
    assertEquals(Duration.ZERO, worker.runningFor());
  }

  @Test
  void workerCountsItsTasks() throws Exception {
    Pool pool = pool(1);
    for (int i = 0; i < 3; i++) {
      run(pool, () -> 1);
    }
    eventually("it counts three", () -> pool.workers().get(0).tasksDone() == 3);
  }

  // ------------------------------------------------------------------ Options

  @Test
  void poolIsNamedAfterItsClassByDefault() {
    assertEquals(kind().className(), keep(builder().build()).name());
  }

  @Test
  void poolKeepsItsName() {
    assertEquals("loader", keep(builder().name("loader").build()).name());
  }

  @Test
  void maximumOfWorkersIsWhatWasAsked() {
    assertEquals(7, pool(7).maxWorkers());
  }

  @Test
  void maximumOfWorkersFollowsTheCpusByDefault() {
    assertEquals(kind().defaultMaxWorkers(), keep(builder().build()).maxWorkers());
  }

  @Test
  void idleTimeoutIsAMinuteByDefault() {
    assertEquals(Duration.ofSeconds(60), keep(builder().build()).idleTimeout());
  }

  @Test
  void badOptionIsNamedWithItsValue() {
    assertRefused("maxWorkers is -1", () -> builder().maxWorkers(-1).build());
    int min = Integer.MIN_VALUE;
    int max = Integer.MAX_VALUE;
    assertRefused("maxWorkers is " + min, () -> builder().maxWorkers(min).build());
    assertRefused("maxWorkers is " + max, () -> builder().maxWorkers(max).build());
    assertRefused("idleTimeout is PT-1S", () -> builder().idleTimeout(Duration.ofSeconds(-1)));
    assertRefused(
        "maxTasksPerWorker is -1", () -> builder().maxTasksPerWorker(-1).build());
  }

  private static void assertRefused(String message, Executable call) {
    assertContains(message, assertThrows(IllegalArgumentException.class, call));
  }

  @Test
  void fixedPoolsHaveTheirSize() {
    List<Pool> pools = kind().fixedPools();
    pools.forEach(this::keep);
    assertEquals(List.of(1, 2, 3, 4), pools.stream().map(Pool::maxWorkers).toList());
  }
}

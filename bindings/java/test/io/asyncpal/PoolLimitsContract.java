package io.asyncpal;

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
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What every pool does when it is full. */
abstract class PoolLimitsContract extends PoolContract {
  PoolLimitsContract(PoolKind kind) {
    super(kind);
  }

  /** One worker, which is busy until the gate opens, and room for two tasks behind it. */
  private Pool small(WhenFull whenFull, Gate gate) throws Exception {
    Pool pool = keep(builder().maxWorkers(1).name("p").maxPending(2).whenFull(whenFull).build());
    block(pool, gate);
    return pool;
  }

  private static List<CompletableFuture<Integer>> fill(Pool pool) {
    return List.of(submit(pool, () -> 1), submit(pool, () -> 2));
  }

  @Test
  void negativeLimitIsRefused() {
    PoolBuilder<?> builder = builder().maxPending(-1);
    assertThrows(IllegalArgumentException.class, builder::build);
  }

  @Test
  void freeWorkersTakeTasksBeyondTheLimit() throws Exception {
    Pool pool =
        keep(builder().maxWorkers(2).maxPending(1).whenFull(WhenFull.REJECT).build());
    block(pool, gate());
    block(pool, gate());
    assertEquals(2, pool.countBusyWorkers());
  }

  @Test
  void refusalSaysWhichLimitAndOfWhichPool() throws Exception {
    Pool pool = small(WhenFull.REJECT, gate());
    fill(pool);
    Throwable thrown =
        assertThrows(RejectedExecutionException.class, () -> submit(pool, () -> 3));
    assertContains("pool 'p' is full: maxPending is 2", thrown);
  }

  @Test
  void cancellationMakesRoom() throws Exception {
    Pool pool = small(WhenFull.BLOCK, gate());
    List<CompletableFuture<Integer>> pending = fill(pool);
    CompletableFuture<CompletableFuture<Integer>> last =
        CompletableFuture.supplyAsync(() -> submit(pool, () -> 3));
    assertTrue(pending.get(0).cancel(false));
    assertFalse(last.get(30, SECONDS).isDone());
  }

  @Test
  void droppedTaskIsNotAmongTheCancelledOnes() throws Exception {
    Pool pool = small(WhenFull.DROP_OLDEST, gate());
    fill(pool);
    submit(pool, () -> 3);
    assertEquals(2, pool.shutdownNow().size());
  }

  @Test
  void callbackOfThePoolsOwnIsNeverBlocked() throws Exception {
    Pool pool = keep(builder().maxWorkers(1).maxPending(2).build());
    Gate gate = gate();
    CompletableFuture<Integer> fifth =
        submit(pool, gate::pass)
            .thenCompose(
                passed -> {
                  for (int i = 0; i < 4; i++) {
                    submit(pool, () -> 0);
                  }
                  return submit(pool, () -> 5);
                });
    gate.open();
    assertEquals(5, fifth.get(30, SECONDS));
  }

  @Test
  void manySubmittersNeverGetPastTheLimit() throws Exception {
    Pool pool = keep(builder().maxWorkers(2).maxPending(3).build());
    AtomicLong most = new AtomicLong();
    List<CompletableFuture<Void>> submitters = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      submitters.add(
          CompletableFuture.runAsync(
              () -> {
                List<CompletableFuture<Integer>> futures = new ArrayList<>();
                for (int j = 0; j < 100; j++) {
                  futures.add(submit(pool, () -> 1));
                  most.accumulateAndGet(pool.stats().pending(), Math::max);
                }
                futures.forEach(CompletableFuture::join);
              }));
    }
    for (CompletableFuture<Void> submitter : submitters) {
      submitter.get(60, SECONDS);
    }
    assertEquals(400, pool.stats().completed());
    assertTrue(most.get() <= 3 + 2, "pending: " + most); // free workers' tasks do not count
  }

  @Test
  void fullPoolRejectsWhereItIsToldTo() throws Exception {
    Gate gate = gate();
    Pool pool = small(WhenFull.REJECT, gate);
    List<CompletableFuture<Integer>> pending = fill(pool);
    RejectedExecutionException thrown =
        assertThrows(RejectedExecutionException.class, () -> submit(pool, () -> 3));
    assertContains("maxPending is 2", thrown);
    assertEquals(1, pool.stats().rejected());
    assertEquals(3, pool.stats().submitted());
    gate.open();
    assertEquals(2, pending.get(1).get(30, SECONDS));
    assertEquals(3, run(pool, () -> 3));
  }

  @Test
  void fullPoolBlocksUntilThereIsRoom() throws Exception {
    Gate gate = gate();
    Pool pool = small(WhenFull.BLOCK, gate);
    fill(pool);
    CompletableFuture<Integer> last =
        CompletableFuture.supplyAsync(() -> submit(pool, () -> 3)).thenCompose(f -> f);
    gate.open();
    assertEquals(3, last.get(30, SECONDS));
    assertEquals(0, pool.stats().rejected());
  }

  @Test
  void shutdownEndsTheWaitForRoom() throws Exception {
    Gate gate = gate();
    Pool pool = small(WhenFull.BLOCK, gate);
    fill(pool);
    CompletableFuture<Future<Integer>> last =
        CompletableFuture.supplyAsync(() -> submit(pool, () -> 3));
    pool.shutdown();
    assertInstanceOf(RejectedExecutionException.class, failureOf(last));
  }

  @Test
  void interruptEndsTheWaitForRoom() throws Exception {
    Gate gate = gate();
    Pool pool = small(WhenFull.BLOCK, gate);
    fill(pool);
    CompletableFuture<Boolean> interrupted = new CompletableFuture<>();
    Thread submitter =
        new Thread(
            () -> {
              assertThrows(RejectedExecutionException.class, () -> submit(pool, () -> 3));
              interrupted.complete(Thread.currentThread().isInterrupted());
            });
    submitter.start();
    submitter.interrupt();
    assertTrue(interrupted.get(30, SECONDS));
    assertEquals(3, pool.stats().submitted());
  }

  @Test
  void queueDeadlineEndsTheWaitForRoom() throws Exception {
    Gate gate = gate();
    Pool pool = small(WhenFull.BLOCK, gate);
    fill(pool);
    TaskOptions options = TaskOptions.DEFAULT.withQueueDeadline(Duration.ofMillis(5));
    assertThrows(RejectedExecutionException.class, () -> submit(pool, options, () -> 3));
  }

  @Test
  void oldestTaskMakesRoomWhereItIsToldTo() throws Exception {
    Gate gate = gate();
    Pool pool = small(WhenFull.DROP_OLDEST, gate);
    List<CompletableFuture<Integer>> pending = fill(pool);
    CompletableFuture<Integer> newest = submit(pool, () -> 3);
    assertInstanceOf(RejectedExecutionException.class, failureOf(pending.get(0)));
    gate.open();
    assertEquals(2, pending.get(1).get(30, SECONDS));
    assertEquals(3, newest.get(30, SECONDS));
    assertEquals(1, pool.stats().rejected());
    assertEquals(1, pool.stats().failed());
  }

  @Test
  void mapsWaitForRoomInEveryMode() throws Exception {
    for (WhenFull whenFull : List.of(WhenFull.BLOCK, WhenFull.REJECT, WhenFull.DROP_OLDEST)) {
      Gate gate = gate();
      gate.open();
      Pool pool = small(whenFull, gate);
      List<Integer> numbers = IntStream.range(0, 20).boxed().toList();
      assertEquals(numbers, pool.mapAll(PoolLimitsContract::same, numbers).toList());
      assertEquals(0, pool.stats().rejected());
    }
  }

  private static Integer same(Integer n) {
    return n;
  }

  @Test
  void callerRunsTheTaskInThreadPoolsOnly() throws Exception {
    if (kind() == PoolKinds.PROCESSES) {
      PoolBuilder<?> builder = builder().whenFull(WhenFull.CALLER_RUNS);
      assertThrows(IllegalArgumentException.class, builder::build);
      return;
    }
    Gate gate = gate();
    Pool pool = small(WhenFull.CALLER_RUNS, gate);
    fill(pool);
    Thread self = Thread.currentThread();
    Future<Boolean> here = submit(pool, () -> Thread.currentThread() == self);
    assertTrue(here.isDone());
    assertTrue(here.get());
    assertFalse(Thread.currentThread().isInterrupted());
    assertEquals(1, pool.stats().completed());
  }

  @Test
  void ownWorkerIsNeverBlocked() throws Exception {
    if (kind() == PoolKinds.PROCESSES) {
      return; // its tasks are in other processes
    }
    Pool pool = keep(builder().maxWorkers(1).maxPending(1).build());
    CountDownLatch ran = new CountDownLatch(3);
    Future<Boolean> outer =
        submit(
            pool,
            () -> {
              for (int i = 0; i < 3; i++) {
                execute(pool, ran::countDown);
              }
              return true;
            });
    assertTrue(outer.get(30, SECONDS));
    assertTrue(ran.await(30, SECONDS));
  }
}

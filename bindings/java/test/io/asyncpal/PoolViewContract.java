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
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Views of pools: one at a time, so many at once, and in order for each key. */
abstract class PoolViewContract extends PoolContract {
  PoolViewContract(PoolKind kind) {
    super(kind);
  }

  /** Occupies a place of the view until the gate opens; returns once it runs. */
  private static CompletableFuture<Boolean> block(PoolView view, Gate gate) throws Exception {
    Gate started = Gate.closed();
    CompletableFuture<Boolean> blocked =
        view.submit(
            () -> {
              started.open();
              return gate.pass();
            });
    assertTrue(started.pass(), "the blocking task starts");
    return blocked;
  }

  @Test
  void tasksOfASerialViewRunOneAtATimeAndInOrder() throws Exception {
    Pool pool = pool(3);
    PoolView view = pool.serial("log");
    Gate gate = gate();
    block(view, gate);
    List<CompletableFuture<Long>> times = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      times.add(view.submit(() -> System.nanoTime())); // the same clock in all processes
    }
    assertEquals(7, run(pool, () -> 7)); // the pool has other workers
    assertEquals(20, pool.stats().pending());
    gate.open();
    assertAscending(times);
    assertEquals("log", view.name());
    assertEquals(1, view.limit());
  }

  private static void assertAscending(List<CompletableFuture<Long>> times) throws Exception {
    for (int i = 1; i < times.size(); i++) {
      long before = times.get(i - 1).get(60, SECONDS);
      assertTrue(times.get(i).get(60, SECONDS) - before >= 0, "task " + i + " came too early");
    }
  }

  @Test
  void limitedViewRunsThatManyAtOnce() throws Exception {
    Pool pool = pool(3);
    PoolView view = pool.limited(2);
    Gate gate = gate();
    block(view, gate);
    block(view, gate);
    Future<Integer> third = view.submit(() -> 3);
    assertEquals(7, run(pool, () -> 7));
    assertFalse(third.isDone());
    gate.open();
    assertEquals(3, third.get(30, SECONDS));
  }

  @Test
  void cancelledTaskNeedsNoPlace() throws Exception {
    Pool pool = pool(2);
    PoolView view = pool.serial();
    Gate gate = gate();
    block(view, gate);
    Future<Integer> second = view.submit(() -> 2);
    Future<Integer> third = view.submit(() -> 3);
    assertTrue(second.cancel(false));
    assertEquals(1, pool.stats().pending());
    gate.open();
    assertEquals(3, third.get(30, SECONDS));
  }

  @Test
  void placeOfATaskThatIsStoppedGoesToTheNext() throws Exception {
    Pool pool = pool(2);
    PoolView view = pool.serial();
    Future<Boolean> first = block(view, gate());
    Future<Integer> second = view.submit(() -> 2);
    first.cancel(true);
    assertEquals(2, second.get(30, SECONDS));
  }

  @Test
  void failureGoesToTheFutureAndThePlaceToTheNext() throws Exception {
    Pool pool = pool(2);
    PoolView view = pool.serial();
    SerializableCallable<Integer> bad =
        () -> {
          throw new IllegalStateException("bad");
        };
    Future<Integer> first = view.submit(bad);
    Future<Integer> second = view.submit(() -> 2);
    assertEquals("bad", failureOf(first).getMessage());
    assertEquals(2, second.get(30, SECONDS));
  }

  @Test
  void tasksWithOptionsAreLimitedAndTriedAgain() throws Exception {
    Pool pool = pool(2);
    PoolView view = pool.serial();
    Gate gate = gate();
    block(view, gate);
    TaskOptions late = TaskOptions.DEFAULT.withQueueDeadline(Duration.ofMillis(5));
    assertTrue(failureOf(view.submit(late, () -> 1)).getMessage().contains("5ms"));
    gate.open();
    Counter calls = new Counter();
    RetryPolicy quick =
        RetryPolicy.DEFAULT.withBackoff(Duration.ofMillis(1), 1, Duration.ofMillis(1));
    Future<Integer> retried =
        view.submit(
            TaskOptions.DEFAULT.withRetry(quick),
            () -> {
              calls.add();
              if (calls.get() < 2) {
                throw new IllegalStateException("again");
              }
              return 5;
            });
    assertEquals(5, retried.get(30, SECONDS));
  }

  @Test
  void keysRunBesideEachOther() throws Exception {
    Pool pool = pool(2);
    KeyedPool<String> keyed = pool.keyed();
    Gate gate = gate();
    block(keyed.key("a"), gate);
    CompletableFuture<Integer> behind = keyed.submit("a", () -> 1);
    assertEquals(2, keyed.submit("b", () -> 2).get(30, SECONDS));
    assertFalse(behind.isDone());
    gate.open();
    assertEquals(1, behind.get(30, SECONDS));
    eventually("no key is kept", () -> keyed.countKeys() == 0);
  }

  @Test
  void tasksOfAKeyRunInOrder() throws Exception {
    Pool pool = pool(2);
    KeyedPool<Integer> keyed = pool.keyed();
    List<List<CompletableFuture<Long>>> times = new ArrayList<>();
    for (int key = 0; key < 5; key++) {
      times.add(new ArrayList<>());
    }
    for (int i = 0; i < 20; i++) {
      for (int key = 0; key < 5; key++) {
        times.get(key).add(keyed.submit(key, () -> System.nanoTime()));
      }
    }
    for (List<CompletableFuture<Long>> ofKey : times) {
      assertAscending(ofKey);
    }
    eventually("no key is kept", () -> keyed.countKeys() == 0);
  }

  @Test
  void cancelledAndRefusedTasksKeepNoKey() throws Exception {
    Pool pool = pool(1);
    KeyedPool<String> keyed = pool.keyed();
    Gate gate = gate();
    block(pool, gate);
    assertTrue(keyed.submit("a", () -> 1).cancel(false));
    Future<Integer> returned = keyed.submit("b", () -> 1);
    assertEquals(1, pool.shutdownNow().size());
    assertFalse(returned.isDone());
    assertThrows(RejectedExecutionException.class, () -> keyed.submit("c", () -> 1));
    eventually("no key is kept", () -> keyed.countKeys() == 0);
  }

  // ------------------------------------------------------------------ As an ExecutorService

  @Test
  void invokesAllAndAny() throws Exception {
    Pool pool = pool(2);
    PoolView view = pool.serial();
    List<Callable<Integer>> tasks = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      int n = i;
      tasks.add((Callable<Integer> & java.io.Serializable) () -> n);
    }
    List<Future<Integer>> all = view.invokeAll(tasks);
    for (int i = 0; i < 4; i++) {
      assertEquals(i, all.get(i).get());
    }
    assertTrue(view.invokeAny(tasks) >= 0);
    Runnable none = (Runnable & java.io.Serializable) () -> {};
    assertEquals("done", view.submit(none, "done").get(30, SECONDS));
  }

  @Test
  void executedTaskRuns() throws Exception {
    Pool pool = pool(1);
    Counter calls = new Counter();
    PoolView view = pool.serial();
    view.execute(calls::add);
    view.execute(TaskOptions.DEFAULT.withName("x"), calls::add);
    eventually("they have run", () -> calls.get() == 2);
  }

  @Test
  void shutdownOfAViewEndsOnlyTheView() throws Exception {
    Pool pool = pool(2);
    PoolView view = pool.serial("log");
    Gate gate = gate();
    block(view, gate);
    Future<Integer> second = view.submit(() -> 2);
    view.shutdown();
    assertTrue(view.isShutdown());
    RejectedExecutionException thrown =
        assertThrows(RejectedExecutionException.class, () -> view.submit(() -> 3));
    assertContains("view 'log' of pool 'p' was shut down", thrown);
    assertFalse(view.awaitTermination(1, MILLISECONDS));
    gate.open();
    assertEquals(2, second.get(30, SECONDS));
    assertTrue(view.awaitTermination(30, SECONDS));
    assertTrue(view.isTerminated());
    assertEquals(7, run(pool, () -> 7));
    assertFalse(pool.isShutdown());
  }

  @Test
  void shutdownNowOfAViewCancelsWhatWaits() throws Exception {
    Pool pool = pool(2);
    PoolView view = pool.serial();
    Future<Boolean> first = block(view, gate());
    Future<Integer> second = view.submit(() -> 2);
    Future<Integer> third = view.submit(() -> 3);
    assertEquals(List.of(second, third), view.shutdownNow());
    assertTrue(second.isCancelled());
    assertTrue(first.isCancelled());
    assertTrue(view.awaitTermination(30, SECONDS));
    assertEquals(7, run(pool, () -> 7));
  }

  @Test
  void closeWaitsForTheTasks() throws Exception {
    Pool pool = pool(1);
    Future<Integer> task;
    try (PoolView view = pool.limited(3)) {
      task = view.submit(() -> 1);
    }
    assertTrue(task.isDone());
    assertEquals(1, task.get());
  }

  @Test
  void drainRunsWhatAViewHolds() throws Exception {
    Pool pool = pool(2);
    PoolView view = pool.serial();
    Gate gate = gate();
    block(view, gate);
    Future<Integer> second = view.submit(() -> 2);
    pool.shutdown();
    assertThrows(RejectedExecutionException.class, () -> view.submit(() -> 3));
    gate.open();
    assertEquals(2, second.get(30, SECONDS));
    assertTrue(pool.awaitTermination(30, SECONDS));
    assertTrue(view.isTerminated());
  }

  @Test
  void shutdownNowTakesBackWhatAViewHolds() throws Exception {
    Pool pool = pool(2);
    PoolView view = pool.serial();
    Gate gate = gate();
    block(view, gate);
    Future<Integer> second = view.submit(() -> 2);
    assertEquals(List.of(second), pool.shutdownNow());
    gate.open();
    assertTrue(pool.awaitTermination(30, SECONDS));
  }

  @Test
  void viewHasAPlaceAtLeast() {
    Pool pool = pool(1);
    IllegalArgumentException thrown =
        assertThrows(IllegalArgumentException.class, () -> pool.limited(0));
    assertContains("n is 0", thrown);
  }

  @Test
  void fullPoolCountsWhatAViewHolds() throws Exception {
    Pool pool =
        keep(builder().maxWorkers(2).maxPending(1).whenFull(WhenFull.REJECT).name("p").build());
    PoolView view = pool.serial();
    Gate gate = gate();
    block(view, gate);
    Future<Integer> second = view.submit(() -> 2);
    assertThrows(RejectedExecutionException.class, () -> view.submit(() -> 3));
    gate.open();
    assertEquals(2, second.get(30, SECONDS));
    try (PoolView again = pool.serial()) {
      assertEquals(4, again.submit(() -> 4).get(30, SECONDS));
    }
  }

  @Test
  void fullPoolBlocksThoseWhoSubmitToItsViews() throws Exception {
    Pool pool = keep(builder().maxWorkers(2).maxPending(1).build());
    PoolView view = pool.serial();
    Gate gate = gate();
    block(view, gate);
    view.submit(() -> 2);
    CompletableFuture<Integer> last =
        CompletableFuture.supplyAsync(() -> view.submit(() -> 3)).thenCompose(f -> f);
    gate.open();
    assertEquals(3, last.get(30, SECONDS));
  }

  // ------------------------------------------------------------------ Waiting inside a task

  @Test
  void waitForATaskBehindInASerialViewIsRefused() throws Exception {
    if (kind() == PoolKinds.PROCESSES) {
      return; // whose tasks are in other processes
    }
    Pool pool = pool(2);
    PoolView view = pool.serial("log");
    for (boolean timed : new boolean[] {false, true}) {
      Future<Integer> outer =
          view.submit(
              () -> {
                Future<Integer> behind = view.submit(() -> 1);
                return timed ? behind.get(30, SECONDS) : behind.get();
              });
      Throwable thrown = failureOf(outer);
      assertInstanceOf(IllegalStateException.class, thrown);
      assertContains("serial view 'log'", thrown);
    }
    assertEquals(5, view.submit(() -> 5).get(30, SECONDS));
  }

  @Test
  void taskRunsOneBehindItInItsOwnPlaceWhereThereAreMore() throws Exception {
    if (kind() == PoolKinds.PROCESSES) {
      return; // whose tasks are in other processes
    }
    Pool pool = pool(1);
    PoolView view = pool.limited(2);
    Future<Integer> outer =
        view.submit(
            () -> {
              view.submit(() -> 1); // takes the other place
              return view.submit(() -> 2).join();
            });
    assertEquals(2, outer.get(30, SECONDS));
  }

  @Test
  void tasksOfASerialViewNeverOverlap() throws Exception {
    if (kind() == PoolKinds.PROCESSES) {
      return; // whose tasks share no counter
    }
    Pool pool = pool(3);
    PoolView view = pool.serial();
    AtomicInteger inside = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    List<Future<?>> tasks = new ArrayList<>();
    for (int i = 0; i < 2000; i++) {
      tasks.add(
          view.submit(
              () -> {
                most.accumulateAndGet(inside.incrementAndGet(), Math::max);
                inside.decrementAndGet();
              }));
      if (i % 3 == 0) {
        pool.execute(() -> {});
      }
    }
    for (Future<?> task : tasks) {
      task.get(60, SECONDS);
    }
    assertEquals(1, most.get());
  }
}

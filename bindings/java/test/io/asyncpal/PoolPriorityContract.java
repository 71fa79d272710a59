package io.asyncpal;

import static io.asyncpal.Eventually.eventually;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

/** Which task comes first, and what a shutdown does with a single one. */
abstract class PoolPriorityContract extends PoolContract {
  PoolPriorityContract(PoolKind kind) {
    super(kind);
  }

  private static TaskOptions of(TaskPriority priority) {
    return TaskOptions.DEFAULT.withPriority(priority);
  }

  private static TaskOptions of(AtShutdown wish) {
    return TaskOptions.DEFAULT.withAtShutdown(wish);
  }

  /** Ends in the order in which the only worker runs them. */
  private static List<String> orderOf(Pool pool, Gate gate, List<TaskOptions> all)
      throws Exception {
    List<String> order = Collections.synchronizedList(new ArrayList<>());
    block(pool, gate);
    List<CompletableFuture<Void>> ends = new ArrayList<>();
    for (int i = 0; i < all.size(); i++) {
      String name = i + " " + all.get(i).priority();
      CompletableFuture<String> task =
          all.get(i).equals(TaskOptions.DEFAULT)
              ? submit(pool, () -> name)
              : submit(pool, all.get(i), () -> name);
      ends.add(task.thenAccept(order::add));
    }
    gate.open();
    for (CompletableFuture<Void> end : ends) {
      end.get(30, SECONDS);
    }
    return order;
  }

  @Test
  void higherClassesBeginFirst() throws Exception {
    Pool pool = keep(builder().maxWorkers(1).priorityStep(Duration.ofHours(1)).build());
    List<TaskOptions> all = new ArrayList<>();
    for (TaskPriority priority : TaskPriority.values()) {
      all.add(of(priority));
      all.add(of(priority));
    }
    assertEquals(
        List.of(
            "8 URGENT", "9 URGENT", "6 HIGH", "7 HIGH", "4 NORMAL", "5 NORMAL", "2 LOW", "3 LOW",
            "0 BACKGROUND", "1 BACKGROUND"),
        orderOf(pool, gate(), all));
  }

  @Test
  void taskWithAPriorityOvertakesThoseWithoutOptions() throws Exception {
    Pool pool = keep(builder().maxWorkers(1).priorityStep(Duration.ofHours(1)).build());
    TaskOptions plain = TaskOptions.DEFAULT;
    assertEquals(
        List.of("3 HIGH", "0 NORMAL", "1 NORMAL", "4 NORMAL", "2 LOW"),
        orderOf(
            pool,
            gate(),
            List.of(plain, plain, of(TaskPriority.LOW), of(TaskPriority.HIGH), plain)));
  }

  @Test
  void ageCountsMoreThanPriority() throws Exception {
    Pool pool = keep(builder().maxWorkers(1).priorityStep(Duration.ofNanos(1)).build());
    assertEquals(
        List.of("0 BACKGROUND", "1 URGENT"),
        orderOf(pool, gate(), List.of(of(TaskPriority.BACKGROUND), of(TaskPriority.URGENT))));
  }

  @Test
  void manyTasksOfAllClassesRun() throws Exception {
    Pool pool = pool(2);
    List<Future<Integer>> tasks = new ArrayList<>();
    TaskPriority[] priorities = TaskPriority.values();
    for (int i = 0; i < 500; i++) {
      int n = i;
      tasks.add(
          i % 3 == 0
              ? submit(pool, () -> n)
              : submit(pool, of(priorities[i % priorities.length]), () -> n));
    }
    for (int i = 0; i < 500; i++) {
      assertEquals(i, tasks.get(i).get(60, SECONDS));
    }
    assertEquals(500, pool.stats().completed());
  }

  @Test
  void priorityStepIsPositive() {
    IllegalArgumentException thrown =
        assertThrows(
            IllegalArgumentException.class, () -> builder().priorityStep(Duration.ZERO));
    assertContains("priorityStep is PT0S", thrown);
  }

  // ------------------------------------------------------------------ What a shutdown does

  @Test
  void taskToBeSkippedIsCancelledEvenInADrain() throws Exception {
    Pool pool = pool(1);
    Gate gate = gate();
    block(pool, gate);
    Future<Integer> skipped = submit(pool, of(AtShutdown.SKIP), () -> 1);
    Future<Integer> other = submit(pool, () -> 2);
    pool.shutdown();
    assertTrue(skipped.isCancelled());
    gate.open();
    assertEquals(2, other.get(30, SECONDS));
  }

  @Test
  void taskToBeFinishedRunsThoughOthersAreTakenBack() throws Exception {
    if (kind() == PoolKinds.PROCESSES) {
      return; // whose shutdownNow() kills workers
    }
    Pool pool = pool(1);
    Gate gate = gate();
    Future<Boolean> running = block(pool, of(AtShutdown.FINISH), gate);
    Future<Integer> pending = submit(pool, of(AtShutdown.FINISH), () -> 2);
    Future<Integer> other = submit(pool, () -> 3);
    assertEquals(List.of(other), pool.shutdownNow());
    gate.open();
    assertTrue(running.get(30, SECONDS)); // nobody has interrupted it
    assertEquals(2, pending.get(30, SECONDS));
    assertTrue(pool.awaitTermination(30, SECONDS));
  }

  @Test
  void nobodyWaitsForATaskThatIsAbandoned() throws Exception {
    Pool pool = pool(2);
    Gate never = gate();
    Gate interrupted = gate();
    Gate started = gate();
    submit(
        pool,
        of(AtShutdown.ABANDON),
        () -> {
          started.open();
          try {
            never.pass();
          } catch (InterruptedException e) {
            interrupted.open();
            never.pass(); // all the same
          }
          return 1;
        });
    assertTrue(started.pass());
    Future<Integer> pending;
    Gate gate = gate();
    block(pool, gate);
    pending = submit(pool, of(AtShutdown.ABANDON), () -> 2);
    pool.shutdown();
    assertTrue(pending.isCancelled());
    gate.open();
    assertTrue(pool.awaitTermination(20, SECONDS));
    assertFalse(never.isOpen());
    if (kind() == PoolKinds.THREADS) {
      eventually("it was asked to stop", interrupted::isOpen);
    }
  }

  @Test
  void optionsSayWhatIsWrong() {
    assertThrows(NullPointerException.class, () -> of((TaskPriority) null));
    assertThrows(NullPointerException.class, () -> of((AtShutdown) null));
  }
}

package io.asyncpal;

import static io.asyncpal.Eventually.eventually;
import static java.util.concurrent.TimeUnit.DAYS;
import static java.util.concurrent.TimeUnit.HOURS;
import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static java.util.concurrent.TimeUnit.NANOSECONDS;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.RunnableScheduledFuture;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** What every kind of pool promises of {@link PoolTimers}. */
abstract class PoolTimersContract extends PoolContract {
  PoolTimersContract(PoolKind kind) {
    super(kind);
  }

  private static <T> ScheduledFuture<T> after(
      Pool pool, long delay, TimeUnit unit, SerializableCallable<T> task) {
    return pool.schedule((Callable<T>) task, delay, unit);
  }

  private static ScheduledFuture<?> afterwards(
      Pool pool, long delay, TimeUnit unit, SerializableRunnable task) {
    return pool.schedule((Runnable) task, delay, unit);
  }

  private static ScheduledFuture<?> atRate(
      Pool pool, long first, long period, TimeUnit unit, SerializableRunnable task) {
    return pool.scheduleAtFixedRate(task, first, period, unit);
  }

  private static ScheduledFuture<?> withDelay(
      Pool pool, long first, long delay, TimeUnit unit, SerializableRunnable task) {
    return pool.scheduleWithFixedDelay(task, first, delay, unit);
  }

  private void assertTerminates(Pool pool) throws Exception {
    assertTrue(pool.awaitTermination(30, SECONDS), "terminates: " + pool);
  }

  // ------------------------------------------------------------------ Once

  @Test
  void delayedTaskRunsWhenItsTimeHasCome() throws Exception {
    Pool pool = pool(1);
    long start = System.nanoTime();
    assertEquals(7, after(pool, 30, MILLISECONDS, () -> 7).get(30, SECONDS));
    assertTrue(System.nanoTime() - start >= MILLISECONDS.toNanos(30));
  }

  @Test
  void delayedTaskWithoutAResultHasNull() throws Exception {
    Counter runs = new Counter();
    assertNull(afterwards(pool(1), 1, MILLISECONDS, runs::add).get(30, SECONDS));
    assertEquals(1, runs.get());
  }

  @Test
  void delayThatIsNotPositiveIsOver() throws Exception {
    Pool pool = pool(1);
    assertEquals(1, after(pool, 0, SECONDS, () -> 1).get(30, SECONDS));
    assertEquals(2, after(pool, -5, DAYS, () -> 2).get(30, SECONDS));
    assertEquals(3, after(pool, Long.MIN_VALUE, DAYS, () -> 3).get(30, SECONDS));
  }

  @Test
  void hugeDelayKeepsNoOtherTaskFromItsTime() throws Exception {
    Pool pool = pool(1);
    List<ScheduledFuture<Integer>> never = new ArrayList<>();
    for (TimeUnit unit : TimeUnit.values()) {
      never.add(after(pool, Long.MAX_VALUE, unit, () -> 0));
    }
    assertEquals(1, after(pool, -1, DAYS, () -> 1).get(30, SECONDS));
    assertEquals(2, after(pool, 1, MILLISECONDS, () -> 2).get(30, SECONDS));
    for (ScheduledFuture<Integer> future : never) {
      assertFalse(future.isDone());
      assertTrue(future.getDelay(DAYS) > 30_000);
      assertTrue(future.cancel(true));
    }
    assertEquals(0, pool.countDelayed());
  }

  @Test
  void delayedTasksComeInTheOrderOfTheirTimes() throws Exception {
    Pool pool = pool(1);
    Gate gate = gate();
    Counter order = new Counter();
    block(pool, gate);
    List<ScheduledFuture<Long>> futures = new ArrayList<>();
    for (long delay : new long[] {200, 100, 300, 150}) {
      futures.add(after(pool, delay, MILLISECONDS, () -> next(order)));
    }
    Collections.sort(futures); // which is the order of those delays, but for a very slow machine
    eventually("all are pending", () -> pool.stats().pending() == 4);
    gate.open();
    for (int i = 0; i < 4; i++) {
      assertEquals(i + 1, futures.get(i).get(30, SECONDS));
    }
  }

  @Test
  void delayedTasksCompareByTheirTimes() {
    Pool pool = pool(1);
    ScheduledFuture<Integer> later = after(pool, 2, HOURS, () -> 1);
    ScheduledFuture<Integer> sooner = after(pool, 1, HOURS, () -> 1);
    assertTrue(sooner.compareTo(later) < 0);
    assertTrue(later.compareTo(sooner) > 0);
    assertEquals(0, later.compareTo(later));
  }

  private static long next(Counter counter) {
    counter.add();
    return counter.get();
  }

  @Test
  void delayedTaskHoldsNoWorkerAndIsCountedApart() throws Exception {
    Pool pool = pool(1);
    ScheduledFuture<Integer> later = after(pool, 1, HOURS, () -> 1);
    assertEquals(1, pool.countDelayed());
    assertEquals(1, pool.stats().delayed());
    assertEquals(0, pool.stats().pending());
    assertEquals(0, pool.stats().submitted());
    assertTrue(Pool.dumpState().contains("0 pending (and 1 delayed), "), Pool.dumpState());
    assertEquals(0, pool.countWorkers());
    assertJoins(pool);
    assertFalse(later.isDone());
  }

  @Test
  void failureOfADelayedTaskIsInItsFuture() {
    ScheduledFuture<Integer> future =
        after(
            pool(1),
            1,
            MILLISECONDS,
            () -> {
              throw new IllegalStateException("no");
            });
    assertContains("no", assertInstanceOf(IllegalStateException.class, failureOf(future)));
  }

  @Test
  void delayTellsWhatIsLeft() {
    ScheduledFuture<Integer> future = after(pool(1), 1, HOURS, () -> 1);
    long left = future.getDelay(NANOSECONDS);
    assertTrue(left > 0 && left <= HOURS.toNanos(1), left + " ns");
    assertFalse(((RunnableScheduledFuture<Integer>) future).isPeriodic());
  }

  @Test
  void futureOfADelayedTaskHasStages() throws Exception {
    CompletableFuture<Integer> future =
        (CompletableFuture<Integer>) after(pool(1), 1, MILLISECONDS, () -> 20);
    assertEquals(21, future.thenApply(n -> n + 1).get(30, SECONDS));
  }

  @Test
  void argumentsOfADelayedTaskAreChecked() {
    Pool pool = pool(1);
    SerializableRunnable nothing = () -> {};
    assertThrows(
        NullPointerException.class, () -> pool.schedule((Runnable) null, 1, SECONDS));
    assertThrows(
        NullPointerException.class, () -> pool.schedule((Callable<?>) null, 1, SECONDS));
    assertThrows(NullPointerException.class, () -> afterwards(pool, 1, null, nothing));
    assertThrows(
        NullPointerException.class, () -> pool.scheduleAtFixedRate(null, 1, 1, SECONDS));
    assertThrows(NullPointerException.class, () -> atRate(pool, 1, 1, null, nothing));
    assertThrows(
        NullPointerException.class, () -> pool.scheduleWithFixedDelay(null, 1, 1, SECONDS));
    assertThrows(NullPointerException.class, () -> withDelay(pool, 1, 1, null, nothing));
    assertContains(
        "period is 0",
        assertThrows(
            IllegalArgumentException.class, () -> atRate(pool, 1, 0, SECONDS, nothing)));
    assertContains(
        "delay is -2",
        assertThrows(
            IllegalArgumentException.class, () -> withDelay(pool, 1, -2, SECONDS, nothing)));
    assertEquals(0, pool.countDelayed());
  }

  // ------------------------------------------------------------------ Cancelling

  @Test
  void cancelledDelayedTaskLeavesAtOnceAndNeverRuns() throws Exception {
    Pool pool = pool(1);
    Counter runs = new Counter();
    ScheduledFuture<?> future = afterwards(pool, 1, HOURS, runs::add);
    assertTrue(future.cancel(false));
    assertTrue(future.isCancelled() && future.isDone());
    assertEquals(0, pool.countDelayed());
    assertThrows(CancellationException.class, future::get);
    pool.close();
    assertEquals(0, runs.get());
  }

  @Test
  void delayedTaskThatIsCompletedByOthersNeverRuns() throws Exception {
    Pool pool = pool(1);
    Counter runs = new Counter();
    ScheduledFuture<?> future = afterwards(pool, 1, HOURS, runs::add);
    assertTrue(((CompletableFuture<?>) future).complete(null));
    assertEquals(0, pool.countDelayed());
    pool.close();
    assertEquals(0, runs.get());
  }

  @Test
  void cancelStopsTheRunThatGoesOn() throws Exception {
    Pool pool = pool(1);
    Gate started = gate();
    Gate never = gate();
    ScheduledFuture<Boolean> future =
        after(
            pool,
            1,
            MILLISECONDS,
            () -> {
              started.open();
              return never.pass();
            });
    assertTrue(started.pass());
    assertTrue(future.cancel(true));
    assertEquals(5, run(pool, () -> 5));
  }

  @Test
  void cancelOfManyKeepsTheOrderOfTheRest() throws Exception {
    Pool pool = pool(1);
    List<ScheduledFuture<?>> futures = new ArrayList<>();
    for (int i = 0; i < 1000; i++) {
      futures.add(afterwards(pool, 1 + i * 7919 % 1000, HOURS, () -> {}));
    }
    for (int i = 0; i < 1000; i++) {
      if (i % 10 != 0) {
        assertTrue(futures.get(i).cancel(false));
      }
    }
    assertEquals(100, pool.countDelayed());
    List<Runnable> rest = pool.shutdownNow();
    assertEquals(100, rest.size());
    for (int i = 1; i < rest.size(); i++) {
      ScheduledFuture<?> before = (ScheduledFuture<?>) rest.get(i - 1);
      assertTrue(before.compareTo((ScheduledFuture<?>) rest.get(i)) < 0);
    }
  }

  // ------------------------------------------------------------------ Again and again

  @Test
  void taskAtAFixedRateRunsAgainAndAgain() throws Exception {
    Pool pool = pool(1);
    Counter runs = new Counter();
    long start = System.nanoTime();
    ScheduledFuture<?> future = atRate(pool, 5, 5, MILLISECONDS, runs::add);
    assertTrue(((RunnableScheduledFuture<?>) future).isPeriodic());
    eventually("it runs ten times", () -> runs.get() >= 10);
    assertTrue(System.nanoTime() - start >= MILLISECONDS.toNanos(50));
    assertFalse(future.isDone());
    assertTrue(future.cancel(false));
    eventually("it has gone", () -> pool.countDelayed() == 0);
  }

  @Test
  void taskAtAFixedRateMakesUpForMissedTimes() throws Exception {
    Pool pool = pool(1);
    Counter runs = new Counter();
    Gate gate = gate();
    block(pool, gate);
    atRate(pool, 0, 10, MILLISECONDS, runs::add);
    Thread.sleep(200);
    long opened = System.nanoTime();
    gate.open();
    eventually("it catches up", () -> runs.get() >= 20);
    long needed = System.nanoTime() - opened;
    // Not a lower bound of one period each: nearly all of them were due.
    assertTrue(needed < SECONDS.toNanos(20), needed + " ns");
  }

  @Test
  void taskWithAFixedDelayPausesBetweenRuns() throws Exception {
    Pool pool = pool(1);
    Counter runs = new Counter();
    long start = System.nanoTime();
    ScheduledFuture<?> future =
        withDelay(
            pool,
            0,
            10,
            MILLISECONDS,
            () -> {
              runs.add();
              sleep(10);
            });
    eventually("it runs four times", () -> runs.get() >= 4);
    assertTrue(System.nanoTime() - start >= MILLISECONDS.toNanos(60));
    assertTrue(future.cancel(true));
  }

  private static void sleep(long millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Test
  void periodicTaskNeverRunsBesideItself() throws Exception {
    Pool pool = pool(2);
    Counter begun = new Counter();
    Counter ended = new Counter();
    Counter overlaps = new Counter();
    atRate(
        pool,
        0,
        1,
        MILLISECONDS,
        () -> {
          if (begun.get() != ended.get()) {
            overlaps.add();
          }
          begun.add();
          sleep(3);
          ended.add();
        });
    eventually("it runs twenty times", () -> ended.get() >= 20);
    assertEquals(0, overlaps.get());
  }

  @Test
  void periodicTaskEndsAtItsFirstException() throws Exception {
    Pool pool = pool(1);
    Counter runs = new Counter();
    for (ScheduledFuture<?> future :
        List.of(
            atRate(pool, 0, 1, MILLISECONDS, () -> failSecondTime(runs)),
            withDelay(pool, 0, 1, HOURS, () -> failSecondTime(runs)))) {
      assertContains("second", assertInstanceOf(IllegalStateException.class, failureOf(future)));
      assertTrue(future.isDone());
      assertFalse(future.isCancelled());
    }
    assertEquals(0, pool.countDelayed());
    pool.close();
    assertEquals(3, runs.get());
  }

  private static void failSecondTime(Counter runs) {
    runs.add();
    if (runs.get() >= 2) {
      throw new IllegalStateException("second");
    }
  }

  @Test
  void cancelEndsAPeriodicTaskBetweenItsRuns() throws Exception {
    Pool pool = pool(1);
    Counter runs = new Counter();
    ScheduledFuture<?> future = atRate(pool, 0, 1, HOURS, runs::add);
    eventually("the next run waits", () -> runs.get() == 1 && pool.countDelayed() == 1);
    assertTrue(future.cancel(false));
    assertEquals(0, pool.countDelayed());
    assertThrows(CancellationException.class, () -> future.get(30, SECONDS));
  }

  // ------------------------------------------------------------------ The end

  @Test
  void shutdownRunsDelayedTasksAndCancelsPeriodicOnes() throws Exception {
    Pool pool = pool(1);
    Counter runs = new Counter();
    ScheduledFuture<Integer> later = after(pool, 100, MILLISECONDS, () -> 1);
    ScheduledFuture<?> periodic = atRate(pool, 1, 1, HOURS, runs::add);
    assertTrue(pool.getExecuteExistingDelayedTasksAfterShutdownPolicy());
    assertFalse(pool.getContinueExistingPeriodicTasksAfterShutdownPolicy());
    assertFalse(pool.getRemoveOnCancelPolicy());
    pool.shutdown();
    pool.shutdown();
    assertTrue(pool.isShutdown());
    assertTrue(periodic.isCancelled());
    assertEquals(1, later.get(30, SECONDS));
    assertTerminates(pool);
    assertEquals(0, runs.get());
  }

  @Test
  void poolThatWaitsForADelayAfterItsShutdownTakesNothing() throws Exception {
    Pool pool = pool(1);
    ScheduledFuture<Integer> later = after(pool, 1, HOURS, () -> 1);
    pool.shutdown();
    assertFalse(pool.isTerminated());
    assertFalse(pool.awaitTermination(1, MILLISECONDS));
    assertThrows(RejectedExecutionException.class, () -> submit(pool, () -> 1));
    assertThrows(RejectedExecutionException.class, () -> execute(pool, () -> {}));
    assertThrows(
        RejectedExecutionException.class,
        () -> submit(pool, TaskOptions.DEFAULT.withName("late"), () -> 1));
    assertThrows(RejectedExecutionException.class, () -> after(pool, 0, SECONDS, () -> 1));
    assertThrows(RejectedExecutionException.class, () -> atRate(pool, 0, 1, SECONDS, () -> {}));
    assertThrows(RejectedExecutionException.class, pool::check);
    assertTrue(later.cancel(false));
    assertTerminates(pool);
  }

  @Test
  void shutdownDropsDelayedTasksWhereThePolicySaysSo() throws Exception {
    Pool pool = pool(1);
    ScheduledFuture<Integer> later = after(pool, 1, HOURS, () -> 1);
    pool.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
    assertFalse(pool.getExecuteExistingDelayedTasksAfterShutdownPolicy());
    pool.shutdown();
    assertTrue(later.isCancelled());
    assertTerminates(pool);
  }

  @Test
  void policyAlsoAffectsAShutdownThatGoesOn() throws Exception {
    Pool pool = pool(1);
    ScheduledFuture<Integer> later = after(pool, 1, HOURS, () -> 1);
    pool.shutdown();
    assertFalse(later.isDone());
    pool.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
    assertTrue(later.isCancelled());
    assertTerminates(pool);
  }

  @Test
  void periodicTasksGoOnAfterAShutdownWhereThePolicySaysSo() throws Exception {
    Pool pool = pool(1);
    Counter runs = new Counter();
    pool.setContinueExistingPeriodicTasksAfterShutdownPolicy(true);
    ScheduledFuture<?> future = atRate(pool, 0, 2, MILLISECONDS, runs::add);
    pool.shutdown();
    long before = runs.get();
    eventually("it goes on", () -> runs.get() >= before + 3);
    assertFalse(pool.isTerminated());
    assertTrue(future.cancel(false));
    assertTerminates(pool);
  }

  @Test
  void removeOnCancelPolicyIsWhatItWasSetTo() {
    Pool pool = pool(1);
    pool.setRemoveOnCancelPolicy(true);
    assertTrue(pool.getRemoveOnCancelPolicy());
  }

  @Test
  void closeWaitsForDelayedTasks() throws Exception {
    Pool pool = pool(1);
    ScheduledFuture<Integer> later = after(pool, 50, MILLISECONDS, () -> 1);
    pool.close();
    assertTrue(later.isDone());
    assertEquals(1, later.get());
  }

  @Test
  void shutdownNowReturnsWhatWaitsAndItsRunDoesTheWork() throws Exception {
    Pool pool = pool(1);
    Counter runs = new Counter();
    ScheduledFuture<Integer> once = after(pool, 2, HOURS, () -> 7);
    ScheduledFuture<?> periodic = atRate(pool, 1, 1, HOURS, runs::add);
    ScheduledFuture<?> gone = afterwards(pool, 1, HOURS, runs::add);
    gone.cancel(false);
    List<Runnable> rest = pool.shutdownNow();
    assertEquals(List.of(periodic, once), rest);
    assertTerminates(pool);
    assertFalse(once.isDone() || periodic.isDone());
    rest.forEach(Runnable::run);
    assertEquals(7, once.get(30, SECONDS));
    assertNull(periodic.get(30, SECONDS));
    rest.forEach(Runnable::run);
    assertEquals(1, runs.get());
  }

  @Test
  void shutdownNowReturnsTheFutureOfATaskThatIsDueAndPending() throws Exception {
    Pool pool = pool(1);
    block(pool, gate());
    ScheduledFuture<Integer> due = after(pool, 0, SECONDS, () -> 3);
    eventually("it is pending", () -> pool.stats().pending() == 1);
    List<Runnable> rest = pool.shutdownNow();
    assertEquals(List.of(due), rest);
    rest.get(0).run();
    assertEquals(3, due.get(30, SECONDS));
  }

  @Test
  void anotherPoolRunsWhatShutdownNowReturned() throws Exception {
    Pool pool = pool(1);
    ScheduledFuture<Integer> later = after(pool, 1, HOURS, () -> 9);
    Pool other = pool(1);
    pool.shutdownNow().forEach(other::execute);
    assertEquals(9, later.get(30, SECONDS));
  }

  @Test
  void periodicTaskThatRunsAtAShutdownIsItsLast() throws Exception {
    Pool pool = pool(1);
    Counter runs = new Counter();
    Gate gate = gate();
    ScheduledFuture<?> future =
        atRate(
            pool,
            0,
            1,
            MILLISECONDS,
            () -> {
              runs.add();
              try {
                gate.pass();
              } catch (InterruptedException e) {
                throw new IllegalStateException(e);
              }
            });
    eventually("it runs", () -> runs.get() == 1);
    pool.shutdown();
    gate.open();
    assertTerminates(pool);
    assertTrue(future.isCancelled());
    assertEquals(1, runs.get());
  }

  @Test
  void delayedTaskOfABrokenPoolFails() {
    Pool pool = poolThatCanNotBegin();
    ScheduledFuture<Integer> future = after(pool, 1, MILLISECONDS, () -> 1);
    Throwable failure =
        assertThrows(ExecutionException.class, () -> future.get(30, SECONDS)).getCause();
    Throwable reason = failure instanceof RejectedExecutionException ? failure.getCause() : failure;
    assertInstanceOf(BrokenPoolException.class, reason);
  }

  // ------------------------------------------------------------------ Limits

  private Pool withRoomForOne(WhenFull whenFull) {
    return keep(builder().maxWorkers(1).name("p").maxPending(1).whenFull(whenFull).build());
  }

  @Test
  void delayedTaskIsNotRefusedWhenItIsDue() throws Exception {
    Pool pool = withRoomForOne(WhenFull.REJECT);
    Gate gate = gate();
    block(pool, gate);
    ScheduledFuture<Integer> due = after(pool, 10, MILLISECONDS, () -> 2);
    eventually("it is due", () -> pool.countDelayed() == 0);
    assertThrows(RejectedExecutionException.class, () -> submit(pool, () -> 3));
    gate.open();
    assertEquals(2, due.get(30, SECONDS));
    assertEquals(4, run(pool, () -> 4));
  }

  @Test
  void delayedTaskCountsFromTheCallOn() throws Exception {
    Pool pool = withRoomForOne(WhenFull.REJECT);
    block(pool, gate());
    ScheduledFuture<Integer> later = after(pool, 1, HOURS, () -> 2);
    assertThrows(RejectedExecutionException.class, () -> submit(pool, () -> 3));
    assertContains(
        "pool 'p' is full: maxPending is 1",
        assertThrows(
            RejectedExecutionException.class, () -> after(pool, 1, HOURS, () -> 3)));
    assertEquals(2, pool.stats().rejected());
    assertEquals(1, pool.countDelayed());
    assertTrue(later.cancel(false));
    submit(pool, () -> 4);
  }

  @Test
  void delayedTaskWaitsForRoomInItsCall() throws Exception {
    Pool pool = withRoomForOne(WhenFull.BLOCK);
    block(pool, gate());
    ScheduledFuture<Integer> first = after(pool, 1, HOURS, () -> 1);
    CompletableFuture<ScheduledFuture<Integer>> second =
        CompletableFuture.supplyAsync(() -> after(pool, 2, HOURS, () -> 2));
    assertTrue(first.cancel(false));
    assertFalse(second.get(30, SECONDS).isDone());
    assertEquals(1, pool.countDelayed());
  }

  @Test
  void delayedTaskMakesRoomForItself() throws Exception {
    Pool pool = withRoomForOne(WhenFull.DROP_OLDEST);
    block(pool, gate());
    CompletableFuture<Integer> dropped = submit(pool, () -> 1);
    after(pool, 1, HOURS, () -> 2);
    assertThrows(ExecutionException.class, () -> dropped.get(30, SECONDS));
  }

  @Test
  void periodicTaskKeepsItsRoom() throws Exception {
    Pool pool = withRoomForOne(WhenFull.REJECT);
    Counter runs = new Counter();
    ScheduledFuture<?> beat = atRate(pool, 1, 1, MILLISECONDS, runs::add);
    eventually("it runs again and again", () -> runs.get() >= 3);
    beat.cancel(false);
    eventually("its room is free", () -> accepts(pool));
  }

  private static boolean accepts(Pool pool) {
    try {
      return after(pool, 1, HOURS, () -> 1).cancel(false);
    } catch (RejectedExecutionException e) {
      return false;
    }
  }

  @Test
  void poolSleepsWhileItWaits() throws Exception {
    Pool pool = keep(builder().maxWorkers(1).idleTimeout(Duration.ofMillis(1)).build());
    after(pool, 1, HOURS, () -> 1);
    assertEquals(1, run(pool, () -> 1));
    eventually("its workers end", () -> pool.countWorkers() == 0);
    assertEquals(1, pool.countDelayed());
  }
}

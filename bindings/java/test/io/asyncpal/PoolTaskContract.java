package io.asyncpal;

import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;

/**
 * What every pool does with one task.
 *
 * <p>Claims of C++ that are not here:
 *
 * <ul>
 *   <li>submitPassesTheArguments, submitPassesContainers: tasks have no arguments, they capture
 *   <li>runReturnsTheResult, runThrowsWhatTheTaskThrew: there is no run(), but submit().get()
 *   <li>cancelOfARunningTaskReturnsFalse, cancelOfARunningTaskIsRemembered: a Future is cancelled
 *       at once; see cancelOfARunningTaskCancelsItsFuture
 *   <li>taskWithABadOptionWasNotSubmitted: TaskOptions refuses it, so there is none
 *   <li>emptyFunctionPointerIsRefused: see nullTaskIsRefused
 * </ul>
 */
abstract class PoolTaskContract extends PoolContract {
  private static final TaskOptions TOO_SHORT =
      TaskOptions.DEFAULT.withTimeout(Duration.ofMillis(1));
  private static final TaskOptions TOO_LATE =
      TaskOptions.DEFAULT.withQueueDeadline(Duration.ofMillis(1));

  PoolTaskContract(PoolKind kind) {
    super(kind);
  }

  // ------------------------------------------------------------------ Results and errors

  @Test
  void submitGivesTheResult() throws Exception {
    assertEquals(42, run(pool(1), () -> 42));
  }

  @Test
  void taskWithoutResultCompletes() throws Exception {
    SerializableRunnable task = () -> {};
    assertNull(pool(1).submit((Runnable) task).get(30, SECONDS));
  }

  @Test
  void runnableCompletesWithTheGivenResult() throws Exception {
    SerializableRunnable task = () -> {};
    assertEquals("done", pool(1).submit(task, "done").get(30, SECONDS));
  }

  @Test
  void futureKeepsWhatTheTaskThrew() {
    Future<Integer> future =
        submit(
            pool(1),
            () -> {
              throw new IOException("disk", new IllegalStateException("cause"));
            });
    Throwable thrown = failureOf(future);
    assertInstanceOf(IOException.class, thrown);
    assertEquals("disk", thrown.getMessage());
    assertInstanceOf(IllegalStateException.class, thrown.getCause());
    assertEquals("cause", thrown.getCause().getMessage());
    assertTrue(
        thrown.getStackTrace()[0].getMethodName().contains("futureKeepsWhatTheTaskThrew"),
        "the stack is that of the throw");
  }

  @Test
  void taskThatThrowsNoExceptionTypeFails() throws Exception {
    Pool pool = pool(1);
    assertInstanceOf(StackOverflowError.class, failureOf(submit(pool, () -> endless(0))));
    assertEquals(1, run(pool, () -> 1));
  }

  private static int endless(int depth) {
    return endless(depth + 1) + 1;
  }

  @Test
  void cancellationExceptionOfATaskIsNoCancellation() {
    Future<Integer> future =
        submit(
            pool(1),
            () -> {
              throw new CancellationException("mine");
            });
    assertInstanceOf(CancellationException.class, failureOf(future));
    assertFalse(future.isCancelled());
  }

  @Test
  void nullTaskIsRefused() {
    Pool pool = pool(1);
    assertThrows(NullPointerException.class, () -> pool.submit((Callable<Integer>) null));
    assertThrows(NullPointerException.class, () -> pool.submit((Runnable) null));
    assertThrows(NullPointerException.class, () -> pool.execute(null));
    assertThrows(
        NullPointerException.class, () -> pool.submit(TOO_SHORT, (Callable<Integer>) null));
    assertThrows(NullPointerException.class, () -> pool.execute(TOO_SHORT, null));
    assertEquals(0, pool.stats().submitted());
  }

  @Test
  void failedTaskHurtsNoOther() throws Exception {
    Pool pool = pool(1);
    failureOf(submit(pool, () -> Integer.parseInt("x")));
    assertEquals(3, run(pool, () -> 3));
  }

  @Test
  void postedTaskRuns() throws Exception {
    Pool pool = pool(1);
    execute(pool, () -> {});
    assertJoins(pool);
    assertEquals(1, pool.stats().completed());
  }

  @Test
  void postedTaskThatThrowsIsCountedAsFailed() throws Exception {
    Pool pool = pool(1);
    execute(
        pool,
        () -> {
          throw new IllegalStateException("thrown by a posted task");
        });
    assertJoins(pool);
    assertEquals(1, pool.stats().failed());
  }

  @Test
  void manyTasksEachGiveTheirOwnResult() throws Exception {
    Pool pool = pool(2);
    List<Future<Integer>> futures = new ArrayList<>();
    for (int i = 0; i < 1000; i++) {
      int n = i;
      futures.add(submit(pool, () -> n * n));
    }
    for (int i = 0; i < 1000; i++) {
      assertEquals(i * i, futures.get(i).get(30, SECONDS));
    }
  }

  @Test
  void oneWorkerRunsTasksInTheOrderOfSubmission() throws Exception {
    Pool pool = pool(1);
    List<Future<Long>> futures = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      futures.add(submit(pool, System::nanoTime));
    }
    long last = Long.MIN_VALUE;
    for (Future<Long> future : futures) {
      assertTrue(last <= future.get(30, SECONDS));
      last = future.get();
    }
  }

  // ------------------------------------------------------------------ States

  @Test
  void taskBehindBusyWorkersIsPending() throws Exception {
    Pool pool = pool(1);
    block(pool, gate());
    assertFalse(submit(pool, () -> 1).isDone());
    assertEquals(1, pool.stats().pending());
  }

  @Test
  void taskThatWorksIsRunning() throws Exception {
    Pool pool = pool(1);
    assertFalse(block(pool, gate()).isDone());
    assertEquals(1, pool.stats().running());
  }

  @Test
  void taskThatReturnedIsCompleted() throws Exception {
    CompletableFuture<Integer> future = submit(pool(1), () -> 9);
    future.get(30, SECONDS);
    assertTrue(future.isDone());
    assertFalse(future.isCompletedExceptionally());
  }

  @Test
  void taskThatThrewIsFailed() {
    CompletableFuture<Integer> future = submit(pool(1), () -> Integer.parseInt("x"));
    failureOf(future);
    assertTrue(future.isCompletedExceptionally());
    assertFalse(future.isCancelled());
  }

  @Test
  void collectTimesOutWhileTheTaskRuns() throws Exception {
    Future<Boolean> blocked = block(pool(1), gate());
    assertThrows(TimeoutException.class, () -> blocked.get(1, MILLISECONDS));
  }

  @Test
  void taskGoesOnAfterATimedOutCollect() throws Exception {
    Gate gate = gate();
    Future<Boolean> blocked = block(pool(1), gate);
    assertThrows(TimeoutException.class, () -> blocked.get(1, MILLISECONDS));
    gate.open();
    assertTrue(blocked.get(30, SECONDS));
  }

  /** Futures have no numbers, but the list of workers tells them. */
  @Test
  void taskIdsCountFromOne() throws Exception {
    Pool pool = pool(1);
    for (int i = 1; i <= 3; i++) {
      Gate gate = gate();
      Future<Boolean> blocked = block(pool, gate);
      assertEquals("task " + i, pool.workers().get(0).currentTask());
      gate.open();
      blocked.get(30, SECONDS);
    }
  }

  @Test
  void eachPoolHasItsOwnTaskIds() throws Exception {
    Pool second = pool(1);
    run(pool(1), () -> 1);
    block(second, gate());
    assertEquals("task 1", second.workers().get(0).currentTask());
  }

  @Test
  void callbackRunsWhenTheTaskIsDone() throws Exception {
    Gate gate = gate();
    CompletableFuture<Boolean> blocked = (CompletableFuture<Boolean>) block(pool(1), gate);
    CompletableFuture<Boolean> called = new CompletableFuture<>();
    blocked.whenComplete((passed, thrown) -> called.complete(passed));
    assertFalse(called.isDone());
    gate.open();
    assertTrue(called.get(30, SECONDS));
  }

  @Test
  void resultOutlivesThePool() throws Exception {
    Pool pool = pool(1);
    Future<Integer> future = submit(pool, () -> 9);
    pool.close();
    assertEquals(9, future.get());
  }

  @Test
  void getIsInterruptible() throws Exception {
    Future<Boolean> blocked = block(pool(1), gate());
    Thread.currentThread().interrupt();
    assertThrows(InterruptedException.class, blocked::get);
    assertFalse(Thread.interrupted());
  }

  @Test
  void dependentStageRuns() throws Exception {
    assertEquals(8, submit(pool(1), () -> 4).thenApply(n -> 2 * n).get(30, SECONDS));
  }

  // ------------------------------------------------------------------ Cancelling

  @Test
  void cancelOfAPendingTaskReturnsTrue() throws Exception {
    Pool pool = pool(1);
    block(pool, gate());
    assertTrue(submit(pool, () -> 1).cancel(false));
    assertEquals(1, pool.stats().cancelled());
  }

  @Test
  void cancelledPendingTaskNeverRuns() throws Exception {
    Pool pool = pool(1);
    Gate gate = gate();
    Gate ran = gate();
    block(pool, gate);
    SerializableRunnable task = ran::open;
    pool.submit((Runnable) task).cancel(false);
    gate.open();
    assertJoins(pool);
    assertFalse(ran.isOpen());
  }

  @Test
  void cancelledTaskCollectsACancelledError() throws Exception {
    Pool pool = pool(1);
    block(pool, gate());
    Future<Integer> pending = submit(pool, () -> 1);
    pending.cancel(false);
    assertTrue(pending.isCancelled());
    assertThrows(CancellationException.class, pending::get);
  }

  @Test
  void killOfAPendingTaskCancelsIt() throws Exception {
    Pool pool = pool(1);
    block(pool, gate());
    Future<Integer> pending = submit(pool, () -> 1);
    assertTrue(pending.cancel(true));
    assertTrue(pending.isCancelled());
  }

  @Test
  void cancelOfADoneTaskReturnsFalse() throws Exception {
    Future<Integer> done = submit(pool(1), () -> 1);
    done.get(30, SECONDS);
    assertFalse(done.cancel(true));
    assertFalse(done.isCancelled());
  }

  @Test
  void cancelOfARunningTaskCancelsItsFuture() throws Exception {
    Pool pool = pool(1);
    Future<Boolean> blocked = block(pool, gate());
    assertTrue(blocked.cancel(true));
    assertThrows(CancellationException.class, blocked::get);
    // And it ends: the only worker, or another in its place, goes on.
    assertEquals(1, run(pool, () -> 1));
    assertEquals(1, pool.stats().cancelled());
  }

  // ------------------------------------------------------------------ TaskOptions

  @Test
  void taskWithinItsLimitsCompletes() throws Exception {
    TaskOptions options = TaskOptions.DEFAULT.withTimeout(LONG).withQueueDeadline(LONG);
    assertEquals(3, submit(pool(1), options, () -> 3).get(30, SECONDS));
  }

  @Test
  void taskThatMissesItsQueueDeadlineFails() throws Exception {
    Pool pool = pool(1);
    block(pool, gate());
    Throwable thrown = failureOf(submit(pool, TOO_LATE, () -> 1));
    assertInstanceOf(TimeoutException.class, thrown);
    assertContains("queueDeadline", thrown);
  }

  @Test
  void taskThatMissesItsQueueDeadlineNeverRuns() throws Exception {
    Pool pool = pool(1);
    Gate gate = gate();
    Gate ran = gate();
    block(pool, gate);
    SerializableRunnable task = ran::open;
    failureOf(pool.submit(TOO_LATE, (Runnable) task));
    gate.open();
    assertJoins(pool);
    assertFalse(ran.isOpen());
  }

  @Test
  void taskThatOutrunsItsTimeoutFails() {
    Pool pool = pool(1);
    Gate gate = gate();
    Throwable thrown = failureOf(submit(pool, TOO_SHORT, gate::pass));
    assertInstanceOf(TimeoutException.class, thrown);
    assertContains("timeout", thrown);
    assertEquals(1, pool.stats().failed());
  }

  /** The task does not look at the gate any more: it is interrupted, or its worker killed. */
  @Test
  void poolGoesOnAfterATimeout() throws Exception {
    Pool pool = pool(1);
    Gate gate = gate();
    failureOf(submit(pool, TOO_SHORT, gate::pass));
    assertEquals(9, run(pool, () -> 9));
    assertFalse(gate.isOpen());
  }

  @Test
  void timeoutErrorNamesTheTask() {
    Gate gate = gate();
    Future<Boolean> future = submit(pool(1), TOO_SHORT.withName("slow one"), gate::pass);
    assertContains("slow one", failureOf(future));
  }

  @Test
  void postTakesTaskOptions() throws Exception {
    Pool pool = pool(1);
    SerializableRunnable task = () -> {};
    pool.execute(TaskOptions.DEFAULT.withName("posted"), task);
    assertJoins(pool);
    assertEquals(1, pool.stats().completed());
  }

  @Test
  void badTaskOptionIsNamedWithItsValue() {
    Duration negative = Duration.ofSeconds(-1);
    TaskOptions options = TaskOptions.DEFAULT;
    assertContains("timeout is PT-1S", refusal(() -> options.withTimeout(negative)));
    assertContains("queueDeadline is PT-1S", refusal(() -> options.withQueueDeadline(negative)));
    assertContains("maxAttempts is 0", refusal(() -> options.withMaxAttempts(0)));
    assertContains("maxAttempts is -3", refusal(() -> options.withMaxAttempts(-3)));
  }

  private static Throwable refusal(Callable<?> call) {
    return assertThrows(IllegalArgumentException.class, call::call);
  }

  // ------------------------------------------------------------------ Groups of tasks

  private static List<Callable<Integer>> callables(List<SerializableCallable<Integer>> tasks) {
    return new ArrayList<>(tasks);
  }

  @Test
  void invokeAllGivesDoneFuturesInOrder() throws Exception {
    List<Future<Integer>> futures =
        pool(2).invokeAll(callables(List.of(() -> 1, () -> Integer.parseInt("x"), () -> 3)));
    assertEquals(1, futures.get(0).get());
    assertThrows(ExecutionException.class, () -> futures.get(1).get());
    assertEquals(3, futures.get(2).get());
  }

  @Test
  void invokeAllCancelsWhatItsTimeoutLeaves() throws Exception {
    Gate gate = gate();
    List<Future<Integer>> futures =
        pool(1)
            .invokeAll(
                callables(List.of(() -> gate.pass() ? 1 : 0, () -> 2)), 50, MILLISECONDS);
    assertTrue(futures.get(0).isCancelled());
    assertTrue(futures.get(1).isCancelled());
  }

  @Test
  void invokeAnyGivesAResultThatSucceeded() throws Exception {
    assertEquals(
        2, pool(1).invokeAny(callables(List.of(() -> Integer.parseInt("x"), () -> 2))));
  }

  @Test
  void invokeAnyThrowsIfAllFail() {
    Pool pool = pool(1);
    assertThrows(
        ExecutionException.class,
        () -> pool.invokeAny(callables(List.of(() -> Integer.parseInt("x")))));
  }

  @Test
  void invokeAnyTimesOut() {
    Pool pool = pool(1);
    Gate gate = gate();
    assertThrows(
        TimeoutException.class,
        () -> pool.invokeAny(callables(List.of(() -> gate.pass() ? 1 : 0)), 50, MILLISECONDS));
  }

  @Test
  void invokeAnyOfNothingIsRefused() {
    Pool pool = pool(1);
    assertThrows(
        IllegalArgumentException.class, () -> pool.invokeAny(new ArrayList<Callable<Integer>>()));
  }
}

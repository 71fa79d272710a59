package io.asyncpal;

import static io.asyncpal.Eventually.eventually;
import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
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
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What every kind of pool must do, whichever side of the border it does it on. */
@Timeout(120)
abstract class PoolContract {
  private final List<Pool> pools = new ArrayList<>();
  private final List<Gate> gates = new ArrayList<>();

  /** A pool of so many workers named "p". */
  abstract Pool make(int workers);

  /** One whose initializer throws an IllegalStateException("no luck"). */
  abstract Pool makeBroken();

  final Pool pool(int workers) {
    return keep(make(workers));
  }

  final <P extends Pool> P keep(P pool) {
    pools.add(pool);
    return pool;
  }

  final Gate gate() {
    Gate gate = Gate.closed();
    gates.add(gate);
    return gate;
  }

  @AfterEach
  void close() throws Exception {
    for (Gate gate : gates) {
      if (!gate.isOpen()) {
        gate.open();
      }
    }
    for (Pool pool : pools) {
      pool.shutdownNow();
      assertTrue(pool.awaitTermination(30, SECONDS), "terminates: " + pool);
    }
  }

  static <T> CompletableFuture<T> submit(Pool pool, SerializableCallable<T> task) {
    return (CompletableFuture<T>) pool.submit((Callable<T>) task);
  }

  /** Occupies a worker until the gate opens; returns once it runs. */
  static Future<Boolean> block(Pool pool, Gate gate) throws Exception {
    Gate started = Gate.closed();
    Future<Boolean> blocked =
        submit(
            pool,
            () -> {
              started.open();
              return gate.pass();
            });
    assertTrue(started.pass(), "the blocking task starts");
    return blocked;
  }

  // ------------------------------------------------------------------ Tasks

  @Test
  void submitGivesTheResult() throws Exception {
    assertEquals(42, submit(pool(1), () -> 42).get(30, SECONDS));
  }

  @Test
  void taskWithoutResultCompletes() throws Exception {
    SerializableRunnable task = () -> {};
    assertSame(null, pool(1).submit((Runnable) task).get(30, SECONDS));
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
    Throwable thrown =
        assertThrows(ExecutionException.class, () -> future.get(30, SECONDS)).getCause();
    assertInstanceOf(IOException.class, thrown);
    assertEquals("disk", thrown.getMessage());
    assertInstanceOf(IllegalStateException.class, thrown.getCause());
    assertEquals("cause", thrown.getCause().getMessage());
    assertTrue(
        thrown.getStackTrace()[0].getMethodName().contains("futureKeepsWhatTheTaskThrew"),
        "the stack is that of the throw");
  }

  @Test
  void errorIsReportedAndSurvived() throws Exception {
    Pool pool = pool(1);
    Future<Integer> overflow = submit(pool, () -> endless(0));
    Throwable thrown =
        assertThrows(ExecutionException.class, () -> overflow.get(30, SECONDS)).getCause();
    assertInstanceOf(StackOverflowError.class, thrown);
    assertEquals(1, submit(pool, () -> 1).get(30, SECONDS));
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
    Throwable thrown =
        assertThrows(ExecutionException.class, () -> future.get(30, SECONDS)).getCause();
    assertInstanceOf(CancellationException.class, thrown);
    assertFalse(future.isCancelled());
  }

  @Test
  void nullTaskIsRefused() {
    Pool pool = pool(1);
    assertThrows(NullPointerException.class, () -> pool.submit((Callable<Integer>) null));
    assertThrows(NullPointerException.class, () -> pool.submit((Runnable) null));
    assertThrows(NullPointerException.class, () -> pool.execute(null));
    assertEquals(0, pool.stats().submitted());
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

  @Test
  void timedGetTimesOutWhileTheTaskRuns() throws Exception {
    Gate gate = gate();
    Future<Boolean> blocked = block(pool(1), gate);
    assertThrows(TimeoutException.class, () -> blocked.get(1, MILLISECONDS));
    gate.open();
    assertTrue(blocked.get(30, SECONDS));
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
  void cancelledPendingTaskNeverRuns() throws Exception {
    Pool pool = pool(1);
    Gate gate = gate();
    Gate ran = gate();
    Future<Boolean> blocked = block(pool, gate);
    SerializableRunnable task = ran::open;
    Future<?> pending = pool.submit((Runnable) task);
    assertTrue(pending.cancel(false));
    assertTrue(pending.isCancelled());
    assertTrue(pending.isDone());
    assertThrows(CancellationException.class, pending::get);
    gate.open();
    blocked.get(30, SECONDS);
    submit(pool, () -> 1).get(30, SECONDS);
    assertFalse(ran.isOpen());
    assertEquals(1, pool.stats().cancelled());
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
    assertEquals(1, submit(pool, () -> 1).get(30, SECONDS));
    assertEquals(1, pool.stats().cancelled());
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
  void shutdownRunsPendingTasks() throws Exception {
    Pool pool = pool(1);
    Gate gate = gate();
    block(pool, gate);
    Future<Integer> pending = submit(pool, () -> 7);
    pool.shutdown();
    assertTrue(pool.isShutdown());
    assertFalse(pool.isTerminated());
    gate.open();
    assertEquals(7, pending.get(30, SECONDS));
    assertTrue(pool.awaitTermination(30, SECONDS));
    assertTrue(pool.isTerminated());
  }

  @Test
  void everySubmissionToAClosedPoolIsRejected() {
    Pool pool = pool(1);
    pool.shutdown();
    SerializableRunnable task = () -> {};
    assertThrows(RejectedExecutionException.class, () -> submit(pool, () -> 1));
    assertThrows(RejectedExecutionException.class, () -> pool.execute(task));
    assertThrows(RejectedExecutionException.class, pool::check);
    assertThrows(RejectedExecutionException.class, pool::spawnMaxWorkers);
    assertEquals(0, pool.stats().submitted());
  }

  @Test
  void shutdownOfAnUnusedPoolTerminatesIt() throws Exception {
    Pool pool = pool(1);
    pool.shutdown();
    assertTrue(pool.isTerminated());
    assertTrue(pool.awaitTermination(0, SECONDS));
  }

  @Test
  void awaitTerminationReturnsFalseWhenItsTimeoutPasses() throws Exception {
    Pool pool = pool(1);
    block(pool, gate());
    pool.shutdown();
    assertFalse(pool.awaitTermination(1, MILLISECONDS));
  }

  @Test
  void awaitTerminationIsInterruptible() throws Exception {
    Pool pool = pool(1);
    Thread.currentThread().interrupt();
    assertThrows(InterruptedException.class, () -> pool.awaitTermination(30, SECONDS));
  }

  @Test
  void shutdownNowReturnsWhatNeverRanInItsOrder() throws Exception {
    Pool pool = pool(1);
    block(pool, gate());
    List<Future<Integer>> pending = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      int n = i;
      pending.add(submit(pool, () -> n));
    }
    pending.get(2).cancel(false);
    List<Runnable> returned = pool.shutdownNow();
    assertEquals(
        List.of(pending.get(0), pending.get(1), pending.get(3), pending.get(4)), returned);
    assertFalse(pending.get(0).isDone());
    assertTrue(pool.awaitTermination(30, SECONDS));
  }

  @Test
  void returnedTaskRunsOnceMoreByItself() throws Exception {
    Pool pool = pool(1);
    block(pool, gate());
    Future<Integer> pending = submit(pool, () -> 5);
    pool.shutdownNow().forEach(Runnable::run);
    assertEquals(5, pending.get(30, SECONDS));
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

  // ------------------------------------------------------------------ Breaking

  @Test
  void initializerThatThrowsBreaksThePool() throws Exception {
    Pool pool = keep(makeBroken());
    Future<Integer> future = submit(pool, () -> 1);
    Throwable thrown =
        assertThrows(ExecutionException.class, () -> future.get(30, SECONDS)).getCause();
    assertInstanceOf(InitializerException.class, thrown);
    assertInstanceOf(IllegalStateException.class, thrown.getCause());
    assertEquals("no luck", thrown.getCause().getMessage());
    assertTrue(pool.isBroken());
    RejectedExecutionException rejected =
        assertThrows(RejectedExecutionException.class, () -> submit(pool, () -> 1));
    assertInstanceOf(BrokenPoolException.class, rejected.getCause());
  }

  @Test
  void testThrowsWhatTheInitializerThrew() {
    Pool pool = keep(makeBroken());
    InitializerException thrown = assertThrows(InitializerException.class, pool::test);
    assertEquals("no luck", thrown.getCause().getMessage());
    assertFalse(pool.isBroken());
  }

  // ------------------------------------------------------------------ Workers and counts

  @Test
  void freshPoolHasNoWorkers() {
    Pool pool = pool(2);
    assertEquals(0, pool.countWorkers());
    assertEquals(List.of(), pool.workers());
  }

  @Test
  void spawnWorkersStopsAtTheMaximum() {
    Pool pool = pool(2);
    assertEquals(1, pool.spawnWorkers(1));
    assertEquals(1, pool.spawnWorkers(5));
    assertEquals(0, pool.spawnMaxWorkers());
    assertEquals(2, pool.countWorkers());
    assertThrows(IllegalArgumentException.class, () -> pool.spawnWorkers(-1));
  }

  @Test
  void statsCountEachTaskWhereItIs() throws Exception {
    Pool pool = pool(1);
    submit(pool, () -> 1).get(30, SECONDS);
    Future<Integer> failed = submit(pool, () -> Integer.parseInt("x"));
    assertThrows(ExecutionException.class, () -> failed.get(30, SECONDS));
    block(pool, gate());
    Future<Integer> cancelled = submit(pool, () -> 2);
    submit(pool, () -> 3);
    cancelled.cancel(false);
    assertEquals(new PoolStats(1, 1, 0, 5, 1, 1, 1, 1, 1, 0), pool.stats());
    assertEquals(1, pool.countBusyWorkers());
    assertEquals(0, pool.countFreeWorkers());
    assertEquals(1, pool.countPendingTasks());
  }

  @Test
  void finishedTaskIsCountedWhenItsFutureIsDone() throws Exception {
    Pool pool = pool(1);
    for (int i = 1; i <= 200; i++) {
      submit(pool, () -> 1).get(30, SECONDS);
      assertEquals(i, pool.stats().completed());
    }
  }

  @Test
  void workersAreNamedAfterThePool() throws Exception {
    Pool pool = pool(1);
    block(pool, gate());
    WorkerInfo worker = pool.workers().get(0);
    assertEquals("p-worker-1", worker.name());
    assertEquals(1, worker.id());
    assertTrue(worker.busy());
    assertEquals("task 1", worker.currentTask());
    assertTrue(worker.pid() > 0);
  }

  @Test
  void idleWorkersRetireAfterTheTimeout() throws Exception {
    Pool pool = pool(1);
    submit(pool, () -> 1).get(30, SECONDS);
    pool.setIdleTimeout(Duration.ZERO);
    assertEquals(Duration.ZERO, pool.idleTimeout());
    eventually("no worker is left", () -> pool.countWorkers() == 0);
    assertEquals(1, submit(pool, () -> 1).get(30, SECONDS));
    assertThrows(
        IllegalArgumentException.class, () -> pool.setIdleTimeout(Duration.ofNanos(-1)));
  }

  @Test
  void poolTellsItsOptions() {
    Pool pool = pool(3);
    assertEquals("p", pool.name());
    assertEquals(3, pool.maxWorkers());
    assertEquals(Duration.ofSeconds(60), pool.idleTimeout());
  }
}

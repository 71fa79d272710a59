package io.asyncpal;

import static io.asyncpal.Eventually.eventually;
import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.ref.WeakReference;
import java.net.URL;
import java.net.URLClassLoader;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

/** What only a thread pool does. */
class ThreadPoolTest extends PoolContract {
  ThreadPoolTest() {
    super(PoolKinds.THREADS);
  }

  private ThreadPool threads(int workers) {
    return (ThreadPool) pool(workers);
  }

  // ------------------------------------------------------------------ Threads

  @Test
  void workersAreDaemonsNamedAfterThePool() throws Exception {
    Thread worker = threads(1).submit(Thread::currentThread).get(30, SECONDS);
    assertEquals("p-worker-1", worker.getName());
    assertTrue(worker.isDaemon());
  }

  @Test
  void workersHaveTheContextClassLoaderOfThePoolsMaker() throws Exception {
    Thread me = Thread.currentThread();
    ClassLoader before = me.getContextClassLoader();
    try (URLClassLoader mine = new URLClassLoader(new URL[0], before)) {
      me.setContextClassLoader(mine);
      ThreadPool pool = threads(1);
      me.setContextClassLoader(before);
      assertSame(mine, pool.submit(() -> Thread.currentThread().getContextClassLoader()).get());
    } finally {
      me.setContextClassLoader(before);
    }
  }

  @Test
  void endedWorkerIsNoThreadOfTheJvmAnyMore() throws Exception {
    ThreadPool pool = threads(1);
    Thread worker = pool.submit(Thread::currentThread).get(30, SECONDS);
    pool.close();
    worker.join(30_000);
    assertFalse(worker.isAlive());
  }

  @Test
  void hooksRunOnEachWorker() throws Exception {
    List<String> log = java.util.Collections.synchronizedList(new ArrayList<>());
    ThreadPool pool =
        keep(
            ThreadPool.builder()
                .maxWorkers(1)
                .name("h")
                .initializer(() -> log.add("begin " + Thread.currentThread().getName()))
                .finalizer(() -> log.add("end " + Thread.currentThread().getName()))
                .build());
    pool.submit(() -> log.add("task")).get(30, SECONDS);
    pool.close();
    assertEquals(List.of("begin h-worker-1", "task", "end h-worker-1"), log);
  }

  // ------------------------------------------------------------------ Executing

  @Test
  void executedRunnableRuns() throws Exception {
    CountDownLatch ran = new CountDownLatch(1);
    threads(1).execute(ran::countDown);
    assertTrue(ran.await(30, SECONDS));
  }

  @Test
  void whatAnExecutedRunnableThrowsGoesToTheHandler() throws Exception {
    ThreadPool pool = threads(1);
    CompletableFuture<Throwable> uncaught = new CompletableFuture<>();
    Thread worker = pool.submit(Thread::currentThread).get(30, SECONDS);
    worker.setUncaughtExceptionHandler((thread, thrown) -> uncaught.complete(thrown));
    AssertionError error = new AssertionError("x");
    pool.execute(
        () -> {
          throw error;
        });
    assertSame(error, uncaught.get(30, SECONDS));
    assertSame(worker, pool.submit(Thread::currentThread).get(30, SECONDS));
    assertEquals(1, pool.stats().failed());
  }

  @Test
  void shutdownNowReturnsTheExecutedRunnablesThemselves() throws Exception {
    ThreadPool pool = threads(1);
    block(pool, gate());
    Runnable mine = () -> {};
    pool.execute(mine);
    List<Runnable> returned = pool.shutdownNow();
    assertEquals(1, returned.size());
    assertSame(mine, returned.get(0));
  }

  @Test
  void worksWithACompletionService() throws Exception {
    ExecutorCompletionService<Integer> service = new ExecutorCompletionService<>(threads(2));
    for (int i = 0; i < 10; i++) {
      int n = i;
      service.submit(() -> n);
    }
    int sum = 0;
    for (int i = 0; i < 10; i++) {
      sum += service.take().get();
    }
    assertEquals(45, sum);
  }

  // ------------------------------------------------------------------ Interrupts

  @Test
  void cancelInterruptsTheRunningTask() throws Exception {
    ThreadPool pool = threads(1);
    CountDownLatch started = new CountDownLatch(1);
    CountDownLatch interrupted = new CountDownLatch(1);
    Future<?> future =
        pool.submit(
            () -> {
              started.countDown();
              try {
                new CountDownLatch(1).await(30, SECONDS);
              } catch (InterruptedException e) {
                interrupted.countDown();
              }
            });
    assertTrue(started.await(30, SECONDS));
    assertTrue(future.cancel(true));
    assertTrue(interrupted.await(30, SECONDS));
  }

  @Test
  void cancelWithoutInterruptLetsTheTaskRunOn() throws Exception {
    ThreadPool pool = threads(1);
    Gate gate = gate();
    AtomicReference<Boolean> passed = new AtomicReference<>();
    CountDownLatch started = new CountDownLatch(1);
    Future<?> future =
        pool.submit(
            () -> {
              started.countDown();
              passed.set(gate.pass());
              return null;
            });
    assertTrue(started.await(30, SECONDS));
    assertTrue(future.cancel(false));
    gate.open();
    pool.close();
    assertEquals(true, passed.get());
    assertEquals(1, pool.stats().cancelled());
  }

  @Test
  void interruptNeverLeaksIntoTheNextTask() throws Exception {
    ThreadPool pool = threads(1);
    for (int i = 0; i < 2000; i++) {
      Future<?> cancelled = pool.submit(() -> Thread.currentThread().isInterrupted());
      Future<Boolean> next = pool.submit(() -> Thread.currentThread().isInterrupted());
      cancelled.cancel(true);
      assertFalse(next.get(30, SECONDS), "round " + i);
    }
  }

  @Test
  void interruptThatATaskLeavesBehindIsCleared() throws Exception {
    ThreadPool pool = threads(1);
    pool.submit(() -> Thread.currentThread().interrupt()).get(30, SECONDS);
    assertFalse(pool.submit(() -> Thread.currentThread().isInterrupted()).get(30, SECONDS));
  }

  // ------------------------------------------------------------------ Waiting inside a worker

  @Test
  void joinInsideAWorkerIsRefused() {
    ThreadPool pool = threads(1);
    Future<?> future = pool.submit(() -> pool.join(LONG));
    assertInstanceOf(IllegalStateException.class, failureOf(future));
  }

  @Test
  void taskMayWaitForTasksOfItsOwnPool() throws Exception {
    ThreadPool pool = threads(1);
    assertEquals(
        3, pool.submit(() -> pool.submit(() -> pool.submit(() -> 3).get()).get()).get(30, SECONDS));
    assertEquals(3, pool.stats().completed());
  }

  @Test
  void taskMayJoinItsOwnPoolsTasks() throws Exception {
    ThreadPool pool = threads(1);
    assertEquals(4, pool.submit(() -> pool.submit(() -> 4).join()).get(30, SECONDS));
  }

  @Test
  void limitedWaitInsideAWorkerIsStoodInFor() throws Exception {
    ThreadPool pool = threads(1);
    assertEquals(5, pool.submit(() -> pool.submit(() -> 5).get(30, SECONDS)).get(30, SECONDS));
  }

  @Test
  void waitForADependentStageIsStoodInFor() throws Exception {
    ThreadPool pool = threads(1);
    assertEquals(
        7, pool.submit(() -> pool.submit(() -> 6).thenApply(n -> n + 1).get()).get(30, SECONDS));
  }

  @Test
  void invokeAllInsideAWorkerReturns() throws Exception {
    ThreadPool pool = threads(1);
    assertEquals(
        2,
        pool.submit(() -> pool.invokeAll(List.of(() -> 1, () -> 2)).size()).get(30, SECONDS));
    assertEquals(
        3, pool.submit(() -> (int) pool.invokeAny(List.of(() -> 3))).get(30, SECONDS));
  }

  @Test
  void taskThatWaitsForItselfIsToldSo() throws Exception {
    ThreadPool pool = threads(1);
    CompletableFuture<Future<Integer>> self = new CompletableFuture<>();
    Future<Integer> future = pool.submit(() -> self.get().get());
    self.complete(future);
    Throwable thrown =
        assertThrows(ExecutionException.class, () -> future.get(30, SECONDS)).getCause();
    assertInstanceOf(IllegalStateException.class, thrown);
  }

  @Test
  void deepChainOfWaitsEnds() throws Exception {
    ThreadPool pool = threads(2);
    assertEquals(1000, nest(pool, 1000).get(60, SECONDS));
  }

  private static Future<Integer> nest(ThreadPool pool, int depth) {
    return pool.submit(() -> depth == 0 ? 0 : nest(pool, depth - 1).get() + 1);
  }

  @Test
  void interruptReachesTheTaskThatItIsMeantFor() throws Exception {
    ThreadPool pool = threads(1);
    CountDownLatch innerRuns = new CountDownLatch(1);
    CountDownLatch innerMayEnd = new CountDownLatch(1);
    AtomicReference<Boolean> innerWasInterrupted = new AtomicReference<>();
    CompletableFuture<Boolean> outerWasInterrupted = new CompletableFuture<>();
    Future<?> outer =
        pool.submit(
            () -> {
              Future<?> inner =
                  pool.submit(
                      () -> {
                        innerRuns.countDown();
                        while (innerMayEnd.getCount() > 0) {
                          Thread.onSpinWait();
                        }
                        innerWasInterrupted.set(Thread.currentThread().isInterrupted());
                      });
              try {
                inner.get();
                outerWasInterrupted.complete(Thread.currentThread().isInterrupted());
              } catch (InterruptedException | ExecutionException e) {
                outerWasInterrupted.complete(e instanceof InterruptedException);
              }
            });
    assertTrue(innerRuns.await(30, SECONDS));
    assertTrue(outer.cancel(true)); // the outer one is below the inner on the same stack
    innerMayEnd.countDown();
    assertTrue(outerWasInterrupted.get(30, SECONDS));
    assertEquals(false, innerWasInterrupted.get());
  }

  // ------------------------------------------------------------------ Futures

  @Test
  void taskThatOthersCompleteIsWithdrawn() throws Exception {
    ThreadPool pool = threads(1);
    Gate gate = gate();
    block(pool, gate);
    AtomicInteger runs = new AtomicInteger();
    CompletableFuture<Integer> future = pool.submit(runs::incrementAndGet);
    assertTrue(future.complete(9));
    assertEquals(9, future.get());
    assertEquals(0, pool.countPendingTasks());
    gate.open();
    pool.close();
    assertEquals(0, runs.get());
  }

  @Test
  void timeoutOfAFutureKeepsItsTaskFromRunning() throws Exception {
    ThreadPool pool = threads(1);
    block(pool, gate());
    CompletableFuture<Integer> future = pool.submit(() -> 1).orTimeout(10, MILLISECONDS);
    assertThrows(CompletionException.class, future::join);
    eventually("it is withdrawn", () -> pool.countPendingTasks() == 0);
  }

  @Test
  void shutdownInsideATaskDoesNotWaitForIt() throws Exception {
    ThreadPool pool = threads(1);
    pool.submit(pool::shutdown).get(30, SECONDS);
    assertTrue(pool.awaitTermination(30, SECONDS));
    ThreadPool other = threads(1);
    other.submit(other::close).get(30, SECONDS);
    assertTrue(other.awaitTermination(30, SECONDS));
  }

  @Test
  void actionsBeforeSubmissionHappenBeforeTheTask() throws Exception {
    ThreadPool pool = threads(2);
    for (int i = 0; i < 1000; i++) {
      int[] box = new int[2];
      box[0] = i;
      pool.submit(() -> box[1] = box[0] + 1).get();
      assertEquals(i + 1, box[1]);
    }
  }

  // ------------------------------------------------------------------ Memory

  @Test
  void queuedTaskCanNotBeCollected() throws Exception {
    ThreadPool pool = threads(1);
    Gate gate = gate();
    block(pool, gate);
    AtomicInteger ran = new AtomicInteger();
    for (int i = 0; i < 100; i++) {
      pool.execute(ran::incrementAndGet);
    }
    for (int i = 0; i < 3; i++) {
      System.gc();
    }
    gate.open();
    pool.close();
    assertEquals(100, ran.get());
  }

  @Test
  void taskThatIsDoneCanBeCollected() throws Exception {
    ThreadPool pool = threads(1);
    Object big = new Object();
    WeakReference<Object> weak = new WeakReference<>(big);
    Future<Integer> future = submitHolding(pool, big);
    big = null;
    future.get(30, SECONDS);
    eventually(
        "what the task held is gone",
        () -> {
          System.gc();
          return weak.get() == null;
        });
    assertNotNull(future);
  }

  private static Future<Integer> submitHolding(ThreadPool pool, Object held) {
    return pool.submit(held::hashCode);
  }

  @Test
  void forgottenPoolRunsItsTasksAndGoes() throws Exception {
    CountDownLatch ran = new CountDownLatch(10);
    Thread worker = submitAndForget(ran);
    assertTrue(ran.await(30, SECONDS));
    eventually(
        "its worker ends",
        () -> {
          System.gc();
          return !worker.isAlive();
        });
  }

  private static Thread submitAndForget(CountDownLatch ran) throws Exception {
    ThreadPool pool =
        ThreadPool.builder().maxWorkers(1).idleTimeout(Duration.ofDays(1)).build();
    for (int i = 0; i < 10; i++) {
      pool.execute(ran::countDown);
    }
    return pool.submit(Thread::currentThread).get();
  }

  @Test
  void nativeCodeGivesItsReferenceToAPoolUp() throws Exception {
    WeakReference<ThreadPoolHost> host = useAndClose();
    eventually(
        "what native code held can be collected",
        () -> {
          System.gc();
          return host.get() == null;
        });
  }

  private static WeakReference<ThreadPoolHost> useAndClose() throws Exception {
    try (ThreadPool pool = new ThreadPool(1)) {
      CompletableFuture<Integer> future = pool.submit(() -> 1);
      future.get(30, SECONDS);
      return new WeakReference<>(((Task<Integer>) future).host);
    }
  }

  // ------------------------------------------------------------------ Options

  @Test
  void poolsOfExecutorsHaveTheirSize() {
    assertEquals(3, keep(Executors.newFixedThreadPool(3)).maxWorkers());
    assertEquals("ThreadPool", keep(Executors.newCachedThreadPool()).name());
    assertThrows(IllegalArgumentException.class, () -> Executors.newFixedThreadPool(0));
  }

}

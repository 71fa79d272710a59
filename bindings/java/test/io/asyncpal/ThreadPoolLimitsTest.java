package io.asyncpal;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeoutException;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.Test;

/** What TaskOptions mean in a thread pool alone. */
class ThreadPoolLimitsTest extends PoolContract {
  ThreadPoolLimitsTest() {
    super(PoolKinds.THREADS);
  }

  private ThreadPool threads(int workers) {
    return (ThreadPool) pool(workers);
  }

  @Test
  void failureOfAPostedTaskWithOptionsGoesToTheHandler() throws Exception {
    ThreadPool pool = threads(1);
    CompletableFuture<Throwable> uncaught = new CompletableFuture<>();
    Thread worker = pool.submit(Thread::currentThread).get(30, SECONDS);
    worker.setUncaughtExceptionHandler((thread, thrown) -> uncaught.complete(thrown));
    AssertionError error = new AssertionError("x");
    pool.execute(
        TaskOptions.DEFAULT.withName("posted"),
        () -> {
          throw error;
        });
    assertSame(error, uncaught.get(30, SECONDS));
    assertSame(worker, pool.submit(Thread::currentThread).get(30, SECONDS));
  }

  @Test
  void threadLeftInItsInitializerIsAWarningOfTheLogger() throws Exception {
    CompletableFuture<LogRecord> first = new CompletableFuture<>();
    Logger logger = Logger.getLogger("io.asyncpal");
    Handler handler =
        new Handler() {
          @Override
          public void publish(LogRecord record) {
            if (record.getMessage().contains("'left'")) {
              first.complete(record);
            }
          }

          @Override
          public void flush() {}

          @Override
          public void close() {}
        };
    CountDownLatch end = new CountDownLatch(1);
    logger.addHandler(handler);
    try (ThreadPool pool =
        ThreadPool.builder()
            .name("left")
            .maxWorkers(1)
            .initializer(() -> awaitUninterruptibly(end))
            .initializerTimeout(Duration.ofMillis(50))
            .build()) {
      pool.submit(() -> 1);
      LogRecord record = first.get(30, SECONDS);
      assertEquals(Level.WARNING, record.getLevel());
      String message = record.getMessage();
      assertTrue(message.startsWith("pool 'left': the initializer in left-worker-1"), message);
      assertTrue(message.endsWith("its thread is left behind"), message);
    } finally {
      logger.removeHandler(handler);
      end.countDown();
    }
  }

  private static void awaitUninterruptibly(CountDownLatch latch) {
    while (true) {
      try {
        latch.await();
        return;
      } catch (InterruptedException e) {
        // Of the shutdown.
      }
    }
  }

  @Test
  void timeoutInterruptsTheTask() throws Exception {
    ThreadPool pool = threads(1);
    Gate gate = gate();
    CountDownLatch interrupted = new CountDownLatch(1);
    CountDownLatch started = new CountDownLatch(1);
    Future<?> future =
        pool.submit(
            TaskOptions.DEFAULT.withTimeout(Duration.ofMillis(200)),
            () -> {
              started.countDown();
              try {
                return gate.pass();
              } catch (InterruptedException e) {
                interrupted.countDown();
                throw e;
              }
            });
    assertInstanceOf(TimeoutException.class, failureOf(future));
    // It need not have come to its start, on a slow machine.
    if (started.getCount() == 0) {
      assertTrue(interrupted.await(30, SECONDS));
    }
    assertFalse(pool.submit(() -> Thread.currentThread().isInterrupted()).get(30, SECONDS));
    assertEquals(1, pool.stats().failed());
  }

  /** Workers are asked for by native tasks of their own, which are not counted among these. */
  @Test
  void messageCallsATaskByItsNumberAmongTheTasks() throws Exception {
    ThreadPool pool = threads(2);
    TaskOptions options = TaskOptions.DEFAULT.withTimeout(Duration.ofMillis(1));
    Gate gate = gate();
    for (int number = 1; number <= 30; number++) {
      if (number % 10 != 0) {
        pool.submit(() -> 1).get(30, SECONDS);
      } else {
        Throwable thrown = failureOf(pool.submit(options, () -> gate.pass()));
        String message = thrown.getMessage();
        assertTrue(message.startsWith("task " + number + " ran longer than"), message);
      }
    }
  }

  @Test
  void taskThatIgnoresItsTimeoutKeepsItsWorkerButNotItsFuture() throws Exception {
    ThreadPool pool = threads(1);
    CountDownLatch started = new CountDownLatch(1);
    CountDownLatch mayEnd = new CountDownLatch(1);
    Future<Integer> future =
        pool.submit(
            TaskOptions.DEFAULT.withTimeout(Duration.ofMillis(200)),
            () -> {
              started.countDown();
              while (mayEnd.getCount() > 0) {
                Thread.onSpinWait();
              }
              return 1;
            });
    assertInstanceOf(TimeoutException.class, failureOf(future));
    assertEquals(started.getCount() == 0 ? 1 : 0, pool.countBusyWorkers());
    mayEnd.countDown();
    pool.submit(() -> 1).get(30, SECONDS);
    assertEquals(1, pool.stats().failed());
    assertEquals(1, pool.stats().completed());
  }

  @Test
  void limitsOfManyTasksMeetTheirEnds() throws Exception {
    ThreadPool pool = threads(2);
    List<Future<Integer>> futures = new ArrayList<>();
    for (int i = 0; i < 2000; i++) {
      int n = i;
      TaskOptions options = TaskOptions.DEFAULT.withTimeout(Duration.ofNanos(20_000L + 10 * n));
      futures.add(pool.submit(options, () -> n));
    }
    long completed = 0;
    for (int i = 0; i < 2000; i++) {
      try {
        assertEquals(i, futures.get(i).get(30, SECONDS));
        completed++;
      } catch (ExecutionException e) {
        assertInstanceOf(TimeoutException.class, e.getCause());
      }
    }
    assertJoins(pool);
    assertEquals(completed, pool.stats().completed());
    assertEquals(2000 - completed, pool.stats().failed());
  }
}

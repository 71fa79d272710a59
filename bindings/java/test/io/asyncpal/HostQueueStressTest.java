package io.asyncpal;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** Many threads submit, cancel, wait and shut down at once: each task ends, and is counted once. */
class HostQueueStressTest extends PoolContract {
  private static final TaskOptions LIMITED =
      TaskOptions.DEFAULT
          .withTimeout(Duration.ofMinutes(5))
          .withQueueDeadline(Duration.ofMinutes(5));

  HostQueueStressTest() {
    super(PoolKinds.THREADS);
  }

  private static void assertAddsUp(Pool pool) {
    PoolStats stats = pool.stats();
    String text = stats.toString();
    assertEquals(
        stats.submitted(),
        stats.pending()
            + stats.running()
            + stats.completed()
            + stats.failed()
            + stats.cancelled(),
        text);
    assertEquals(stats.workers(), stats.busy() + stats.idle(), text);
    assertTrue(stats.pending() >= 0 && stats.running() >= 0 && stats.idle() >= 0, text);
  }

  @Test
  void everyFutureEndsWhateverIsDoneToIt() throws Exception {
    for (int seed = 0; seed < 20; seed++) {
      Pool pool = pool(1 + seed % 4);
      List<Thread> threads = new ArrayList<>();
      List<Throwable> failures = Collections.synchronizedList(new ArrayList<>());
      AtomicLong submitted = new AtomicLong();
      for (int t = 0; t < 3; t++) {
        Random random = new Random(seed * 100L + t);
        Thread thread =
            new Thread(
                () -> {
                  try {
                    submitted.addAndGet(submitAndCancel(pool, random));
                  } catch (Throwable e) {
                    failures.add(e);
                  }
                });
        thread.start();
        threads.add(thread);
      }
      while (threads.stream().anyMatch(Thread::isAlive)) {
        assertAddsUp(pool);
        Thread.yield();
      }
      assertEquals(List.of(), failures);
      assertTrue(pool.join(Duration.ofSeconds(120)));
      PoolStats stats = pool.stats();
      assertEquals(submitted.get(), stats.submitted());
      assertEquals(0, stats.pending() + stats.running());
      assertAddsUp(pool);
      assertEquals(0, stats.workers());
    }
  }

  private static long submitAndCancel(Pool pool, Random random) throws Exception {
    List<Future<?>> futures = new ArrayList<>();
    AtomicInteger posted = new AtomicInteger();
    AtomicLong inner = new AtomicLong();
    int posts = 0;
    for (int i = 0; i < 1000; i++) {
      switch (random.nextInt(5)) {
        case 0 -> {
          pool.execute(posted::incrementAndGet);
          posts++;
        }
        case 1 -> futures.add(pool.submit(LIMITED, () -> 1));
        case 2 -> { // one that waits for another of the same pool
          boolean needsStandIn = random.nextInt(10) == 0; // of which there are 256
          futures.add(
              pool.submit(
                  () -> {
                    inner.incrementAndGet();
                    Future<Integer> other = pool.submit(() -> 1);
                    return needsStandIn ? other.get(120, SECONDS) : other.get();
                  }));
        }
        default -> futures.add(pool.submit(() -> 1));
      }
      if (random.nextInt(4) == 0 && !futures.isEmpty()) {
        futures.get(random.nextInt(futures.size())).cancel(random.nextBoolean());
      }
    }
    for (Future<?> future : futures) {
      if (!future.isCancelled()) {
        try {
          future.get(120, SECONDS);
        } catch (CancellationException e) {
          // by a moment
        }
      }
    }
    // What was cancelled while it ran may have submitted another.
    assertTrue(pool.join(Duration.ofSeconds(120)));
    assertEquals(posts, posted.get());
    return 1000 + inner.get();
  }

  // The first task looked like one more while its worker looked for a successor.
  @Test
  void oneTaskStartsOneWorker() throws Exception {
    for (int round = 0; round < 50; round++) {
      Pool pool = pool(4);
      block(pool, gate());
      assertEquals(1, pool.stats().workers());
    }
  }

  @Test
  void tasksWithOptionsKeepTheirPlace() throws Exception {
    for (int round = 0; round < 20; round++) {
      Random random = new Random(round);
      Pool pool = pool(1);
      Gate gate = gate();
      block(pool, gate);
      List<Integer> order = Collections.synchronizedList(new ArrayList<>());
      List<Integer> expected = new ArrayList<>();
      for (int i = 0; i < 100; i++) {
        int n = i;
        expected.add(n);
        switch (random.nextInt(4)) {
          case 0 -> pool.submit(LIMITED, () -> order.add(n));
          case 1 -> pool.execute(() -> order.add(n));
          default -> pool.submit(() -> order.add(n));
        }
      }
      gate.open();
      assertTrue(pool.join(Duration.ofSeconds(60)));
      assertEquals(expected, order);
    }
  }

  @Test
  void aPoolThatBreaksBesideABusyWorkerFailsWhatIsPending() throws Exception {
    AtomicInteger begun = new AtomicInteger();
    ThreadPool pool =
        keep(
            ThreadPool.builder()
                .maxWorkers(2)
                .initializer(
                    () -> {
                      if (begun.incrementAndGet() > 1) {
                        throw new IllegalStateException("only one");
                      }
                    })
                .build());
    Gate gate = gate();
    Future<Boolean> running = block(pool, gate);
    List<Future<?>> futures = new ArrayList<>();
    try {
      for (int i = 0; i < 10; i++) {
        futures.add(pool.submit(() -> 1));
      }
    } catch (RejectedExecutionException e) {
      // by now
    }
    assertTrue(futures.size() > 0);
    for (Future<?> future : futures) {
      assertInstanceOf(InitializerException.class, failureOf(future));
    }
    assertThrows(RejectedExecutionException.class, () -> pool.submit(() -> 1));
    gate.open();
    assertTrue(running.get(30, SECONDS));
    assertEquals(0, pool.stats().pending());
    assertAddsUp(pool);
  }

  @Test
  void aShutdownAtAnyMomentLosesNoTask() throws Exception {
    for (int seed = 0; seed < 150; seed++) {
      ThreadPool pool = (ThreadPool) pool(1 + seed % 3);
      CountDownLatch started = new CountDownLatch(2);
      AtomicInteger accepted = new AtomicInteger();
      AtomicInteger ran = new AtomicInteger();
      List<CompletableFuture<?>> futures = Collections.synchronizedList(new ArrayList<>());
      List<Thread> threads = new ArrayList<>();
      for (int t = 0; t < 2; t++) {
        Random random = new Random(seed * 100L + t);
        Thread thread =
            new Thread(
                () -> {
                  started.countDown();
                  try {
                    for (int i = 0; i < 20_000; i++) {
                      if (random.nextInt(20) == 0) {
                        futures.add(pool.submit(LIMITED, ran::incrementAndGet));
                      } else if (random.nextBoolean()) {
                        futures.add(pool.submit(() -> ran.incrementAndGet()));
                      } else {
                        pool.execute(ran::incrementAndGet);
                      }
                      accepted.incrementAndGet();
                    }
                  } catch (RejectedExecutionException e) {
                    // by now
                  }
                });
        thread.start();
        threads.add(thread);
      }
      started.await();
      for (int i = new Random(seed).nextInt(200_000); i > 0; i--) {
        Thread.onSpinWait();
      }
      int returned = 0;
      if (seed % 2 == 0) {
        pool.shutdown();
      } else {
        returned = pool.shutdownNow().size();
      }
      for (Thread thread : threads) {
        thread.join(120_000);
      }
      assertTrue(pool.awaitTermination(120, SECONDS), "seed " + seed);
      assertEquals(accepted.get(), ran.get() + returned, "seed " + seed);
      assertEquals(accepted.get(), pool.stats().submitted(), "seed " + seed);
      assertEquals(returned, pool.stats().cancelled(), "seed " + seed);
      assertAddsUp(pool);
      if (returned == 0) {
        assertTrue(futures.stream().allMatch(CompletableFuture::isDone), "seed " + seed);
      }
    }
  }
}

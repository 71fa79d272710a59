package user;

import io.asyncpal.PoolStats;
import io.asyncpal.ThreadPool;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionService;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.regex.Pattern;

/** Tasks that wait for others of their own pool, in each way that there is. */
public final class WaitUser {
  private static final long LIMIT_SECONDS = 60;

  private WaitUser() {}

  /** How a task may wait for two others. */
  private enum Form {
    GET {
      @Override
      int sum(ThreadPool pool) throws Exception {
        Future<Integer> one = pool.submit(() -> 1);
        Future<Integer> two = pool.submit(() -> 2);
        return one.get() + two.get();
      }
    },
    TIMED_GET {
      @Override
      int sum(ThreadPool pool) throws Exception {
        Future<Integer> one = pool.submit(() -> 1);
        Future<Integer> two = pool.submit(() -> 2);
        return one.get(1, TimeUnit.HOURS) + two.get(1, TimeUnit.HOURS);
      }
    },
    JOIN {
      @Override
      int sum(ThreadPool pool) {
        return pool.submit(() -> 1).thenCombine(pool.submit(() -> 2), Integer::sum).join();
      }
    },
    INVOKE_ALL {
      @Override
      int sum(ThreadPool pool) throws Exception {
        int sum = 0;
        for (Future<Integer> part : pool.invokeAll(ONE_AND_TWO)) {
          sum += part.get();
        }
        return sum;
      }
    },
    INVOKE_ANY {
      @Override
      int sum(ThreadPool pool) throws Exception {
        return pool.invokeAny(List.of(() -> 3, () -> 3));
      }
    },
    ALL_OF {
      @Override
      int sum(ThreadPool pool) {
        CompletableFuture<Integer> one = pool.submit(() -> 1);
        CompletableFuture<Integer> two = pool.submit(() -> 2);
        CompletableFuture.allOf(one, two).join();
        return one.join() + two.join();
      }
    },
    ANY_OF {
      @Override
      int sum(ThreadPool pool) {
        CompletableFuture<Integer> one = pool.submit(() -> 3);
        CompletableFuture<Integer> two = pool.submit(() -> 3);
        return (Integer) CompletableFuture.anyOf(one, two).join();
      }
    },
    COMPLETION_SERVICE {
      @Override
      int sum(ThreadPool pool) throws Exception {
        CompletionService<Integer> service = new ExecutorCompletionService<>(pool);
        ONE_AND_TWO.forEach(service::submit);
        return service.take().get() + service.take().get();
      }
    },
    SUPPLY_ASYNC {
      @Override
      int sum(ThreadPool pool) {
        return CompletableFuture.supplyAsync(() -> 1, pool).join()
            + CompletableFuture.supplyAsync(() -> 2, pool).orTimeout(1, TimeUnit.HOURS).join();
      }
    },
    TIMED_ALL_OF {
      @Override
      int sum(ThreadPool pool) throws Exception {
        CompletableFuture<Integer> one = pool.submit(() -> 1);
        CompletableFuture<Integer> two = pool.submit(() -> 2);
        CompletableFuture.allOf(one, two).get(1, TimeUnit.HOURS);
        return one.join() + two.join();
      }
    },
    FUTURE_TASK {
      @Override
      int sum(ThreadPool pool) throws Exception {
        FutureTask<Integer> one = new FutureTask<>(() -> 1);
        FutureTask<Integer> two = new FutureTask<>(() -> 2);
        pool.execute(one);
        pool.execute(two);
        return one.get() + two.get();
      }
    };

    private static final List<Callable<Integer>> ONE_AND_TWO = List.of(() -> 1, () -> 2);

    abstract int sum(ThreadPool pool) throws Exception;
  }

  public static void main(String[] args) throws Exception {
    for (Form form : Form.values()) {
      inAPoolOf(1, form);
      inAPoolOf(3, form);
    }
    waitBesideAnotherWait();
    deepWaits();
    reportsAWaitThatItDoesNotKnow();
    // What nothing waits for is not looked at: the thread that looks ends.
    expectSoon(() -> !isThere("asyncpal-watch"), "nobody looks at pools with nothing pending");
  }

  private static void inAPoolOf(int workers, Form form) throws Exception {
    try (ThreadPool pool = ThreadPool.builder().name("p").maxWorkers(workers).build()) {
      List<Future<Integer>> sums = new ArrayList<>();
      for (int i = 0; i < workers; i++) {
        sums.add(pool.submit(() -> form.sum(pool)));
      }
      for (Future<Integer> sum : sums) {
        expect(form + " in a pool of " + workers, 3, sum.get(LIMIT_SECONDS, TimeUnit.SECONDS));
      }
      // Those that stood in go again.
      expectSoon(() -> pool.countWorkers() <= workers, "no more than " + workers + ": " + pool);
    }
  }

  /** One of two workers waits for a task, the other for a latch that a task is to open. */
  private static void waitBesideAnotherWait() throws Exception {
    try (ThreadPool pool = new ThreadPool(2)) {
      CountDownLatch latch = new CountDownLatch(1);
      CountDownLatch started = new CountDownLatch(1);
      Future<Boolean> first =
          pool.submit(
              () -> {
                started.countDown();
                return latch.await(LIMIT_SECONDS, TimeUnit.DAYS);
              });
      started.await();
      CountDownLatch second = new CountDownLatch(1);
      pool.execute(() -> awaitForEver(second));
      Future<Integer> sum = pool.submit(() -> 3);
      // Both are blocked otherwise: nobody stands in, and the application goes on by itself.
      expectSoon(() -> pool.countPendingTasks() == 1, "one is pending");
      second.countDown();
      expect("after the latch", 3, sum.get(LIMIT_SECONDS, TimeUnit.SECONDS));
      Future<Integer> nested = pool.submit(() -> Form.ALL_OF.sum(pool));
      expect("beside a latch", 3, nested.get(LIMIT_SECONDS, TimeUnit.SECONDS));
      latch.countDown();
      expect("the latch", true, first.get());
    }
  }

  /** Each task waits for the next one, further than there are workers. */
  private static void deepWaits() throws Exception {
    try (ThreadPool pool = new ThreadPool(1)) {
      Future<Integer> deep = pool.submit(() -> descend(pool, 10));
      expect("deep", 10, deep.get(LIMIT_SECONDS, TimeUnit.SECONDS));
    }
  }

  private static int descend(ThreadPool pool, int depth) {
    return depth == 0
        ? 0
        : 1 + CompletableFuture.supplyAsync(() -> descend(pool, depth - 1), pool).join();
  }

  private static void reportsAWaitThatItDoesNotKnow() throws Exception {
    List<String> reports = Collections.synchronizedList(new ArrayList<>());
    Logger logger = Logger.getLogger("io.asyncpal");
    logger.setUseParentHandlers(false);
    try (ThreadPool pool = ThreadPool.builder().name("stuck").maxWorkers(1).build()) {
      // Here the task waits until the stall is counted. Were that before the report, the report
      // could find it elsewhere.
      logger.addHandler(
          handler(record -> reports.add(pool.stats().stalls() + ": " + record.getMessage())));
      for (int i = 1; i <= 2; i++) {
        CountDownLatch latch = new CountDownLatch(1);
        pool.execute(() -> awaitForEver(latch));
        Future<Integer> pending = pool.submit(() -> 7);
        int stalls = i;
        expectSoon(() -> pool.stats().stalls() == stalls, "counts stall " + i);
        expect("pending", false, pending.isDone());
        latch.countDown();
        expect("goes on", 7, pending.get(LIMIT_SECONDS, TimeUnit.SECONDS));
      }
      PoolStats stats = pool.stats();
      expect("all is done", 4L, stats.completed());
    }
    expect("one report", 1, reports.size());
    String report = reports.get(0);
    for (String part :
        List.of(
            "0: pool 'stuck'",
            "all 1 worker\\(s\\) are blocked",
            "1 task\\(s\\) are pending",
            "'task 1' in stuck-worker-1, running for [1-9][0-9]{3,} ms",
            "waits for java.util.concurrent.CountDownLatch",
            " at user.WaitUser.awaitForEver\\(WaitUser.java:")) {
      expect(part + " is in " + report, true, Pattern.compile(part).matcher(report).find());
    }
  }

  private static Handler handler(Consumer<LogRecord> consumer) {
    return new Handler() {
      @Override
      public synchronized void publish(LogRecord record) {
        consumer.accept(record);
      }

      @Override
      public void flush() {}

      @Override
      public void close() {}
    };
  }

  private static void awaitForEver(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static boolean isThere(String thread) {
    return Thread.getAllStackTraces().keySet().stream().anyMatch(t -> t.getName().equals(thread));
  }

  private static void expectSoon(Callable<Boolean> condition, String claim) throws Exception {
    long start = System.nanoTime();
    while (!condition.call()) {
      if (System.nanoTime() - start > Duration.ofSeconds(LIMIT_SECONDS).toNanos()) {
        throw new AssertionError("not in time: " + claim);
      }
      LockSupport.parkNanos(1_000_000);
    }
  }

  private static void expect(String claim, Object expected, Object actual) {
    if (!expected.equals(actual)) {
      throw new AssertionError(claim + ": expected " + expected + ", but was " + actual);
    }
  }
}

package user;

import static java.util.concurrent.TimeUnit.HOURS;
import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static java.util.concurrent.TimeUnit.SECONDS;

import io.asyncpal.AtShutdown;
import io.asyncpal.Cadence;
import io.asyncpal.ExecutionFence;
import io.asyncpal.Executors;
import io.asyncpal.KeyedPool;
import io.asyncpal.MapOptions;
import io.asyncpal.Periodic;
import io.asyncpal.PeriodicOptions;
import io.asyncpal.Pool;
import io.asyncpal.PoolView;
import io.asyncpal.ProcessPool;
import io.asyncpal.RetryPolicy;
import io.asyncpal.SerializableCallable;
import io.asyncpal.SerializableFunction;
import io.asyncpal.SerializableRunnable;
import io.asyncpal.Settled;
import io.asyncpal.TaskContext;
import io.asyncpal.TaskOptions;
import io.asyncpal.TaskPriority;
import io.asyncpal.ThreadPool;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;

/** Time, order and priority: all that a program may ask of both kinds of pools. */
public final class TimeUser {
  private static final long LIMIT = 120; // s
  private static final TaskOptions PLAIN = TaskOptions.DEFAULT;

  private TimeUser() {}

  public static void main(String[] args) throws Exception {
    try (ThreadPool threads = ThreadPool.builder().maxWorkers(1).build();
        ProcessPool processes = ProcessPool.builder().maxWorkers(1).build()) {
      for (Pool pool : List.of(threads, processes)) {
        later(pool);
        again(pool);
        retries(pool);
        priorities(pool);
        views(pool);
        maps(pool);
        sizes(pool);
        refusals(pool);
      }
    }
    executors();
    shutdowns();
  }

  private static void later(Pool pool) throws Exception {
    ScheduledExecutorService scheduled = pool;
    Callable<Integer> seven = (SerializableCallable<Integer>) () -> 7;
    ScheduledFuture<Integer> soon = scheduled.schedule(seven, 2, MILLISECONDS);
    ScheduledFuture<Integer> never = scheduled.schedule(seven, Long.MAX_VALUE, HOURS);
    expect(7, soon.get(LIMIT, SECONDS));
    expect(true, never.getDelay(HOURS) > 24 * 365 * 100L);
    expect(1, pool.countDelayed());
    expect(1L, pool.stats().delayed());
    expect(true, never.cancel(false));
    expect(0, pool.countDelayed());

    Runnable nothing = (SerializableRunnable) () -> {};
    ScheduledFuture<?> rate = scheduled.scheduleAtFixedRate(nothing, 0, 1, MILLISECONDS);
    ScheduledFuture<?> delay = scheduled.scheduleWithFixedDelay(nothing, 0, 1, MILLISECONDS);
    long before = pool.stats().completed();
    await(() -> pool.stats().completed() > before + 10);
    expect(true, rate.cancel(false));
    expect(true, delay.cancel(true));

    Runnable bad = (SerializableRunnable) () -> Integer.parseInt("no number");
    ScheduledFuture<?> fails = scheduled.scheduleAtFixedRate(bad, 0, 1, MILLISECONDS);
    expect(NumberFormatException.class, failureOf(fails).getClass());

    pool.setRemoveOnCancelPolicy(true);
    expect(true, pool.getRemoveOnCancelPolicy());
    expect(true, pool.getExecuteExistingDelayedTasksAfterShutdownPolicy());
    expect(false, pool.getContinueExistingPeriodicTasksAfterShutdownPolicy());
  }

  private static void again(Pool pool) throws Exception {
    SerializableRunnable nothing = () -> {};
    PeriodicOptions thrice =
        PeriodicOptions.DEFAULT.withMaxRuns(3).withCadence(Cadence.FIXED_DELAY);
    Periodic three = every(pool, Duration.ofMillis(1), thrice, nothing);
    three.done().get(LIMIT, SECONDS);
    expect(3L, three.stats().runs());

    PeriodicOptions hourly = PeriodicOptions.DEFAULT.withInitialDelay(Duration.ofHours(1));
    Periodic later = every(pool, Duration.ofHours(1), hourly, nothing);
    expect(true, later.trigger());
    await(() -> later.stats().runs() == 1);
    later.setPeriod(Duration.ofHours(2));
    expect(true, later.cancel());
    await(() -> later.done().isDone());

    PeriodicOptions strict =
        PeriodicOptions.DEFAULT.withOnError(PeriodicOptions.OnError.STOP);
    Periodic fails =
        every(pool, Duration.ofMillis(1), strict, () -> Integer.parseInt("no number"));
    expect(NumberFormatException.class, failureOf(fails.done()).getClass());
    expect(1L, fails.stats().failed());
  }

  private static Periodic every(
      Pool pool, Duration period, PeriodicOptions options, SerializableRunnable task) {
    return pool.every(period, options, task);
  }

  private static int failTwice() {
    int attempt = TaskContext.current().orElseThrow().attempt();
    if (attempt < 3) {
      throw new IllegalStateException("attempt " + attempt);
    }
    return attempt;
  }

  private static void retries(Pool pool) throws Exception {
    RetryPolicy quickly =
        RetryPolicy.DEFAULT.withBackoff(Duration.ofMillis(1), 1, Duration.ofMillis(1));
    SerializableCallable<Integer> third = TimeUser::failTwice;
    long before = pool.stats().retried();
    expect(3, pool.submit(PLAIN.withRetry(quickly), third).get(LIMIT, SECONDS));
    expect(3, pool.serial().submit(PLAIN.withRetry(quickly), third).get(LIMIT, SECONDS));
    expect(before + 4, pool.stats().retried());
    TaskOptions once =
        PLAIN.withRetry(quickly.withRetryIf(e -> !(e instanceof IllegalStateException)));
    expect("attempt 1", failureOf(pool.submit(once, third)).getMessage());
  }

  private static void priorities(Pool pool) throws Exception {
    List<Future<Long>> times = new ArrayList<>();
    try (ExecutionFence fence = pool.pause()) {
      expect(true, fence.awaitQuiet(Duration.ofSeconds(LIMIT)));
      SerializableCallable<Long> now = System::nanoTime; // one clock for all processes
      for (TaskPriority priority : TaskPriority.values()) { // the lowest first
        times.add(pool.submit(PLAIN.withPriority(priority), now));
      }
      expect(true, pool.isPaused());
      expect(5L, pool.stats().pending());
    }
    for (int i = 1; i < times.size(); i++) {
      long higher = times.get(i).get(LIMIT, SECONDS);
      expect(true, higher - times.get(i - 1).get(LIMIT, SECONDS) < 0);
    }
  }

  private static void views(Pool pool) throws Exception {
    ExecutorService log = pool.serial("log");
    SerializableCallable<Integer> one = () -> 1;
    expect(1, log.submit(one).get(LIMIT, SECONDS));
    expect(2, log.invokeAll(List.of(one, one)).size());
    PoolView disk = pool.limited(2, "disk");
    expect(List.of(1, 4, 9), disk.mapAll(n -> n * n, List.of(1, 2, 3)).toList());
    expect(2, disk.limit());
    KeyedPool<String> accounts = pool.keyed();
    CompletableFuture<Integer> ada = accounts.submit("Ada", () -> 7);
    expect(7, ada.get(LIMIT, SECONDS));
    expect(List.of(2, 3), accounts.key("Ada").map(n -> n + 1, List.of(1, 2)).toList());
    log.shutdown();
    expect(true, log.awaitTermination(LIMIT, SECONDS));
    try {
      log.submit(one);
      throw new AssertionError("a view that was shut down takes tasks");
    } catch (RejectedExecutionException e) {
      expect(true, e.getMessage().contains("view 'log'"));
    }
    expect(1, pool.submit(one).get(LIMIT, SECONDS)); // the pool goes on
  }

  private static void maps(Pool pool) {
    List<Integer> numbers = IntStream.range(0, 500).boxed().toList();
    MapOptions automatic = MapOptions.DEFAULT.withChunkSize(0);
    expect(numbers, pool.mapAll(automatic, n -> n, numbers).toList());
    SerializableFunction<Integer, Integer> inverse = n -> 100 / n;
    List<Settled<Integer>> settled =
        pool.mapSettled(automatic, inverse, List.of(1, 0, 4)).toList();
    expect(List.of(true, false, true), settled.stream().map(Settled::ok).toList());
    expect(ArithmeticException.class, settled.get(1).exception().getClass());
    expect(25, settled.get(2).value());
  }

  private static void sizes(Pool pool) {
    pool.setMaxWorkers(3);
    pool.setMinWorkers(2);
    await(() -> pool.stats().workers() >= 2);
    expect(3, pool.maxWorkers());
    expect(2, pool.minWorkers());
    pool.setMinWorkers(0);
    pool.setMaxWorkers(1);
  }

  /** Each names the field and the value, and nothing starts. */
  private static void refusals(Pool pool) {
    long before = pool.stats().submitted();
    Duration second = Duration.ofSeconds(1);
    SerializableRunnable nothing = () -> {};
    refused("period is 0", () -> pool.scheduleAtFixedRate(nothing, 0, 0, SECONDS));
    refused("delay is -1", () -> pool.scheduleWithFixedDelay(nothing, 0, -1, SECONDS));
    refused("period is PT0S", () -> pool.every(Duration.ZERO, nothing));
    refused("jitter is 1.0", () -> PeriodicOptions.DEFAULT.withJitter(1));
    refused("maxRuns is -1", () -> PeriodicOptions.DEFAULT.withMaxRuns(-1));
    refused("maxAttempts is 0", () -> RetryPolicy.DEFAULT.withMaxAttempts(0));
    refused("jitter is -0.1", () -> RetryPolicy.DEFAULT.withJitter(-0.1));
    refused(
        "multiplier is 0.5", () -> RetryPolicy.DEFAULT.withBackoff(second, 0.5, second));
    refused("n is 0", () -> pool.limited(0));
    refused("maxWorkers is 0", () -> pool.setMaxWorkers(0));
    refused("minWorkers is -1", () -> pool.setMinWorkers(-1));
    refused("minWorkers is 2, more than maxWorkers, 1", () -> pool.setMinWorkers(2));
    refused("chunkSize is -1", () -> MapOptions.DEFAULT.withChunkSize(-1));
    refused(
        "priorityStep is PT0S",
        () -> ThreadPool.builder().priorityStep(Duration.ZERO).build().close());
    refused(
        "minWorkers is 3", () -> ProcessPool.builder().maxWorkers(2).minWorkers(3).build().close());
    expect(before, pool.stats().submitted());
  }

  private static void executors() throws Exception {
    try (ThreadPool two = Executors.newScheduledThreadPool(2);
        ThreadPool one = Executors.newSingleThreadScheduledExecutor()) {
      expect(2, two.maxWorkers());
      expect(1, two.schedule(() -> 1, 1, MILLISECONDS).get(LIMIT, SECONDS));
      expect(1, one.maxWorkers());
      refused("maxWorkers is 2", () -> one.setMaxWorkers(2));
    }
  }

  private static void shutdowns() throws Exception {
    SerializableCallable<Integer> one = () -> 1;
    for (Pool pool : List.of(new ThreadPool(1), new ProcessPool(1))) {
      pool.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
      ScheduledFuture<Integer> delayed = pool.schedule((Callable<Integer>) one, 1, HOURS);
      ExecutionFence fence = pool.pause();
      Future<Integer> optional = pool.submit(PLAIN.withAtShutdown(AtShutdown.SKIP), one);
      Future<Integer> plain = pool.submit(PLAIN, one);
      pool.shutdown(); // ends the pause
      expect(1, plain.get(LIMIT, SECONDS));
      expect(true, pool.awaitTermination(LIMIT, SECONDS));
      expect(true, isCancelled(optional));
      expect(true, isCancelled(delayed));
      fence.close();
    }
    ThreadPool pool = new ThreadPool(1);
    pool.pause();
    Future<Integer> must = pool.submit(PLAIN.withAtShutdown(AtShutdown.FINISH), one);
    Future<Integer> plain = pool.submit(PLAIN, one);
    expect(List.of(plain), pool.shutdownNow());
    expect(1, must.get(LIMIT, SECONDS));
    expect(true, pool.awaitTermination(LIMIT, SECONDS));
  }

  private static boolean isCancelled(Future<?> future) throws Exception {
    try {
      future.get(LIMIT, SECONDS);
      return false;
    } catch (CancellationException e) {
      return true;
    }
  }

  private static Throwable failureOf(Future<?> future) throws Exception {
    try {
      future.get(LIMIT, SECONDS);
    } catch (ExecutionException e) {
      return e.getCause();
    }
    throw new AssertionError("it has not failed");
  }

  private static void refused(String what, Runnable call) {
    try {
      call.run();
    } catch (IllegalArgumentException e) {
      if (e.getMessage().contains(what)) {
        return;
      }
      throw new AssertionError("not '" + what + "': " + e.getMessage(), e);
    }
    throw new AssertionError(what + ", and nobody minds");
  }

  private static void await(BooleanSupplier condition) {
    long start = System.nanoTime();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() - start > SECONDS.toNanos(LIMIT)) {
        throw new AssertionError("it does not come");
      }
      Thread.yield();
    }
  }

  private static void expect(Object wanted, Object found) {
    if (!wanted.equals(found)) {
      throw new AssertionError("not " + wanted + " but " + found);
    }
  }
}

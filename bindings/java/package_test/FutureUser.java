package user;

import io.asyncpal.FinalizerException;
import io.asyncpal.InitializerException;
import io.asyncpal.MapOptions;
import io.asyncpal.Pool;
import io.asyncpal.ProcessPool;
import io.asyncpal.RemoteException;
import io.asyncpal.SerializableCallable;
import io.asyncpal.SerializableFunction;
import io.asyncpal.SerializableRunnable;
import io.asyncpal.SerializationException;
import io.asyncpal.TaskOptions;
import io.asyncpal.ThreadPool;
import java.io.ObjectInputFilter;
import java.io.Serializable;
import java.lang.reflect.Field;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

/** Whatever tasks throw or return: each future ends, with what can be known. */
public final class FutureUser {
  private static final long LIMIT = 240; // s

  private FutureUser() {}

  public static void main(String[] args) throws Exception {
    try (ThreadPool threads = new ThreadPool(1);
        ProcessPool processes = pool().build()) {
      for (SerializableRunnable thrower : HostileExceptions.throwers()) {
        String type = typeThrownBy(thrower);
        endsInThreads(threads, thrower, type);
        endsInProcesses(processes, thrower, type);
        endsAMap(processes, thrower, type);
        endsAMap(threads, thrower, type);
        breaksInitializers(thrower, type);
      }
      keepsLongMessages(processes);
      ignoresHostilePosts(threads);
      doesNotReadForEver(processes);
      keepsTheResultsBeforeAFailure(processes);
      expect(7, processes.submit(() -> 3 + 4).get(LIMIT, TimeUnit.SECONDS));
    }
    breaksFinalizers();
    takesNoMoreThanWasSent();
    namesWhatDoesNotFit();
    filtersResults();
    refusesNulls();
  }

  private static ProcessPool.Builder pool() {
    return ProcessPool.builder()
        .maxWorkers(1)
        .jvmOptions(List.of("-Xmx512m", "-XX:TieredStopAtLevel=1"));
  }

  private static String typeThrownBy(SerializableRunnable thrower) {
    try {
      thrower.run();
    } catch (HostileExceptions.Hostile e) {
      return e.getClass().getName();
    }
    throw new AssertionError("it threw nothing");
  }

  // ------------------------------------------------------------------ Exceptions

  private static void endsInThreads(Pool pool, SerializableRunnable thrower, String type)
      throws Exception {
    CompletableFuture<?> future = (CompletableFuture<?>) pool.submit(thrower);
    CompletableFuture<?> next = future.thenApply(x -> x);
    expect(type, causeOf(future).getClass().getName());
    expect(type, causeOf(next).getClass().getName());
  }

  private static void endsInProcesses(Pool pool, SerializableRunnable thrower, String type)
      throws Exception {
    CompletableFuture<?> future = (CompletableFuture<?>) pool.submit(thrower);
    CompletableFuture<?> next = future.thenApply(x -> x);
    expect(type, originalType(causeOf(future)));
    expect(type, originalType(causeOf(next)));
  }

  /** Also with results before it in its chunk. */
  private static void endsAMap(Pool pool, SerializableRunnable thrower, String type) {
    for (int last = 1; last <= 2; last++) {
      int failing = last;
      SerializableFunction<Integer, Integer> f =
          n -> {
            if (n == failing) {
              thrower.run();
            }
            return n;
          };
      List<Integer> results = new ArrayList<>();
      try (Stream<Integer> mapped = map(pool, f)) {
        mapped.forEach(results::add);
        throw new AssertionError("the map did not fail");
      } catch (CompletionException e) {
        expect(type, originalType(e.getCause()));
        expect(last - 1, results.size());
      }
    }
  }

  private static Stream<Integer> map(Pool pool, SerializableFunction<Integer, Integer> f) {
    MapOptions options = MapOptions.DEFAULT.withChunkSize(4);
    return pool instanceof ProcessPool processes
        ? processes.map(options, f, List.of(1, 2, 3, 4))
        : ((ThreadPool) pool).map(options, f, List.of(1, 2, 3, 4));
  }

  private static void breaksInitializers(SerializableRunnable thrower, String type)
      throws Exception {
    try (ThreadPool threads =
            ThreadPool.builder().maxWorkers(1).initializer(thrower).build();
        ProcessPool processes = pool().initializer(thrower).build()) {
      for (Pool pool : List.of(threads, processes)) {
        SerializableCallable<Integer> task = () -> 1;
        Throwable thrown = causeOf(pool.submit((Callable<Integer>) task));
        expect(InitializerException.class, thrown.getClass());
        expect(type, originalType(thrown.getCause()));
        expect(true, pool.isBroken());
      }
    }
  }

  private static void breaksFinalizers() throws Exception {
    SerializableRunnable thrower = HostileExceptions.throwers().get(6);
    try (ThreadPool threads = ThreadPool.builder().maxWorkers(1).finalizer(thrower).build();
        ProcessPool processes = pool().finalizer(thrower).build()) {
      for (Pool pool : List.of(threads, processes)) {
        try {
          pool.test();
          throw new AssertionError("the finalizer did not fail");
        } catch (FinalizerException e) {
          expect(typeThrownBy(thrower), originalType(e.getCause()));
        }
      }
    }
  }

  /** Can be sent, however long its message is. */
  static final class Verbose extends RuntimeException {
    private static final long serialVersionUID = 1;

    Verbose(int length) {
      super("begin" + "x".repeat(length));
    }
  }

  private static void keepsLongMessages(ProcessPool pool) throws Exception {
    for (int length : List.of(100, 30_000, 100_000, 5_000_000)) {
      Throwable thrown = causeOf(pool.submit(() -> fail(length)));
      expect(Verbose.class, thrown.getClass());
      expect(length + 5, thrown.getMessage().length());
    }
    Throwable thrown = causeOf(pool.submit(() -> fail(40_000_000)));
    expect(Verbose.class.getName(), originalType(thrown));
    expect(true, thrown.getMessage().startsWith("beginxxx"));
    expect(true, thrown.getMessage().endsWith("... (cut; it has 40000005 characters)"));
  }

  private static int fail(int length) {
    throw new Verbose(length);
  }

  private static void ignoresHostilePosts(ThreadPool pool) throws Exception {
    List<String> types = Collections.synchronizedList(new ArrayList<>());
    List<String> expected = new ArrayList<>();
    Thread.UncaughtExceptionHandler before = Thread.getDefaultUncaughtExceptionHandler();
    Thread.setDefaultUncaughtExceptionHandler(
        (thread, thrown) -> types.add(thrown.getClass().getName()));
    try {
      for (SerializableRunnable thrower : HostileExceptions.throwers()) {
        expected.add(typeThrownBy(thrower));
        pool.execute(thrower);
      }
      expect(1, pool.submit(() -> 1).get(LIMIT, TimeUnit.SECONDS));
    } finally {
      Thread.setDefaultUncaughtExceptionHandler(before);
    }
    expect(expected, types);
  }

  private static void keepsTheResultsBeforeAFailure(ProcessPool pool) {
    AtomicInteger sum = new AtomicInteger();
    try (Stream<Integer> squares =
        pool.map(MapOptions.DEFAULT.withChunkSize(8), FutureUser::square, List.of(1, 2, 3))) {
      squares.forEach(sum::addAndGet);
      throw new AssertionError("the map did not fail");
    } catch (CompletionException e) {
      expect(StackOverflowError.class, e.getCause().getClass());
      expect(5, sum.get());
    }
  }

  private static int square(int n) {
    if (n == 3) {
      throw new StackOverflowError("deep");
    }
    return n * n;
  }

  // ------------------------------------------------------------------ Results

  /** Takes for ever to be read, but in a worker. */
  static final class Endless implements Serializable {
    private static final long serialVersionUID = 1;
    private static final CountDownLatch NEVER = new CountDownLatch(1);
    private static final long WRITER = ProcessHandle.current().pid();

    private final long writer = WRITER;

    private Object readResolve() throws InterruptedException {
      if (writer != WRITER) {
        NEVER.await();
      }
      return this;
    }
  }

  private static void doesNotReadForEver(ProcessPool pool) throws Exception {
    SerializableCallable<Endless> task = () -> new Endless();
    TaskOptions options = TaskOptions.DEFAULT.withTimeout(Duration.ofMillis(500));
    expect(TimeoutException.class, causeOf(pool.submit(options, task)).getClass());

    CompletableFuture<Endless> cancelled = pool.submit(task);
    awaitReading(pool);
    expect(true, cancelled.cancel(true));
    expect(1, pool.submit(() -> 1).get(LIMIT, TimeUnit.SECONDS));

    ProcessPool other = pool().build();
    CompletableFuture<Endless> stopped = other.submit(task);
    awaitReading(other);
    expect(List.of(), other.shutdownNow());
    expect(true, other.awaitTermination(LIMIT, TimeUnit.SECONDS));
    try {
      stopped.get(LIMIT, TimeUnit.SECONDS);
      throw new AssertionError("it was read");
    } catch (CancellationException e) {
      expect(true, stopped.isDone());
    }
  }

  /** Until the only task has run, and there is nothing left but to read its result. */
  private static void awaitReading(ProcessPool pool) throws InterruptedException {
    while (pool.stats().running() + pool.stats().pending() > 0) {
      Thread.sleep(1);
    }
  }

  /** A map that says it has a billion entries. */
  private static HashMap<Integer, Integer> boaster() throws ReflectiveOperationException {
    HashMap<Integer, Integer> map = new HashMap<>(Map.of(1, 2));
    Field size = HashMap.class.getDeclaredField("size");
    size.setAccessible(true);
    size.set(map, 1 << 30);
    return map;
  }

  private static void takesNoMoreThanWasSent() throws Exception {
    try (ProcessPool pool =
        pool().jvmOptions(List.of("--add-opens", "java.base/java.util=ALL-UNNAMED")).build()) {
      Throwable thrown = causeOf(pool.submit(() -> boaster()));
      expect(SerializationException.class, thrown.getClass());
      expect(true, thrown.getMessage().contains("it claims to have an array of"));
      expect(1, pool.submit(() -> new HashMap<>(Map.of(1, 2)).size()).get(LIMIT, TimeUnit.SECONDS));
    }
  }

  /** The JVM of this program is that small. */
  private static void namesWhatDoesNotFit() throws Exception {
    try (ProcessPool pool = pool().jvmOptions(List.of("-Xmx1g")).build()) {
      Throwable thrown = causeOf(pool.submit(() -> new byte[200 << 20]));
      expect(SerializationException.class, thrown.getClass());
      String message = thrown.getMessage();
      expect(true, message.matches(".*2097152\\d\\d bytes.* memory of the JVM .*-Xmx.*"));
      expect(1, pool.submit(() -> 1).get(LIMIT, TimeUnit.SECONDS));
    }
  }

  /** Is nothing special, but for the filter of this JVM, which rejects it. */
  record Forbidden(int n) implements Serializable {}

  private static void filtersResults() throws Exception {
    try (ProcessPool pool =
        pool()
            .resultFilter(
                ObjectInputFilter.Config.createFilter(
                    "java.lang.*;java.util.*;user.FutureUser$Forbidden;!*"))
            .build()) {
      expect(List.of(1), pool.submit(() -> List.of(1)).get(LIMIT, TimeUnit.SECONDS));

      Throwable thrown = causeOf(pool.submit(() -> new Endless()));
      expect(SerializationException.class, thrown.getClass());
      expect(true, thrown.getMessage().contains(Endless.class.getName()));

      expect(RemoteException.class, causeOf(pool.submit(() -> fail(1))).getClass());

      thrown = causeOf(pool.submit(() -> new Forbidden(1)));
      expect(SerializationException.class, thrown.getClass());
    }
  }

  private static void refusesNulls() throws Exception {
    try (ThreadPool pool = new ThreadPool(1)) {
      pool.invokeAll(Arrays.asList(() -> 1, (Callable<Integer>) null));
      throw new AssertionError("null is a task");
    } catch (NullPointerException e) {
      expect(true, e.getMessage() != null);
    }
  }

  // ------------------------------------------------------------------ Helpers

  private static Throwable causeOf(Future<?> future) throws Exception {
    try {
      future.get(LIMIT, TimeUnit.SECONDS);
    } catch (ExecutionException e) {
      return e.getCause();
    }
    throw new AssertionError("it did not fail");
  }

  private static String originalType(Throwable thrown) {
    return thrown instanceof RemoteException remote
        ? remote.typeName()
        : thrown.getClass().getName();
  }

  private static void expect(Object expected, Object actual) {
    if (!expected.equals(actual)) {
      throw new AssertionError("expected " + expected + ", but was " + actual);
    }
  }
}

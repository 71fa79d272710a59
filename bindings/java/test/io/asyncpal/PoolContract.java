package io.asyncpal;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;

/**
 * What every kind of pool promises, as one suite in four parts: this class has what they share. A
 * test's name is the claim's, which is that in C++, where it can be made in Java; the claims that
 * can't are listed with each part.
 */
@Timeout(120)
abstract class PoolContract {
  static final Duration LONG = Duration.ofSeconds(30);
  static final Duration FOR_EVER = Duration.ofNanos(Long.MAX_VALUE);

  private final List<Pool> pools = new ArrayList<>();
  private final List<Gate> gates = new ArrayList<>();
  private final PoolKind kind;

  PoolContract(PoolKind kind) {
    this.kind = kind;
  }

  /** One of the two kinds of pools. */
  interface PoolKind {
    PoolBuilder<?> builder();

    /** Either may be null. */
    PoolBuilder<?> builder(SerializableRunnable initializer, SerializableRunnable finalizer);

    String className();

    int defaultMaxWorkers();

    /** What {@code WorkerInfo.pid} is, inside a worker. */
    long workerId();

    /** Those of {@link Executors}, of one to four workers. */
    List<Pool> fixedPools();
  }

  final PoolKind kind() {
    return kind;
  }

  final PoolBuilder<?> builder() {
    return kind.builder();
  }

  final Pool pool(int workers) {
    return keep(kind.builder().maxWorkers(workers).name("p").build());
  }

  final Pool poolThatCanNotBegin() {
    return keep(
        kind.builder(
                () -> {
                  throw new IllegalStateException("bad start");
                },
                null)
            .maxWorkers(1)
            .name("ill")
            .build());
  }

  final Pool poolThatCanNotEnd() {
    return keep(
        kind.builder(
                null,
                () -> {
                  throw new IllegalStateException("bad end");
                })
            .maxWorkers(1)
            .build());
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

  static <T> CompletableFuture<T> submit(
      Pool pool, TaskOptions options, SerializableCallable<T> task) {
    return pool.submit(options, (Callable<T>) task);
  }

  static void execute(Pool pool, SerializableRunnable task) {
    pool.execute(task);
  }

  static <T> T run(Pool pool, SerializableCallable<T> task) throws Exception {
    return submit(pool, task).get(30, SECONDS);
  }

  /** Occupies a worker until the gate opens; returns once it runs. */
  static Future<Boolean> block(Pool pool, Gate gate) throws Exception {
    return block(pool, TaskOptions.DEFAULT, gate);
  }

  static Future<Boolean> block(Pool pool, TaskOptions options, Gate gate) throws Exception {
    Gate started = Gate.closed();
    Future<Boolean> blocked =
        submit(
            pool,
            options,
            () -> {
              started.open();
              return gate.pass();
            });
    assertTrue(started.pass(), "the blocking task starts");
    return blocked;
  }

  /** What the future failed with, 30 s from now at most. */
  static Throwable failureOf(Future<?> future) {
    return assertThrows(ExecutionException.class, () -> future.get(30, SECONDS)).getCause();
  }

  /** "outer <- cause <- its cause", the messages. */
  static String chainOf(Throwable thrown) {
    return thrown.getCause() == null
        ? thrown.getMessage()
        : thrown.getMessage() + " <- " + chainOf(thrown.getCause());
  }

  static void assertContains(String part, Throwable thrown) {
    assertTrue(thrown.getMessage().contains(part), thrown.getMessage());
  }

  static void assertJoins(Pool pool) throws Exception {
    assertEquals(true, pool.join(LONG), "is quiet in time: " + pool);
  }
}

package io.asyncpal;

import static io.asyncpal.Eventually.eventually;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.RejectedExecutionException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** Tasks that run again and again by {@code every()}. */
abstract class PoolPeriodicContract extends PoolContract {
  private static final Duration SHORT = Duration.ofMillis(2);
  private static final PeriodicOptions DEFAULT = PeriodicOptions.DEFAULT;

  PoolPeriodicContract(PoolKind kind) {
    super(kind);
  }

  private static Periodic every(
      Pool pool, Duration period, PeriodicOptions options, SerializableRunnable task) {
    return pool.every(period, options, (Runnable) task);
  }

  private static void assertCancelled(Periodic periodic) {
    assertThrows(CancellationException.class, () -> periodic.done().get(30, SECONDS));
  }

  @Test
  void taskRunsUntilItIsCancelled() throws Exception {
    Pool pool = pool(1);
    Counter runs = new Counter();
    Periodic periodic = every(pool, SHORT, DEFAULT, runs::add);
    eventually("it runs", () -> runs.get() >= 3);
    eventually("runs are counted", () -> periodic.stats().runs() >= 3);
    assertEquals(0, periodic.stats().failed());
    assertTrue(periodic.cancel());
    assertFalse(periodic.cancel());
    assertFalse(periodic.trigger());
    assertCancelled(periodic);
    assertEquals(0, pool.stats().delayed());
    long ended = runs.get();
    assertEquals(1, run(pool, () -> 1));
    assertEquals(ended, runs.get());
    assertEquals(FOR_EVER, periodic.stats().untilNext());
  }

  @Test
  void lastRunCompletesIt() throws Exception {
    Pool pool = pool(1);
    Counter runs = new Counter();
    for (Cadence cadence : Cadence.values()) {
      Periodic periodic =
          every(pool, SHORT, DEFAULT.withMaxRuns(3).withCadence(cadence), runs::add);
      assertNull(periodic.done().get(30, SECONDS));
      assertEquals(3, periodic.stats().runs());
    }
    assertEquals(6, runs.get());
  }

  @Test
  void runThatFailsIsReportedAndTheNextComes() throws Exception {
    Pool pool = pool(1);
    List<Throwable> reported = new CopyOnWriteArrayList<>();
    Thread.UncaughtExceptionHandler before = Thread.getDefaultUncaughtExceptionHandler();
    Thread.setDefaultUncaughtExceptionHandler((thread, thrown) -> reported.add(thrown));
    try {
      PeriodicOptions named =
          DEFAULT.withMaxRuns(2).withTask(TaskOptions.DEFAULT.withName("sweep"));
      Periodic periodic =
          every(
              pool,
              SHORT,
              named,
              () -> {
                throw new IllegalStateException("bad");
              });
      periodic.done().get(30, SECONDS);
      assertEquals(2, periodic.stats().failed());
      assertEquals(2, reported.size());
      PeriodicRunException second =
          assertInstanceOf(PeriodicRunException.class, reported.get(1));
      assertEquals("sweep", second.name());
      assertEquals(2, second.run());
      assertEquals("bad", second.getCause().getMessage());
      assertContains("run 2 of 'sweep' on pool 'p' failed: ", second);
    } finally {
      Thread.setDefaultUncaughtExceptionHandler(before);
    }
  }

  @Test
  void runThatFailsIsTheLastWhereItIsToBe() throws Exception {
    Pool pool = pool(1);
    Counter runs = new Counter();
    Periodic periodic =
        every(
            pool,
            SHORT,
            DEFAULT.withOnError(PeriodicOptions.OnError.STOP),
            () -> {
              runs.add();
              if (runs.get() == 2) {
                throw new IllegalStateException("bad");
              }
            });
    assertEquals("bad", failureOf(periodic.done()).getMessage());
    assertEquals(2, runs.get());
    assertFalse(periodic.trigger());
  }

  @Test
  void triggerBringsARun() throws Exception {
    Pool pool = pool(1);
    Counter runs = new Counter();
    Periodic periodic = every(pool, LONG, DEFAULT.withInitialDelay(FOR_EVER), runs::add);
    assertEquals(FOR_EVER, periodic.stats().untilNext());
    assertEquals(1, pool.stats().delayed());
    assertTrue(periodic.trigger());
    eventually("it has run", () -> periodic.stats().runs() == 1);
    assertTrue(periodic.trigger());
    eventually("it has run again", () -> periodic.stats().runs() == 2);
    assertEquals(2, runs.get());
  }

  @Test
  void triggerWhileARunGoesOnBringsOneMore() throws Exception {
    Pool pool = pool(1);
    Counter runs = new Counter();
    Gate gate = gate();
    Gate started = gate();
    Periodic periodic =
        every(
            pool,
            LONG,
            DEFAULT,
            () -> {
              runs.add();
              if (!started.isOpen()) {
                started.open();
              }
              pass(gate);
            });
    assertTrue(started.pass());
    assertTrue(periodic.trigger());
    assertTrue(periodic.trigger());
    assertEquals(Duration.ZERO, periodic.stats().untilNext());
    gate.open();
    eventually("both have run", () -> periodic.stats().runs() == 2);
    assertTrue(periodic.stats().untilNext().compareTo(Duration.ZERO) > 0);
    assertEquals(2, runs.get());
  }

  private static void pass(Gate gate) {
    try {
      gate.pass();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void periodChanges() throws Exception {
    Pool pool = pool(1);
    Counter runs = new Counter();
    Periodic periodic = every(pool, Duration.ofHours(1), DEFAULT, runs::add);
    eventually("the first has run", () -> periodic.stats().runs() == 1);
    periodic.setPeriod(SHORT);
    eventually("others follow", () -> periodic.stats().runs() >= 3);
    periodic.cancel();
    assertCancelled(periodic);
    periodic.setPeriod(SHORT); // of no effect
  }

  @Test
  void runsNeverOverlapThoughOneHasMissedItsTimeout() throws Exception {
    if (kind() == PoolKinds.PROCESSES) {
      return; // which kill such a run
    }
    Pool pool = pool(3);
    Counter runs = new Counter();
    Gate gate = gate();
    Gate started = gate();
    // Long enough to begin within, on a slow machine.
    TaskOptions limited = TaskOptions.DEFAULT.withTimeout(Duration.ofSeconds(3));
    Periodic periodic =
        every(
            pool,
            SHORT,
            DEFAULT.withTask(limited).withOnError(PeriodicOptions.OnError.STOP),
            () -> {
              runs.add();
              started.open();
              while (!gate.isOpen()) {
                Thread.yield(); // though it is interrupted
              }
            });
    assertTrue(started.pass());
    eventually("it has taken too long", () -> pool.stats().timedOut() == 1);
    assertEquals(7, run(pool, () -> 7));
    assertFalse(periodic.done().isDone()); // it still runs
    gate.open();
    failureOf(periodic.done());
    assertEquals(1, runs.get());
  }

  @Test
  void cancellingStopsTheRunThatGoesOn() throws Exception {
    Pool pool = pool(1);
    Gate gate = gate();
    Gate started = gate();
    Periodic periodic =
        every(
            pool,
            LONG,
            DEFAULT,
            () -> {
              started.open();
              pass(gate);
            });
    assertTrue(started.pass());
    assertTrue(periodic.done().cancel(false)); // which is the same
    assertFalse(periodic.cancel());
    assertEquals(1, run(pool, () -> 1));
  }

  @Test
  void shutdownEndsIt() throws Exception {
    for (boolean now : new boolean[] {false, true}) {
      Pool pool = pool(1);
      Periodic waits = every(pool, LONG, DEFAULT.withInitialDelay(LONG), () -> {});
      Gate gate = gate();
      Gate started = gate();
      Periodic runs =
          every(
              pool,
              LONG,
              DEFAULT,
              () -> {
                started.open();
                pass(gate);
              });
      assertTrue(started.pass());
      if (now) {
        assertEquals(List.of(), pool.shutdownNow());
      } else {
        pool.shutdown();
      }
      assertCancelled(waits);
      gate.open();
      if (now && kind() == PoolKinds.THREADS) {
        eventually("it has ended", () -> runs.done().isDone());
      } else {
        assertCancelled(runs);
      }
      assertTrue(pool.awaitTermination(30, SECONDS));
      assertThrows(
          RejectedExecutionException.class, () -> every(pool, LONG, DEFAULT, () -> {}));
    }
  }

  @Test
  void badOptionsNameFieldAndValue() {
    Pool pool = pool(1);
    assertNames("period is PT0S", () -> every(pool, Duration.ZERO, DEFAULT, () -> {}));
    assertNames("jitter is 1.0", () -> DEFAULT.withJitter(1));
    assertNames("jitter is NaN", () -> DEFAULT.withJitter(Double.NaN));
    assertNames("maxRuns is -1", () -> DEFAULT.withMaxRuns(-1));
    assertNames(
        "initialDelay is PT-1S", () -> DEFAULT.withInitialDelay(Duration.ofSeconds(-1)));
    assertNames(
        "task.retry.maxAttempts is 3",
        () -> DEFAULT.withTask(TaskOptions.DEFAULT.withRetry(RetryPolicy.DEFAULT)));
    Periodic periodic = every(pool, LONG, DEFAULT, () -> {});
    assertNames("period is PT-1S", () -> periodic.setPeriod(Duration.ofSeconds(-1)));
  }

  private static void assertNames(String part, Executable call) {
    assertContains(part, assertThrows(IllegalArgumentException.class, call));
  }
}

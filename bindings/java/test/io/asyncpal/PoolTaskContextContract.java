package io.asyncpal;

import static io.asyncpal.Eventually.eventually;
import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ScheduledFuture;
import org.junit.jupiter.api.Test;

/** What a task can know of itself, and tell of itself. */
abstract class PoolTaskContextContract extends PoolContract {
  private static final String TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  private static final String OTHER = "00-11111111111111111111111111111111-2222222222222222-00";

  PoolTaskContextContract(PoolKind kind) {
    super(kind);
  }

  private static TaskContext mine() {
    return TaskContext.current().orElseThrow();
  }

  private static TaskOptions traced(String traceparent) {
    return TaskOptions.DEFAULT.withTraceparent(traceparent);
  }

  @Test
  void taskKnowsItsNameAndAttempt() throws Exception {
    Pool pool = pool(1);
    TaskOptions named = TaskOptions.DEFAULT.withName("resize");
    assertEquals("resize", submit(pool, named, () -> mine().name()).get(30, SECONDS));
    assertEquals("", run(pool, () -> mine().name()));
    assertEquals(1, run(pool, () -> mine().attempt()));
    assertEquals("", run(pool, () -> mine().traceparent()));
  }

  @Test
  void eachTaskHasAnIdOfItsOwn() throws Exception {
    Pool pool = pool(1);
    long first = run(pool, () -> mine().id());
    TaskOptions named = TaskOptions.DEFAULT.withName("resize");
    long second = submit(pool, named, () -> mine().id()).get(30, SECONDS);
    assertNotEquals(0, first);
    assertTrue(second > first, second + " after " + first);
  }

  @Test
  void idIsThatOfMessagesAndWorkers() throws Exception {
    Pool pool = pool(1);
    Gate gate = gate();
    Gate started = gate();
    CompletableFuture<Long> id =
        submit(
            pool,
            () -> {
              started.open();
              gate.pass();
              return mine().id();
            });
    assertTrue(started.pass());
    eventually("it runs", () -> pool.workers().get(0).busy());
    String shown = pool.workers().get(0).currentTask();
    gate.open();
    assertEquals("task " + id.get(30, SECONDS), shown);
  }

  @Test
  void observedTaskKnowsItsId() throws Exception {
    Pool pool = keep(builder().maxWorkers(1).observer(new PoolObserver() {}).build());
    assertNotEquals(0L, (long) run(pool, () -> mine().id()));
  }

  @Test
  void postedTaskHasAContext() throws Exception {
    Pool pool = pool(1);
    Gate seen = gate();
    execute(
        pool,
        () -> {
          if (mine().id() != 0) {
            seen.open();
          }
        });
    eventually("it has seen its id", seen::isOpen);
  }

  @Test
  void nobodyElseHasAContext() throws Exception {
    assertEquals(Optional.empty(), TaskContext.current());
    Gate inInitializer = gate();
    Pool pool =
        keep(
            kind()
                .builder(
                    () -> {
                      if (TaskContext.current().isEmpty()) {
                        inInitializer.open();
                      }
                    },
                    null)
                .maxWorkers(1)
                .build());
    assertEquals(true, run(pool, () -> hasNoneOnAnotherThread()));
    assertTrue(inInitializer.isOpen());
    assertEquals(Optional.empty(), TaskContext.current());
  }

  private static boolean hasNoneOnAnotherThread() {
    return CompletableFuture.supplyAsync(TaskContext::current).join().isEmpty();
  }

  // ------------------------------------------------------------------ Traces

  @Test
  void taskHasTheTraceOfItsOptions() throws Exception {
    Pool pool = pool(1);
    assertEquals(TRACE, submit(pool, traced(TRACE), () -> mine().traceparent()).get(30, SECONDS));
    assertEquals("", run(pool, () -> mine().traceparent()));
    assertEquals(OTHER, submit(pool, traced(OTHER), () -> mine().traceparent()).get(30, SECONDS));
  }

  @Test
  void whatATaskSubmitsHasItsTrace() throws Exception {
    Pool pool = pool(1);
    assertEquals(
        List.of(TRACE, OTHER, TRACE),
        submit(pool, traced(TRACE), () -> tracesOfInnerTasks()).get(60, SECONDS));
    assertEquals(List.of("", OTHER, ""), run(pool, () -> tracesOfInnerTasks()));
  }

  /** Of tasks of a pool of threads, and of one that is posted. */
  private static List<String> tracesOfInnerTasks() throws Exception {
    try (ThreadPool inner = new ThreadPool(1)) {
      CompletableFuture<String> posted = new CompletableFuture<>();
      String plain = inner.submit(() -> mine().traceparent()).get(30, SECONDS);
      String own = inner.submit(traced(OTHER), () -> mine().traceparent()).get(30, SECONDS);
      inner.execute(() -> posted.complete(mine().traceparent()));
      return List.of(plain, own, posted.get(30, SECONDS));
    }
  }

  @Test
  void traceReachesProcessesOfATask() throws Exception {
    Pool pool = pool(1);
    assertEquals(
        TRACE, submit(pool, traced(TRACE), () -> traceInAProcess()).get(90, SECONDS));
  }

  private static String traceInAProcess() throws Exception {
    try (ProcessPool inner =
        ProcessPool.builder().maxWorkers(1).jvmOptions(PoolKinds.SMALL).build()) {
      return inner.submit(() -> mine().traceparent()).get(60, SECONDS);
    }
  }

  @Test
  void delayedTasksHaveTheTraceOfWhatSubmitsThem() throws Exception {
    Pool pool = pool(1);
    assertEquals(
        List.of(TRACE, OTHER, TRACE, TRACE, TRACE),
        submit(pool, traced(TRACE), () -> tracesOfDelayedTasks()).get(90, SECONDS));
    assertEquals(
        List.of("", OTHER, "", "", ""), run(pool, () -> tracesOfDelayedTasks()));
  }

  /** Of one that is due once, of one of another's, and of a periodic one. */
  private static List<String> tracesOfDelayedTasks() throws Exception {
    Callable<String> see = () -> mine().traceparent();
    List<String> traces = new CopyOnWriteArrayList<>();
    try (ThreadPool inner = new ThreadPool(1)) {
      traces.add(inner.schedule(see, 1, MILLISECONDS).get(30, SECONDS));
      traces.add(
          inner
              .submit(traced(OTHER), () -> inner.schedule(see, 1, MILLISECONDS))
              .get(30, SECONDS)
              .get(30, SECONDS));
      CountDownLatch thrice = new CountDownLatch(3);
      ScheduledFuture<?> periodic =
          inner.scheduleAtFixedRate(
              () -> {
                if (thrice.getCount() > 0) {
                  traces.add(mine().traceparent());
                  thrice.countDown();
                }
              },
              0,
              1,
              MILLISECONDS);
      assertTrue(thrice.await(60, SECONDS));
      periodic.cancel(false);
    }
    return new ArrayList<>(traces);
  }

  @Test
  void eachAttemptHasTheTraceOfWhatSubmitsTheFirst() throws Exception {
    Pool pool = pool(1);
    assertEquals(
        List.of(TRACE, TRACE, OTHER, OTHER),
        submit(pool, traced(TRACE), () -> tracesOfAttempts()).get(90, SECONDS));
    assertEquals(List.of("", "", OTHER, OTHER), run(pool, () -> tracesOfAttempts()));
  }

  private static List<String> tracesOfAttempts() throws Exception {
    List<String> traces = new CopyOnWriteArrayList<>();
    TaskOptions twice =
        TaskOptions.DEFAULT.withRetry(
            RetryPolicy.DEFAULT
                .withMaxAttempts(2)
                .withBackoff(Duration.ofMillis(1), 1, Duration.ofMillis(1)));
    SerializableCallable<Integer> fail =
        () -> {
          traces.add(mine().traceparent());
          throw new IllegalStateException("again");
        };
    try (ThreadPool inner = new ThreadPool(1)) {
      for (TaskOptions options : List.of(twice, twice.withTraceparent(OTHER))) {
        assertThrows(
            ExecutionException.class, () -> inner.submit(options, fail).get(60, SECONDS));
      }
    }
    return new ArrayList<>(traces);
  }

  @Test
  void traceReachesProcessesOfADelayedTask() throws Exception {
    Pool pool = pool(1);
    assertEquals(
        TRACE, submit(pool, traced(TRACE), () -> traceInAProcessLater()).get(90, SECONDS));
  }

  private static String traceInAProcessLater() throws Exception {
    try (ProcessPool inner =
        ProcessPool.builder().maxWorkers(1).jvmOptions(PoolKinds.SMALL).build()) {
      SerializableCallable<String> see = () -> mine().traceparent();
      return inner.schedule((Callable<String>) see, 1, MILLISECONDS).get(60, SECONDS);
    }
  }

  @Test
  void traceIsNotThatOfTasksWhichRunAfterIt() throws Exception {
    Pool pool = pool(1);
    Gate gate = gate();
    CompletableFuture<?> blocked = (CompletableFuture<?>) block(pool, traced(TRACE), gate);
    List<CompletableFuture<String>> behind =
        List.of(
            submit(pool, () -> mine().traceparent()),
            submit(pool, traced(OTHER), () -> mine().traceparent()),
            submit(pool, () -> mine().traceparent()));
    gate.open();
    blocked.get(30, SECONDS);
    assertEquals("", behind.get(0).get(30, SECONDS));
    assertEquals(OTHER, behind.get(1).get(30, SECONDS));
    assertEquals("", behind.get(2).get(30, SECONDS));
  }

  @Test
  void traceparentIsChecked() {
    assertEquals("", TaskOptions.DEFAULT.traceparent());
    assertEquals(TRACE, traced(TRACE).withName("n").withTimeout(LONG).traceparent());
    String later = TRACE.replaceFirst("00", "01");
    for (String good : List.of("", TRACE, later, later + "-more")) {
      assertEquals(good, traced(good).traceparent());
    }
    for (String bad :
        List.of(
            "x",
            TRACE.toUpperCase(java.util.Locale.ROOT),
            TRACE + "-more",
            later + "more",
            TRACE.replaceFirst("00", "ff"),
            TRACE.substring(1))) {
      assertContains(
          "traceparent is \"" + bad + "\"",
          assertThrows(IllegalArgumentException.class, () -> traced(bad)));
    }
  }

  // ------------------------------------------------------------------ Progress

  @Test
  void futureHasWhatItsTaskReports() throws Exception {
    Pool pool = pool(1);
    Gate first = gate();
    Gate second = gate();
    CompletableFuture<Integer> task =
        submit(
            pool,
            TaskOptions.DEFAULT.withTimeout(Duration.ofMinutes(2)),
            () -> {
              mine().reportProgress(0.25, "a quarter");
              first.pass();
              mine().reportProgress(0.5, "half");
              second.pass();
              return 1;
            });
    eventually(
        "a quarter",
        () ->
            TaskProgress.of(task).equals(Optional.of(new TaskProgress(0.25, "a quarter"))));
    first.open();
    eventually(
        "half", () -> TaskProgress.of(task).equals(Optional.of(new TaskProgress(0.5, "half"))));
    second.open();
    assertEquals(1, task.get(30, SECONDS));
    eventually("it runs no more", () -> TaskProgress.of(task).isEmpty());
  }

  @Test
  void taskThatReportsNothingHasNoProgress() throws Exception {
    Pool pool = pool(1);
    Gate gate = gate();
    var task = block(pool, gate);
    CompletableFuture<Integer> pending = submit(pool, () -> 1);
    assertEquals(Optional.empty(), TaskProgress.of(task));
    assertEquals(Optional.empty(), TaskProgress.of(pending));
    assertEquals(Optional.empty(), TaskProgress.of(new CompletableFuture<>()));
    gate.open();
    pending.get(30, SECONDS);
    assertEquals(Optional.empty(), TaskProgress.of(pending));
  }

  @Test
  void fractionIsChecked() throws Exception {
    Pool pool = pool(1);
    for (double bad : List.of(-0.1, 1.1, Double.NaN)) {
      Throwable thrown = failureOf(submit(pool, () -> report(bad)));
      assertEquals(IllegalArgumentException.class, thrown.getClass());
      assertContains("fraction is " + bad, thrown);
    }
    assertEquals(0.0, run(pool, () -> report(0)));
    assertEquals(1.0, run(pool, () -> report(1)));
  }

  private static double report(double fraction) {
    mine().reportProgress(fraction, "");
    return fraction;
  }

  @Test
  void reportsOfATaskThatIsOverAreNobodys() throws Exception {
    Pool pool = pool(1);
    if (kind() == PoolKinds.PROCESSES) {
      return; // a context does not travel
    }
    TaskContext[] kept = new TaskContext[1];
    pool.submit(() -> kept[0] = mine()).get(30, SECONDS);
    Gate gate = gate();
    var next = block(pool, gate);
    kept[0].reportProgress(0.5, "late");
    assertEquals(Optional.empty(), TaskProgress.of(next));
    gate.open();
  }
}

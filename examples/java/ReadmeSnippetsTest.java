package io.asyncpal.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.asyncpal.AtShutdown;
import io.asyncpal.ExecutionFence;
import io.asyncpal.Executors;
import io.asyncpal.GlobalShutdown;
import io.asyncpal.KeyedPool;
import io.asyncpal.Periodic;
import io.asyncpal.PeriodicOptions;
import io.asyncpal.PoolObserver;
import io.asyncpal.PoolView;
import io.asyncpal.ProcessPool;
import io.asyncpal.RetryPolicy;
import io.asyncpal.SerializableCallable;
import io.asyncpal.TaskContext;
import io.asyncpal.TaskOptions;
import io.asyncpal.TaskPriority;
import io.asyncpal.TaskProgress;
import io.asyncpal.TaskReport;
import io.asyncpal.ThreadPool;
import io.asyncpal.Trace;
import io.asyncpal.WhenFull;
import io.asyncpal.WorkerLostException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The Java of README.md and of the guide, and that it does what is said there. */
@Timeout(120)
final class ReadmeSnippetsTest {
  /** Native code with a bug, so to speak. */
  static final class ShakyLibrary {
    static int answer(int question) {
      Runtime.getRuntime().halt(question);
      return question;
    }
  }

  private final List<Object> seen = new ArrayList<>();

  private void show(Object what) {
    seen.add(what);
  }

  private static String load(String name) {
    return "<title>" + name + "</title>";
  }

  @Test
  void threadPoolIsAnExecutorService() throws Exception {
    try (ThreadPool pool = Executors.newFixedThreadPool(4)) {
      CompletableFuture<String> page = pool.submit(() -> load("index.html"));
      pool.map(n -> n * n, List.of(1, 2, 3)).forEach(square -> show(square));
      show(page.get());
    }
    assertEquals(List.of(1, 4, 9, "<title>index.html</title>"), seen);
  }

  @Test
  void poolNeedNotBeWaitedForAtTheEnd() throws Exception {
    GlobalShutdown.setDeadline(Duration.ofSeconds(10));
    ThreadPool heartbeat = ThreadPool.builder().maxWorkers(1).closeOnExit(false).build();
    assertEquals(1, heartbeat.submit(() -> 1).get());
    heartbeat.close();
  }

  @Test
  void processPoolLosesOneFutureWithAWorker() throws Exception {
    ProcessPool.Builder builder =
        ProcessPool.builder().name("codecs").maxWorkers(2).idleTimeout(Duration.ofSeconds(5));
    try (ProcessPool pool = builder.build()) {
      CompletableFuture<Integer> answer = pool.submit(() -> ShakyLibrary.answer(42));
      CompletableFuture<String> page = pool.submit(() -> load("index.html"));
      try {
        show(answer.get());
      } catch (ExecutionException e) {
        show(e.getCause()); // WorkerLostException: ... exited with code 42
      }
      show(page.get()); // all others go on
    }
    assertEquals(2, seen.size());
    WorkerLostException lost = assertInstanceOf(WorkerLostException.class, seen.get(0));
    assertEquals(42, lost.exitCode().getAsInt());
    assertTrue(lost.getMessage().contains("exited with code 42"), lost::getMessage);
    assertEquals("<title>index.html</title>", seen.get(1));
  }

  @Test
  void fullPoolRejects() throws Exception {
    ThreadPool polite =
        ThreadPool.builder().maxPending(100).whenFull(WhenFull.REJECT).build();
    try (polite) {
      assertEquals(49, polite.submit(() -> 7 * 7).get(60, TimeUnit.SECONDS));
    }
  }

  @Test
  void taskIsTriedAgainAndComesFirst() throws Exception {
    try (ThreadPool pool = Executors.newFixedThreadPool(4)) {
      TaskOptions urgent = TaskOptions.DEFAULT.withPriority(TaskPriority.URGENT);
      CompletableFuture<String> first = pool.submit(urgent, () -> load("index.html"));
      TaskOptions optional = TaskOptions.DEFAULT.withAtShutdown(AtShutdown.SKIP);
      pool.execute(optional, () -> load("next.html"));
      RetryPolicy patient =
          RetryPolicy.DEFAULT.withMaxAttempts(5).withRetryIf(e -> e instanceof IOException);
      CompletableFuture<String> page =
          pool.submit(TaskOptions.DEFAULT.withRetry(patient), () -> load("index.html"));
      assertEquals("<title>index.html</title>", first.get());
      assertEquals("<title>index.html</title>", page.get());
    }
  }

  @Test
  void taskRunsAgainAndAgain() throws Exception {
    ThreadPool pool = Executors.newSingleThreadExecutor();
    Periodic sweep = pool.every(Duration.ofMillis(2), () -> show("swept"));
    PeriodicOptions hourly =
        PeriodicOptions.DEFAULT
            .withInitialDelay(Duration.ofHours(1))
            .withTask(TaskOptions.DEFAULT.withName("report"));
    Periodic report = pool.every(Duration.ofHours(1), hourly, () -> show("reported"));
    report.trigger(); // now, too
    report.setPeriod(Duration.ofHours(2));
    sweep.cancel();
    assertThrows(CancellationException.class, () -> sweep.done().get());
    while (report.stats().runs() == 0) {
      Thread.sleep(1); // @Timeout is the limit
    }
    pool.close();
    assertTrue(report.done().isCancelled());
    assertTrue(seen.contains("reported"));
  }

  @Test
  void viewsRunOneAtATime() throws Exception {
    try (ThreadPool pool = Executors.newFixedThreadPool(4)) {
      PoolView log = pool.serial("log"); // one at a time, in order
      PoolView disk = pool.limited(2, "disk"); // two at a time
      log.execute(() -> show("written"));
      CompletableFuture<String> page = disk.submit(() -> load("index.html"));
      KeyedPool<String> accounts = pool.keyed();
      CompletableFuture<Integer> balance = accounts.submit("Ada", () -> 7);
      assertEquals("<title>index.html</title>", page.get());
      assertEquals(7, balance.get());
      log.close();
      assertEquals(List.of("written"), seen);
    }
  }

  @Test
  void poolIsPausedAndResized() throws Exception {
    try (ThreadPool pool = Executors.newFixedThreadPool(4)) {
      try (ExecutionFence fence = pool.pause()) {
        if (fence.awaitQuiet(Duration.ofSeconds(10))) {
          show("no task runs");
        }
      }
      pool.setMaxWorkers(8);
      pool.setMinWorkers(2);
      assertEquals(List.of("no task runs"), seen);
      assertEquals(8, pool.maxWorkers());
    }
  }

  @Test
  void observerIsToldOfEachTask() throws Exception {
    PoolObserver slow =
        new PoolObserver() {
          @Override
          public void onDone(TaskReport task) {
            if (task.ran().toSeconds() > 0) {
              System.err.println(task.name() + " was slow");
            }
          }
        };
    var watched = ThreadPool.builder().observer(slow).stallThreshold(Duration.ofMinutes(5)).build();
    try (watched) {
      assertEquals(49, watched.submit(() -> 7 * 7).get(60, TimeUnit.SECONDS));
      assertEquals(1, watched.stats().runTimes().count());
    }
  }

  @Test
  void traceIsClosed() throws Exception {
    Path folder = Files.createTempDirectory("trace-");
    Path file = folder.resolve("run.json");
    ThreadPool pool = Executors.newFixedThreadPool(1);
    try (pool) {
      traceInto(file, pool);
    }
    assertTrue(Files.readString(file).contains("\"resize\""));
  }

  @SuppressWarnings("try") // it is only closed
  private static void traceInto(Path file, ThreadPool pool) throws Exception {
    try (Trace trace = Trace.start(file)) {
      pool.submit(TaskOptions.DEFAULT.withName("resize"), () -> load("index.html")).get();
    }
  }

  @Test
  void taskReportsItsProgress() throws Exception {
    try (ProcessPool pool = Executors.newSingleProcessExecutor()) {
      CompletableFuture<Integer> render = pool.submit(() -> renderAll());
      TaskProgress.of(render).ifPresent(p -> System.err.println(p.fraction()));
      assertEquals(100, render.get(60, TimeUnit.SECONDS));
      TaskOptions traced =
          TaskOptions.DEFAULT.withTraceparent(
              "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
      pool.submit(traced, () -> System.err.println(traceOfTask())).get();
    }
  }

  private static int renderAll() {
    TaskContext task = TaskContext.current().orElseThrow();
    for (int line = 1; line <= 100; line++) {
      task.reportProgress(line / 100.0, "line " + line);
    }
    return 100;
  }

  private static String traceOfTask() {
    return TaskContext.current().orElseThrow().traceparent();
  }

  private static void runLaps() {
    for (long lap = 0; ; ++lap) {
      Long.toString(lap);
    }
  }

  @Test
  void cancelEndsAnEndlessTask() throws Exception {
    try (ProcessPool pool = Executors.newSingleProcessExecutor()) {
      SerializableCallable<Long> endless =
          () -> {
            runLaps();
            return 0L;
          };
      CompletableFuture<Long> laps = pool.submit(endless);
      laps.cancel(true); // kills the process, if it runs it
      assertThrows(CancellationException.class, () -> laps.get(60, TimeUnit.SECONDS));
      assertEquals("a", pool.submit(() -> "a").get(60, TimeUnit.SECONDS));
      TaskOptions limits = TaskOptions.DEFAULT.withTimeout(Duration.ofSeconds(1));
      CompletableFuture<Long> limited = pool.submit(limits, endless);
      Throwable thrown = assertThrows(ExecutionException.class, limited::get).getCause();
      assertInstanceOf(TimeoutException.class, thrown);
    }
  }
}

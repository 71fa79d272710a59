package io.asyncpal.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.asyncpal.Executors;
import io.asyncpal.GlobalShutdown;
import io.asyncpal.ProcessPool;
import io.asyncpal.SerializableCallable;
import io.asyncpal.TaskOptions;
import io.asyncpal.ThreadPool;
import io.asyncpal.WhenFull;
import io.asyncpal.WorkerLostException;
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

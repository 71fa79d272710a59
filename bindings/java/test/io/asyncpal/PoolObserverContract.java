package io.asyncpal;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/**
 * What every pool tells its observer, and measures for its histograms. Not here, since there is no
 * such thing in Java: TellsOfATaskThatIsRunAtOnce.
 */
abstract class PoolObserverContract extends PoolContract {
  private final RecordingObserver recorder = new RecordingObserver();

  PoolObserverContract(PoolKind kind) {
    super(kind);
  }

  private PoolBuilder<?> plan() {
    return builder().maxWorkers(1).name("p").observer(recorder);
  }

  private Pool watched() {
    return keep(plan().build());
  }

  private Pool watchedAndSmall(WhenFull whenFull) {
    return keep(plan().maxPending(1).whenFull(whenFull).build());
  }

  private static void nothing() {}

  // ------------------------------------------------------------------ A task's life

  @Test
  void tellsOfATaskFromItsSubmissionToItsEnd() throws Exception {
    Pool pool = watched();
    PoolKind kind = kind();
    TaskOptions who = TaskOptions.DEFAULT.withName("who");
    long worker =
        kind == PoolKinds.THREADS
            ? submit(pool, who, () -> PoolKinds.THREADS.workerId()).get(30, SECONDS)
            : submit(pool, who, () -> PoolKinds.PROCESSES.workerId()).get(30, SECONDS);
    List<RecordingObserver.Event> events = recorder.events();
    assertEquals(List.of("submit", "start", "done"), events.stream().map(e -> e.what()).toList());
    for (RecordingObserver.Event event : events) {
      assertEquals("p", event.task().pool());
      assertEquals("who", event.task().name());
      assertEquals(1, event.task().id());
      assertFalse(event.task().lost());
    }
    TaskReport submitted = events.get(0).task();
    assertEquals(TaskReport.Outcome.PENDING, submitted.outcome());
    assertEquals(0, submitted.worker());
    assertEquals(0, submitted.attempt());
    assertTrue(submitted.pid().isEmpty());
    TaskReport started = events.get(1).task();
    assertEquals(TaskReport.Outcome.RUNNING, started.outcome());
    assertEquals(1, started.worker());
    assertEquals(1, started.attempt());
    assertEquals(worker, started.pid().getAsLong());
    TaskReport done = events.get(2).task();
    assertEquals(TaskReport.Outcome.COMPLETED, done.outcome());
    assertEquals(1, done.worker());
    assertEquals(1, done.attempt());
    assertEquals(worker, done.pid().getAsLong());
    assertTrue(done.ran().toNanos() > 0, done.toString());
  }

  @Test
  void tellsOfTheEndBeforeTheFutureIsDone() throws Exception {
    Pool pool = watched();
    for (int i = 0; i < 50; i++) {
      int n = i;
      submit(pool, () -> n * n).get(30, SECONDS);
      assertEquals("submit start done", recorder.lastLife());
    }
  }

  @Test
  void tellsOfAPostedTask() throws Exception {
    Pool pool = watched();
    execute(pool, () -> {});
    assertJoins(pool);
    assertEquals(Map.of("submit start done", 1L), recorder.countLives());
    assertEquals(TaskReport.Outcome.COMPLETED, recorder.last("done").outcome());
  }

  @Test
  void tellsOfTheChunksOfAMap() throws Exception {
    Pool pool = watched();
    List<Integer> nine = IntStream.range(0, 9).boxed().toList();
    pool.mapAll(MapOptions.DEFAULT.withChunkSize(3), n -> n * n, nine);
    pool.map(n -> n * n, nine.subList(0, 4)).toList();
    assertEquals(Map.of("submit start done", 7L), recorder.countLives());
  }

  @Test
  void tellsOfATaskThatThrows() {
    Pool pool = watched();
    failureOf(submit(pool, () -> Integer.parseInt("x")));
    assertEquals(TaskReport.Outcome.FAILED, recorder.last("done").outcome());
    assertFalse(recorder.last("done").lost());
  }

  // ------------------------------------------------------------------ Tasks that never start

  @Test
  void cancelledTaskEndsWithoutAStart() throws Exception {
    Pool pool = watched();
    block(pool, gate());
    Future<Integer> task = submit(pool, () -> 2);
    assertTrue(task.cancel(false));
    assertEquals("submit done", recorder.lastLife());
    TaskReport report = recorder.last("done");
    assertEquals(TaskReport.Outcome.CANCELLED, report.outcome());
    assertEquals(0, report.worker());
    assertEquals(0, report.attempt());
    assertEquals(Duration.ZERO, report.ran());
  }

  @Test
  void expiredTaskEndsWithoutAStart() throws Exception {
    Pool pool = watched();
    block(pool, gate());
    TaskOptions soon = TaskOptions.DEFAULT.withQueueDeadline(Duration.ofMillis(1));
    failureOf(submit(pool, soon, () -> 2));
    assertEquals("submit done", recorder.lastLife());
    assertEquals(TaskReport.Outcome.FAILED, recorder.last("done").outcome());
    assertTrue(recorder.last("done").waited().toNanos() >= 1_000_000);
    assertEquals(1, pool.stats().expired());
  }

  @Test
  void refusedTaskEndsWithoutAStart() throws Exception {
    Pool pool = watchedAndSmall(WhenFull.REJECT);
    block(pool, gate());
    submit(pool, () -> 2);
    assertThrows(RejectedExecutionException.class, () -> submit(pool, () -> 3));
    assertThrows(RejectedExecutionException.class, () -> execute(pool, () -> {}));
    assertEquals(
        Map.of("submit start", 1L, "submit", 1L, "submit done", 2L), recorder.countLives());
  }

  @Test
  void waitForRoomThatEndsInVainEndsTheTask() throws Exception {
    Pool pool = watchedAndSmall(WhenFull.BLOCK);
    block(pool, gate());
    submit(pool, () -> 2);
    TaskOptions soon = TaskOptions.DEFAULT.withQueueDeadline(Duration.ofMillis(1));
    assertThrows(RejectedExecutionException.class, () -> submit(pool, soon, () -> 4));
    assertEquals("submit done", recorder.lives().get(recorder.last("done").id()));
  }

  @Test
  void droppedTaskEndsWithoutAStart() throws Exception {
    Pool pool = watchedAndSmall(WhenFull.DROP_OLDEST);
    block(pool, gate());
    submit(pool, () -> 2);
    long oldest = recorder.last("submit").id();
    submit(pool, () -> 3);
    assertEquals("submit done", recorder.lives().get(oldest));
    assertEquals(TaskReport.Outcome.FAILED, recorder.last("done").outcome());
  }

  @Test
  void taskThatAShutdownCancelsEndsWithoutAStart() throws Exception {
    Pool pool = watched();
    block(pool, gate());
    submit(pool, () -> 2);
    execute(pool, () -> {});
    assertEquals(2, pool.shutdownNow().size());
    assertEquals(2, recorder.countLives().get("submit done"));
  }

  @Test
  void closedPoolTellsOfNoSubmission() {
    Pool pool = watched();
    pool.shutdown();
    assertThrows(RejectedExecutionException.class, () -> submit(pool, () -> 2));
    assertEquals(List.of(), recorder.events());
  }

  // ------------------------------------------------------------------ Ended by others

  @Test
  void taskThatTimesOutEndsWithItsWorker() throws Exception {
    Pool pool = watched();
    Gate gate = gate();
    TaskOptions limited = TaskOptions.DEFAULT.withTimeout(Duration.ofMillis(50));
    failureOf(submit(pool, limited, () -> gate.pass()));
    assertEquals("submit start done", recorder.lastLife());
    TaskReport report = recorder.last("done");
    assertEquals(TaskReport.Outcome.FAILED, report.outcome());
    assertEquals(1, report.worker());
    assertEquals(1, report.attempt());
    assertTrue(report.ran().toMillis() >= 50, report.toString());
    assertEquals(1, pool.stats().timedOut());
  }

  // ------------------------------------------------------------------ Workers

  @Test
  void tellsOfWorkersFromTheirStartToTheirEnd() throws Exception {
    Pool pool = keep(plan().maxWorkers(2).build());
    pool.spawnMaxWorkers();
    assertJoins(pool);
    List<RecordingObserver.WorkerEvent> events = recorder.workerEvents();
    for (RecordingObserver.WorkerEvent event : events) {
      assertEquals("p-worker-" + event.worker().id(), event.worker().name());
      assertTrue(event.worker().pid().isPresent());
      assertEquals(event.what().equals("started") ? "" : "Join() waits for it", event.why());
    }
    long started = pool.stats().workersStarted();
    assertEquals(started, events.stream().filter(e -> e.what().equals("started")).count());
    assertEquals(2 * started, events.size());
    assertEquals(0, pool.stats().workersLost());
  }

  @Test
  void workerAtItsTaskLimitEndsForThat() throws Exception {
    Pool pool = keep(plan().maxTasksPerWorker(1).build());
    run(pool, () -> 1);
    assertJoins(pool);
    List<RecordingObserver.WorkerEvent> events = recorder.workerEvents();
    assertEquals(2, events.size());
    assertEquals("ended", events.get(1).what());
    assertEquals("it has run its maxTasksPerWorker", events.get(1).why());
    assertEquals(1, events.get(1).worker().tasksDone());
  }

  // ------------------------------------------------------------------ What observers may do

  private static void refuse() {
    throw new IllegalStateException("no wish to know");
  }

  @Test
  void whatAnObserverThrowsHarmsNobody() throws Exception {
    PoolObserver thrower =
        new PoolObserver() {
          @Override
          public void onSubmit(TaskReport task) {
            refuse();
          }

          @Override
          public void onStart(TaskReport task) {
            refuse();
          }

          @Override
          public void onDone(TaskReport task) {
            refuse();
          }

          @Override
          public void onWorkerStarted(WorkerInfo worker) {
            refuse();
          }

          @Override
          public void onWorkerEnded(WorkerInfo worker, String why) {
            refuse();
          }
        };
    try (Lines lines = new Lines("no wish to know")) {
      Pool pool = keep(builder().maxWorkers(1).observer(thrower).build());
      for (int i = 0; i < 5; i++) {
        int n = i;
        assertEquals(i * i, run(pool, () -> n * n));
      }
      execute(pool, () -> {});
      assertJoins(pool);
      assertEquals(6, pool.stats().completed());
      assertEquals(1, lines.count.get());
    }
  }

  /** Looks at its pool, and submits to it. */
  private static final class User implements PoolObserver {
    private final AtomicInteger submissions = new AtomicInteger();
    private volatile Pool pool;

    @Override
    public void onSubmit(TaskReport task) {
      look();
      if (submissions.getAndIncrement() < 3) { // its own condition, that ends
        execute(pool, PoolObserverContract::nothing);
      }
    }

    @Override
    public void onStart(TaskReport task) {
      look();
    }

    @Override
    public void onDone(TaskReport task) {
      look();
      if (task.name().equals("first")) {
        submit(pool, () -> 2);
      }
    }

    @Override
    public void onWorkerStarted(WorkerInfo worker) {
      look();
    }

    @Override
    public void onWorkerEnded(WorkerInfo worker, String why) {
      look();
    }

    private void look() {
      pool.stats();
      pool.workers();
    }
  }

  @Test
  void observerMayUseThePool() throws Exception {
    User user = new User();
    Pool pool = keep(builder().maxWorkers(1).observer(user).build());
    user.pool = pool;
    TaskOptions first = TaskOptions.DEFAULT.withName("first");
    assertEquals(9, submit(pool, first, () -> 9).get(30, SECONDS));
    assertJoins(pool);
    // The first, three posted ones, and the one from onDone().
    assertEquals(5, pool.stats().completed());
    assertEquals(5, user.submissions.get());
  }

  @Test
  void eachTaskOfManyHasOneLife() throws Exception {
    Pool pool = keep(plan().maxWorkers(3).build());
    List<Thread> submitters = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      Thread submitter =
          new Thread(
              () -> {
                List<CompletableFuture<Integer>> futures = new ArrayList<>();
                for (int j = 0; j < 60; j++) {
                  int n = j;
                  futures.add(submit(pool, () -> n));
                  if (j % 3 == 0) {
                    futures.get(j).cancel(false);
                  }
                }
                for (CompletableFuture<Integer> future : futures) {
                  future.handle((value, thrown) -> value).join();
                }
              });
      submitter.start();
      submitters.add(submitter);
    }
    for (Thread submitter : submitters) {
      submitter.join(30_000);
      assertFalse(submitter.isAlive());
    }
    assertJoins(pool);
    Map<String, Long> lives = recorder.countLives();
    assertEquals(
        180, lives.getOrDefault("submit start done", 0L) + lives.getOrDefault("submit done", 0L));
    assertTrue(
        lives.getOrDefault("submit done", 0L) <= pool.stats().cancelled(), lives.toString());
  }
}

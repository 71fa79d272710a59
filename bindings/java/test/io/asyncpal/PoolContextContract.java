package io.asyncpal;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.Serializable;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What a {@link ContextHook} takes from the submitter to the task. */
abstract class PoolContextContract extends PoolContract {
  /** As an MDC: each thread has its own. */
  private static final ThreadLocal<String> USER = ThreadLocal.withInitial(() -> "nobody");

  PoolContextContract(PoolKind kind) {
    super(kind);
  }

  @AfterEach
  void forget() {
    USER.remove();
  }

  private static ContextHook.Captured captureUser() {
    String mine = USER.get();
    return mine.equals("nobody")
        ? null
        : () -> {
          USER.set(mine);
          return USER::remove;
        };
  }

  private Pool poolWithUsers() {
    return keep(builder().maxWorkers(1).context(PoolContextContract::captureUser).build());
  }

  private static String user() {
    return USER.get();
  }

  @Test
  void taskHasWhatItsSubmitterHas() throws Exception {
    Pool pool = poolWithUsers();
    USER.set("ada");
    assertEquals("ada", run(pool, () -> user()));
    TaskOptions named = TaskOptions.DEFAULT.withName("named");
    assertEquals("ada", submit(pool, named, () -> user()).get(30, SECONDS));
    assertEquals("ada", pool.invokeAny(List.of((SerializableCallable<String>) () -> user())));
    USER.set("bob");
    assertEquals("bob", run(pool, () -> user()));
  }

  @Test
  void nextTaskHasItsOwn() throws Exception {
    Pool pool = poolWithUsers();
    USER.set("ada");
    run(pool, () -> 1);
    USER.remove();
    assertEquals("nobody", run(pool, () -> user()));
  }

  @Test
  void contextIsThatOfTheSubmissionWhateverComesAfter() throws Exception {
    Pool pool = poolWithUsers();
    Gate gate = gate();
    block(pool, gate);
    USER.set("ada");
    var task = submit(pool, () -> user());
    USER.set("bob");
    gate.open();
    assertEquals("ada", task.get(30, SECONDS));
  }

  @Test
  void postedTaskHasItToo() throws Exception {
    Pool pool = poolWithUsers();
    Gate seen = gate();
    USER.set("ada");
    execute(
        pool,
        () -> {
          if (user().equals("ada")) {
            seen.open();
          }
        });
    Eventually.eventually("it has run as ada", seen::isOpen);
  }

  @Test
  void chunksOfAMapHaveIt() {
    Pool pool = poolWithUsers();
    USER.set("ada");
    List<Integer> five = IntStream.range(0, 5).boxed().toList();
    assertEquals(
        Collections.nCopies(5, "ada"),
        pool.mapAll(MapOptions.DEFAULT.withChunkSize(2), n -> user(), five).toList());
  }

  @Test
  void taskThatFailsLeavesNoneBehind() throws Exception {
    Pool pool = poolWithUsers();
    USER.set("ada");
    assertInstanceOf(
        NumberFormatException.class, failureOf(submit(pool, () -> Integer.parseInt("x"))));
    USER.remove();
    assertEquals("nobody", run(pool, () -> user()));
  }

  @Test
  void whatCaptureThrowsIsThrownByTheSubmission() {
    ContextHook hook =
        () -> {
          throw new UnsupportedOperationException("no context");
        };
    Pool pool = keep(builder().maxWorkers(1).context(hook).build());
    assertThrows(UnsupportedOperationException.class, () -> submit(pool, () -> 1));
    assertThrows(UnsupportedOperationException.class, () -> execute(pool, () -> {}));
    assertEquals(0, pool.stats().submitted());
  }

  @Test
  void whatRestoreThrowsFailsTheTask() throws Exception {
    ContextHook hook =
        () ->
            () -> {
              throw new UnsupportedOperationException("no place");
            };
    Pool pool = keep(builder().maxWorkers(1).context(hook).build());
    Throwable thrown = failureOf(submit(pool, () -> 1));
    assertInstanceOf(UnsupportedOperationException.class, thrown);
    assertEquals(1, pool.stats().failed());
  }

  @Test
  void shutdownNowReturnsWhatWasGivenToExecute() throws Exception {
    Pool pool = poolWithUsers();
    block(pool, gate());
    USER.set("ada");
    Posted posted = new Posted();
    pool.execute(posted);
    Runnable returned = pool.shutdownNow().get(0);
    if (kind() == PoolKinds.THREADS) {
      assertEquals(posted, returned);
    }
  }

  private static final class Posted implements Runnable, Serializable {
    private static final long serialVersionUID = 1;

    @Override
    public void run() {}
  }
}

package io.asyncpal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Maps that find the size of their chunks themselves, and maps of views. */
abstract class PoolChunksContract extends PoolContract {
  private static final MapOptions AUTOMATIC = MapOptions.DEFAULT.withChunkSize(0);
  private static final List<Integer> NUMBERS = numbers(2000);
  private static final List<Integer> SQUARES = NUMBERS.stream().map(n -> n * n).toList();

  PoolChunksContract(PoolKind kind) {
    super(kind);
  }

  private static List<Integer> numbers(int n) {
    return IntStream.range(0, n).boxed().toList();
  }

  private static int failAtThousand(int n) {
    if (n == 1000) {
      throw new IllegalArgumentException("too many");
    }
    return n;
  }

  @Test
  void automaticChunksGiveAllResultsInOrder() {
    Pool pool = pool(2);
    assertEquals(SQUARES, pool.mapAll(AUTOMATIC, n -> n * n, NUMBERS).toList());
    assertEquals(SQUARES, pool.map(AUTOMATIC, n -> n * n, NUMBERS).toList());
    assertEquals(
        SQUARES, pool.map(AUTOMATIC, n -> n * n, () -> NUMBERS.iterator()).toList());
  }

  @Test
  void automaticChunksGiveAllResultsUnordered() {
    Pool pool = pool(2);
    assertEquals(
        SQUARES, pool.mapAllUnordered(AUTOMATIC, n -> n * n, NUMBERS).sorted().toList());
  }

  @Test
  void automaticChunksOfFastCallsGrow() throws Exception {
    Pool pool = pool(2);
    assertEquals(20_000, pool.mapAll(AUTOMATIC, n -> n * n, numbers(20_000)).count());
    assertTrue(pool.join(Duration.ofSeconds(60)));
    long tasks = pool.stats().completed(); // how many depends on the machine
    assertTrue(tasks > 0 && tasks < 20_000, () -> tasks + " tasks");
  }

  @Test
  void automaticChunksTakeAnyInput() {
    Pool pool = pool(2);
    assertEquals(List.of(), pool.mapAll(AUTOMATIC, n -> n, List.of()).toList());
    assertEquals(List.of(9), pool.mapAll(AUTOMATIC, n -> n * n, List.of(3)).toList());
    Iterable<Integer> endless = () -> Stream.iterate(0, n -> n + 1).iterator();
    try (Stream<Integer> results = pool.map(AUTOMATIC, n -> n * n, endless)) {
      assertEquals(SQUARES.subList(0, 100), results.limit(100).toList());
    }
  }

  @Test
  void automaticChunksSettleEachCall() {
    Pool pool = pool(2);
    List<Settled<Integer>> settled =
        pool.mapSettledAll(AUTOMATIC, PoolChunksContract::failAtThousand, NUMBERS).toList();
    assertEquals(2000, settled.size());
    settled.forEach(one -> assertEquals(one.index() != 1000, one.ok()));
  }

  @Test
  void resultsBeforeAFailureInAnAutomaticChunkComeOut() {
    Pool pool = pool(2);
    AtomicInteger results = new AtomicInteger();
    Stream<Integer> map = pool.map(AUTOMATIC, PoolChunksContract::failAtThousand, NUMBERS);
    CompletionException thrown =
        assertThrows(
            CompletionException.class,
            () -> map.forEach(n -> assertEquals(results.getAndIncrement(), n)));
    assertEquals(1000, results.get());
    assertEquals("too many", thrown.getCause().getMessage());
  }

  @Test
  void progressOfAutomaticChunksCountsCalls() {
    Pool pool = pool(2);
    AtomicInteger last = new AtomicInteger();
    MapOptions told = AUTOMATIC.withProgress(map -> last.set((int) map.done()));
    assertEquals(SQUARES, pool.mapAll(told, n -> n * n, NUMBERS).toList());
    assertEquals(2000, last.get());
  }

  // ------------------------------------------------------------------ Views

  @Test
  void viewsHaveTheMapsOfTheirPool() {
    Pool pool = pool(2);
    List<Map.Entry<Integer, Integer>> pairs =
        NUMBERS.subList(0, 30).stream().map(n -> Map.entry(n, n)).toList();
    List<Integer> some = NUMBERS.subList(0, 30);
    List<Integer> squares = SQUARES.subList(0, 30);
    for (PoolView view :
        List.of(pool.serial(), pool.limited(2), pool.<String>keyed().key("a"))) {
      assertEquals(squares, view.map(n -> n * n, some).toList());
      assertEquals(squares, view.mapUnordered(n -> n * n, some).sorted().toList());
      assertEquals(squares, view.mapAll((a, b) -> a * b, some, some).toList());
      assertEquals(squares, view.starmap((a, b) -> a * b, pairs).toList());
      assertEquals(
          squares, view.mapSettledAll(n -> n * n, some).map(Settled::value).toList());
      assertEquals(SQUARES, view.mapAll(AUTOMATIC, n -> n * n, NUMBERS).toList());
    }
  }

  @Test
  void mapOfASerialViewRunsOneCallAtATimeAndInOrder() throws Exception {
    Pool pool = pool(3);
    PoolView view = pool.serial();
    Gate gate = gate();
    Gate started = Gate.closed();
    view.submit(
        () -> {
          started.open();
          return gate.pass();
        });
    assertTrue(started.pass());
    try (Stream<Long> times = view.mapAll(n -> System.nanoTime(), numbers(20))) {
      assertEquals(7, run(pool, () -> 7)); // the pool has other workers
      assertEquals(20, pool.stats().pending());
      gate.open();
      List<Long> all = times.toList();
      assertEquals(all.stream().sorted().toList(), all);
    }
  }

  @Test
  void mapOfAViewThatWasShutDownIsRefusedByItsName() {
    Pool pool = pool(1);
    PoolView view = pool.serial("mail");
    view.shutdown();
    assertContains(
        "view 'mail' of pool",
        assertThrows(
            RejectedExecutionException.class, () -> view.mapAll(n -> n, List.of(1))));
    assertEquals(0, pool.stats().submitted());
  }
}

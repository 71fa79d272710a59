package io.asyncpal;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(120)
class MapTest {
  private static final List<Integer> NUMBERS = IntStream.range(0, 100).boxed().toList();
  private static final List<Integer> SQUARES = NUMBERS.stream().map(n -> n * n).toList();

  private final ThreadPool pool = new ThreadPool(2);
  private final Gate gate = Gate.closed();

  @AfterEach
  void close() throws Exception {
    if (!gate.isOpen()) {
      gate.open();
    }
    pool.shutdownNow();
    assertTrue(pool.awaitTermination(30, SECONDS));
  }

  private Integer pass(Integer n) {
    try {
      gate.pass();
      return n;
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static Throwable causeOf(Stream<?> stream) {
    return assertThrows(CompletionException.class, stream::toList).getCause();
  }

  @Test
  void everyMapGivesEveryResult() {
    assertEquals(SQUARES, pool.map(n -> n * n, NUMBERS).toList());
    assertEquals(SQUARES, pool.mapAll(n -> n * n, NUMBERS).toList());
    assertEquals(
        Set.copyOf(SQUARES), pool.mapUnordered(n -> n * n, NUMBERS).collect(Collectors.toSet()));
    assertEquals(
        Set.copyOf(SQUARES),
        pool.mapAllUnordered(n -> n * n, NUMBERS).collect(Collectors.toSet()));
    assertEquals(SQUARES, pool.map((a, b) -> a * b, NUMBERS, NUMBERS).toList());
    assertEquals(
        List.of(5, 9),
        pool.starmap((a, b) -> a + b, List.of(Map.entry(2, 3), Map.entry(4, 5))).toList());
    assertEquals(
        List.of("ab"), pool.starmapAll((a, b) -> a + b, Map.of("a", "b").entrySet()).toList());
  }

  @Test
  void chunksOfAnySizeChangeNoResult() {
    for (int size : new int[] {1, 3, 100, 1000}) {
      MapOptions options = MapOptions.DEFAULT.withChunkSize(size);
      assertEquals(SQUARES, pool.map(options, n -> n * n, NUMBERS).toList());
      assertEquals(
          Set.copyOf(SQUARES),
          pool.mapUnordered(options, n -> n * n, NUMBERS).collect(Collectors.toSet()));
    }
  }

  @Test
  void chunkMakesOneTask() {
    pool.map(MapOptions.DEFAULT.withChunkSize(10), n -> n, NUMBERS).toList();
    assertEquals(10, pool.stats().submitted());
  }

  @Test
  void mapOfNothingGivesNothing() {
    assertEquals(List.of(), pool.map(n -> n, List.of()).toList());
    assertEquals(List.of(), pool.mapAllUnordered(n -> n, List.of()).toList());
  }

  @Test
  void shortestIterableEndsTheMap() {
    assertEquals(
        List.of(11, 22), pool.map(Integer::sum, List.of(1, 2, 3), List.of(10, 20)).toList());
  }

  @Test
  void nullResultsComeThrough() {
    List<Object> expected = new ArrayList<>();
    expected.add(null);
    assertEquals(expected, pool.map(n -> null, List.of(1)).toList());
  }

  @Test
  void lazyMapSubmitsNoMoreThanItsBuffer() {
    AtomicInteger read = new AtomicInteger();
    Iterable<Integer> endless =
        () ->
            new Iterator<>() {
              @Override
              public boolean hasNext() {
                return true;
              }

              @Override
              public Integer next() {
                return read.getAndIncrement();
              }
            };
    try (Stream<Integer> results =
        pool.map(MapOptions.DEFAULT.withBufferSize(3), n -> n, endless)) {
      assertEquals(3, read.get());
      assertEquals(3, pool.stats().submitted());
      assertEquals(List.of(0, 1), results.limit(2).toList());
      assertTrue(read.get() <= 6);
    }
  }

  @Test
  void bufferIsTwiceTheWorkersByDefault() {
    try (Stream<Integer> results = pool.map(this::pass, NUMBERS)) {
      assertEquals(4, pool.stats().submitted());
      assertEquals(false, results.isParallel());
    }
  }

  @Test
  void eagerMapSubmitsAllAtTheCall() {
    try (Stream<Integer> results = pool.mapAll(this::pass, NUMBERS)) {
      assertEquals(100, pool.stats().submitted());
      gate.open();
      assertEquals(NUMBERS, results.toList());
    }
  }

  @Test
  void unorderedMapGivesFirstWhatIsDoneFirst() {
    try (Stream<Integer> results =
        pool.mapUnordered(n -> n == 0 ? pass(n) : n, List.of(0, 1))) {
      Iterator<Integer> it = results.iterator();
      assertEquals(1, it.next());
      gate.open();
      assertEquals(0, it.next());
    }
  }

  @Test
  void closingTheStreamCancelsWhatHasNotStarted() {
    Stream<Integer> results = pool.mapAll(this::pass, NUMBERS);
    results.close();
    assertEquals(0, pool.countPendingTasks());
  }

  @Test
  void resultsBeforeAnErrorInTheirChunkComeOut() {
    IllegalStateException error = new IllegalStateException("at 5");
    Iterator<Integer> results =
        pool.map(
                MapOptions.DEFAULT.withChunkSize(10),
                n -> {
                  if (n == 5) {
                    throw error;
                  }
                  return n;
                },
                NUMBERS)
            .iterator();
    for (int i = 0; i < 5; i++) {
      assertEquals(i, results.next());
    }
    assertSame(error, assertThrows(CompletionException.class, results::next).getCause());
  }

  @Test
  void errorCancelsWhatHasNotStarted() {
    Throwable cause =
        causeOf(pool.mapAll(n -> n == 0 ? Integer.parseInt("x") : pass(n), NUMBERS));
    assertInstanceOf(NumberFormatException.class, cause);
    assertEquals(0, pool.countPendingTasks());
  }

  @Test
  void timeoutErrorNamesThePoolAndCancelsTheRest() {
    MapOptions options = MapOptions.DEFAULT.withTimeout(Duration.ofMillis(20));
    Throwable cause = causeOf(pool.mapAll(options, this::pass, NUMBERS));
    assertInstanceOf(TimeoutException.class, cause);
    assertTrue(cause.getMessage().contains("'ThreadPool'"), cause.getMessage());
    assertEquals(0, pool.countPendingTasks());
    assertInstanceOf(
        TimeoutException.class, causeOf(pool.mapUnordered(options, this::pass, NUMBERS)));
  }

  @Test
  void mapInsideAWorkerOfItsPoolEnds() throws Exception {
    try (ThreadPool single = new ThreadPool(1)) {
      assertEquals(SQUARES, single.submit(() -> single.map(n -> n * n, NUMBERS).toList()).get());
      assertEquals(
          100, single.submit(() -> single.mapUnordered(n -> n, NUMBERS).count()).get());
    }
  }

  @Test
  void badOptionIsNamedWithItsValue() {
    assertTrue(
        assertThrows(
                IllegalArgumentException.class, () -> MapOptions.DEFAULT.withChunkSize(0))
            .getMessage()
            .contains("chunkSize is 0"));
    assertThrows(IllegalArgumentException.class, () -> MapOptions.DEFAULT.withBufferSize(-1));
    assertThrows(
        IllegalArgumentException.class,
        () -> MapOptions.DEFAULT.withTimeout(Duration.ofSeconds(-1)));
  }

  @Test
  void mapOfAClosedPoolIsRejected() {
    pool.shutdown();
    assertThrows(RejectedExecutionException.class, () -> pool.map(n -> n, NUMBERS));
  }
}

package io.asyncpal;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Iterator;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What the contract doesn't say of maps. */
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

  @Test
  void lazyMapReadsNoMoreOfItsInputThanItsBuffer() {
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
  void eagerMapSubmitsAllAtTheCall() {
    try (Stream<Integer> results = pool.mapAll(this::pass, NUMBERS)) {
      assertEquals(100, pool.stats().submitted());
      gate.open();
      assertEquals(NUMBERS, results.toList());
    }
  }

  @Test
  void closingTheStreamCancelsWhatHasNotStarted() {
    Stream<Integer> results = pool.mapAll(this::pass, NUMBERS);
    results.close();
    assertEquals(0, pool.countPendingTasks());
  }

  @Test
  void mapInsideAWorkerOfItsPoolEnds() throws Exception {
    try (ThreadPool single = new ThreadPool(1)) {
      assertEquals(SQUARES, single.submit(() -> single.map(n -> n * n, NUMBERS).toList()).get());
      assertEquals(
          100, single.submit(() -> single.mapUnordered(n -> n, NUMBERS).count()).get());
    }
  }
}

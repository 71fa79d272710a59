package io.asyncpal;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeoutException;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * The map family.
 *
 * <p>Claims of C++ that are not here:
 *
 * <ul>
 *   <li>mapAllOfWhatReturnsNothingRunsEachCall: every function returns something, if only null; see
 *       mapOfWhatReturnsNothingGivesAMarkForEachCall
 *   <li>everyMapRefusesChunksOfNothing, everyMapRefusesANegativeTimeout, refusedMapSubmitsNothing:
 *       MapOptions refuses them; see badMapOptionIsNamedWithItsValue
 * </ul>
 */
abstract class PoolMapContract extends PoolContract {
  private static final List<Integer> NUMBERS = IntStream.range(0, 30).boxed().toList();
  private static final List<Map.Entry<Integer, Integer>> PAIRS =
      NUMBERS.stream().map(n -> Map.entry(n, 100 * n)).toList();
  private static final List<Integer> SUMS = NUMBERS.stream().map(n -> 101 * n).toList();
  private static final MapOptions DEFAULT = MapOptions.DEFAULT;

  PoolMapContract(PoolKind kind) {
    super(kind);
  }

  /** The members of the family. */
  enum Form {
    MAP,
    MAP_UNORDERED,
    MAP_ALL,
    MAP_ALL_UNORDERED,
    STARMAP,
    STARMAP_UNORDERED,
    STARMAP_ALL,
    STARMAP_ALL_UNORDERED;

    boolean isOrdered() {
      return this == MAP || this == MAP_ALL || this == STARMAP || this == STARMAP_ALL;
    }

    String methodName() {
      StringBuilder name = new StringBuilder();
      for (String word : name().toLowerCase(java.util.Locale.ROOT).split("_")) {
        name.append(
            name.isEmpty() ? word : Character.toUpperCase(word.charAt(0)) + word.substring(1));
      }
      return name.toString();
    }
  }

  /** Calls the one that is asked for; those that are no starmaps take the pairs apart. */
  private static <A, B, R> Stream<R> map(
      Form form,
      PoolMaps pool,
      MapOptions options,
      SerializableBiFunction<A, B, R> f,
      Iterable<Map.Entry<A, B>> pairs) {
    Iterable<A> first = firstOf(pairs);
    Iterable<B> second = secondOf(pairs);
    return switch (form) {
      case MAP -> pool.map(options, f, first, second);
      case MAP_UNORDERED -> pool.mapUnordered(options, f, first, second);
      case MAP_ALL -> pool.mapAll(options, f, first, second);
      case MAP_ALL_UNORDERED -> pool.mapAllUnordered(options, f, first, second);
      case STARMAP -> pool.starmap(options, f, pairs);
      case STARMAP_UNORDERED -> pool.starmapUnordered(options, f, pairs);
      case STARMAP_ALL -> pool.starmapAll(options, f, pairs);
      case STARMAP_ALL_UNORDERED -> pool.starmapAllUnordered(options, f, pairs);
    };
  }

  private static <A, R> Stream<R> map(
      Form form,
      PoolMaps pool,
      MapOptions options,
      SerializableFunction<A, R> f,
      Iterable<? extends A> items) {
    Iterable<Map.Entry<A, Integer>> pairs =
        () -> {
          Iterator<? extends A> it = items.iterator();
          return new Iterator<>() {
            @Override
            public boolean hasNext() {
              return it.hasNext();
            }

            @Override
            public Map.Entry<A, Integer> next() {
              return Map.entry(it.next(), 0);
            }
          };
        };
    SerializableBiFunction<A, Integer, R> g = (item, ignored) -> f.apply(item);
    return map(form, pool, options, g, pairs);
  }

  /** The first parts of pairs, or the second. */
  private static <A, B> Iterable<A> firstOf(Iterable<Map.Entry<A, B>> pairs) {
    return () -> part(pairs.iterator(), true);
  }

  private static <A, B> Iterable<B> secondOf(Iterable<Map.Entry<A, B>> pairs) {
    return () -> part(pairs.iterator(), false);
  }

  @SuppressWarnings("unchecked")
  private static <T> Iterator<T> part(Iterator<? extends Map.Entry<?, ?>> pairs, boolean first) {
    return new Iterator<>() {
      @Override
      public boolean hasNext() {
        return pairs.hasNext();
      }

      @Override
      public T next() {
        Map.Entry<?, ?> pair = pairs.next();
        return (T) (first ? pair.getKey() : pair.getValue());
      }
    };
  }

  private static int passUnchecked(Gate gate, int n) {
    try {
      gate.pass();
      return n;
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /** 2 and only 2 is a bad number. */
  private static int failAtTwo(int n) {
    if (n == 2) {
      throw new IllegalStateException("two is too many");
    }
    return n;
  }

  private static Throwable failureOf(Stream<?> results) {
    return assertThrows(CompletionException.class, results::toList).getCause();
  }

  private static List<Integer> sorted(Stream<Integer> results) {
    return results.sorted().toList();
  }

  // ------------------------------------------------------------------ Results

  @Test
  void everyMapGivesEveryResult() {
    Pool pool = pool(2);
    for (Form form : Form.values()) {
      assertEquals(SUMS, sorted(map(form, pool, DEFAULT, (a, b) -> a + b, PAIRS)), form::name);
    }
  }

  @Test
  void orderedMapsKeepTheOrder() {
    Pool pool = pool(2);
    for (Form form : Form.values()) {
      if (form.isOrdered()) {
        assertEquals(SUMS, map(form, pool, DEFAULT, (a, b) -> a + b, PAIRS).toList(), form::name);
      }
    }
  }

  @Test
  void chunksOfAnySizeChangeNoResult() {
    Pool pool = pool(2);
    for (int size : new int[] {0, 1, 7, 30, 31, Integer.MAX_VALUE}) {
      MapOptions options = DEFAULT.withChunkSize(size);
      for (Form form : Form.values()) {
        Stream<Integer> results = map(form, pool, options, (a, b) -> a + b, PAIRS);
        assertEquals(
            SUMS, form.isOrdered() ? results.toList() : sorted(results), form + " by " + size);
      }
    }
  }

  @Test
  void chunkMakesOneTask() {
    Pool pool = pool(2);
    map(Form.MAP_ALL, pool, DEFAULT.withChunkSize(7), n -> n, NUMBERS).toList();
    assertEquals(5, pool.stats().submitted());
  }

  @Test
  void everyMapOfNothingGivesNothing() {
    Pool pool = pool(2);
    List<Map.Entry<Integer, Integer>> nothing = List.of();
    for (Form form : Form.values()) {
      assertEquals(0, map(form, pool, DEFAULT, (a, b) -> a + b, nothing).count(), form::name);
    }
  }

  @Test
  void bufferOfOneGivesEveryResult() {
    Pool pool = pool(2);
    MapOptions options = DEFAULT.withBufferSize(1);
    for (Form form : Form.values()) {
      assertEquals(SUMS, sorted(map(form, pool, options, (a, b) -> a + b, PAIRS)), form::name);
    }
  }

  @Test
  void hugeBufferGivesEveryResult() {
    Pool pool = pool(2);
    MapOptions options = DEFAULT.withBufferSize(Integer.MAX_VALUE);
    for (Form form : Form.values()) {
      assertEquals(SUMS, sorted(map(form, pool, options, (a, b) -> a + b, PAIRS)), form::name);
    }
  }

  @Test
  void shortestRangeEndsTheMap() {
    PoolMaps pool = pool(2);
    assertEquals(
        List.of(11, 22), pool.map((a, b) -> a + b, List.of(1, 2, 3), List.of(10, 20)).toList());
  }

  @Test
  void mapOfWhatReturnsNothingGivesAMarkForEachCall() {
    List<Object> nulls = Collections.nCopies(30, null);
    assertEquals(nulls, map(Form.MAP, pool(2), DEFAULT, n -> null, NUMBERS).toList());
  }

  private void assertGivesFirstWhatIsDoneFirst(Form form, MapOptions options) {
    Gate gate = gate();
    Stream<Integer> results =
        map(form, pool(2), options, n -> n == 0 ? passUnchecked(gate, n) : n, List.of(0, 1));
    try (results) {
      Iterator<Integer> it = results.iterator();
      assertEquals(1, it.next());
      gate.open();
      assertEquals(0, it.next());
    }
  }

  @Test
  void unorderedMapGivesFirstWhatIsDoneFirst() {
    assertGivesFirstWhatIsDoneFirst(Form.MAP_UNORDERED, DEFAULT);
  }

  @Test
  void mapWithoutKeepOrderGivesFirstWhatIsDoneFirst() {
    assertGivesFirstWhatIsDoneFirst(Form.MAP, DEFAULT.withKeepOrder(false));
  }

  @Test
  void mapAllUnorderedGivesFirstWhatIsDoneFirst() {
    assertGivesFirstWhatIsDoneFirst(Form.MAP_ALL_UNORDERED, DEFAULT);
  }

  // ------------------------------------------------------------------ Laziness

  @Test
  void lazyMapStartsAtTheCall() throws Exception {
    Gate started = gate();
    SerializableFunction<Integer, Integer> f =
        n -> {
          started.open();
          return n;
        };
    try (Stream<Integer> results = map(Form.MAP, pool(2), DEFAULT, f, List.of(1))) {
      assertTrue(started.pass());
      assertFalse(results.isParallel());
    }
  }

  @Test
  void lazyMapSubmitsNoMoreThanItsBuffer() {
    Pool pool = pool(2);
    Iterable<Integer> endless = () -> IntStream.iterate(0, n -> n + 1).iterator();
    try (Stream<Integer> results =
        map(Form.MAP, pool, DEFAULT.withBufferSize(3), n -> n, endless)) {
      assertEquals(3, pool.stats().submitted());
      assertFalse(results.isParallel());
    }
  }

  @Test
  void lazyMapSubmitsOneForEachOneTaken() {
    Pool pool = pool(2);
    try (Stream<Integer> results =
        map(Form.MAP, pool, DEFAULT.withBufferSize(3), n -> n, NUMBERS)) {
      Iterator<Integer> it = results.iterator();
      it.next();
      it.next();
      assertEquals(5, pool.stats().submitted());
    }
  }

  @Test
  void bufferIsTwiceTheWorkersByDefault() {
    Pool pool = pool(2);
    try (Stream<Integer> results = map(Form.MAP_UNORDERED, pool, DEFAULT, n -> n, NUMBERS)) {
      assertEquals(4, pool.stats().submitted());
      assertFalse(results.isParallel());
    }
  }

  private void assertLeavingCancelsWhatHasNotStarted(Form form) throws Exception {
    Pool pool = pool(1);
    block(pool, gate());
    map(form, pool, DEFAULT.withBufferSize(5), n -> n, NUMBERS).close();
    assertEquals(5, pool.stats().cancelled());
  }

  @Test
  void leavingALazyMapCancelsWhatHasNotStarted() throws Exception {
    assertLeavingCancelsWhatHasNotStarted(Form.MAP);
  }

  @Test
  void leavingAnUnorderedMapCancelsWhatHasNotStarted() throws Exception {
    assertLeavingCancelsWhatHasNotStarted(Form.MAP_UNORDERED);
  }

  @Test
  void leavingAMapEarlyLeavesThePoolUsable() throws Exception {
    Pool pool = pool(1);
    try (Stream<Integer> results = map(Form.MAP, pool, DEFAULT, n -> n, NUMBERS)) {
      assertEquals(List.of(0, 1, 2), results.limit(3).toList());
    }
    assertEquals(3, run(pool, () -> 3));
  }

  // ------------------------------------------------------------------ Errors

  private void assertResultsBeforeAnErrorComeOut(MapOptions options) {
    Iterator<Integer> results =
        map(Form.MAP, pool(2), options, PoolMapContract::failAtTwo, NUMBERS).iterator();
    assertEquals(0, results.next());
    assertEquals(1, results.next());
    assertInstanceOf(
        IllegalStateException.class,
        assertThrows(CompletionException.class, results::next).getCause());
  }

  @Test
  void resultsBeforeAnErrorComeOut() {
    assertResultsBeforeAnErrorComeOut(DEFAULT);
  }

  @Test
  void resultsBeforeAnErrorInTheirChunkComeOut() {
    assertResultsBeforeAnErrorComeOut(DEFAULT.withChunkSize(5));
  }

  @Test
  void errorEndsTheRange() {
    Iterator<Integer> results =
        map(Form.MAP, pool(2), DEFAULT, PoolMapContract::failAtTwo, NUMBERS).iterator();
    results.next();
    results.next();
    assertThrows(CompletionException.class, results::next);
    assertFalse(results.hasNext());
  }

  private void assertErrorCancelsWhatHasNotStarted(Form form) {
    Pool pool = pool(1);
    Gate gate = gate();
    Stream<Integer> results =
        map(
            form,
            pool,
            DEFAULT.withBufferSize(10),
            n -> n > 2 ? passUnchecked(gate, n) : failAtTwo(n),
            NUMBERS.subList(0, 10));
    assertInstanceOf(IllegalStateException.class, failureOf(results));
    // The call with 3 may have started.
    assertTrue(pool.stats().cancelled() >= 6, "cancelled: " + pool.stats());
  }

  @Test
  void errorCancelsWhatHasNotStarted() {
    assertErrorCancelsWhatHasNotStarted(Form.MAP);
  }

  @Test
  void errorInAnUnorderedMapCancelsWhatHasNotStarted() {
    assertErrorCancelsWhatHasNotStarted(Form.MAP_UNORDERED);
  }

  @Test
  void errorInAnEagerMapCancelsWhatHasNotStarted() {
    assertErrorCancelsWhatHasNotStarted(Form.MAP_ALL);
  }

  @Test
  void everyEagerMapThrowsWhatACallThrew() {
    Pool pool = pool(2);
    for (Form form : Form.values()) {
      Throwable thrown =
          failureOf(map(form, pool, DEFAULT, PoolMapContract::failAtTwo, NUMBERS));
      assertEquals("two is too many", thrown.getMessage(), form::name);
    }
  }

  @Test
  void poolGoesOnAfterAFailedMap() throws Exception {
    Pool pool = pool(2);
    failureOf(map(Form.MAP_ALL, pool, DEFAULT, PoolMapContract::failAtTwo, NUMBERS));
    assertEquals(SUMS, map(Form.MAP_ALL, pool, DEFAULT, (a, b) -> a + b, PAIRS).toList());
  }

  @Test
  void timeoutErrorNamesTheMapAndThePool() throws Exception {
    Pool pool = pool(1);
    block(pool, gate());
    MapOptions options = DEFAULT.withTimeout(Duration.ofMillis(1));
    for (Form form : Form.values()) {
      Throwable thrown = failureOf(map(form, pool, options, (a, b) -> a + b, PAIRS));
      assertInstanceOf(TimeoutException.class, thrown);
      assertTrue(
          thrown.getMessage().startsWith(form.methodName() + " on pool 'p'"),
          thrown.getMessage());
      assertContains("PT0.001S", thrown);
    }
  }

  @Test
  void timeoutCancelsWhatHasNotStarted() throws Exception {
    Pool pool = pool(1);
    block(pool, gate());
    failureOf(
        map(Form.MAP_ALL, pool, DEFAULT.withTimeout(Duration.ofMillis(1)), n -> n, NUMBERS));
    assertEquals(30, pool.stats().cancelled());
  }

  @Test
  void zeroTimeoutOfABusyPoolTimesOut() throws Exception {
    Pool pool = pool(1);
    block(pool, gate());
    for (Form form : Form.values()) {
      assertInstanceOf(
          TimeoutException.class,
          failureOf(
              map(form, pool, DEFAULT.withTimeout(Duration.ZERO), (a, b) -> a + b, PAIRS)));
    }
  }

  @Test
  void badMapOptionIsNamedWithItsValue() {
    assertContains(
        "chunkSize is -1",
        assertThrows(IllegalArgumentException.class, () -> DEFAULT.withChunkSize(-1)));
    assertContains(
        "bufferSize is -1",
        assertThrows(IllegalArgumentException.class, () -> DEFAULT.withBufferSize(-1)));
    Duration negative = Duration.ofSeconds(-1);
    assertContains(
        "timeout is PT-1S",
        assertThrows(IllegalArgumentException.class, () -> DEFAULT.withTimeout(negative)));
  }

  @Test
  void everyMapOfAClosedPoolThrows() {
    Pool pool = pool(1);
    pool.shutdown();
    for (Form form : Form.values()) {
      assertThrows(
          RejectedExecutionException.class,
          () -> map(form, pool, DEFAULT, (a, b) -> a + b, PAIRS));
    }
  }

  @Test
  void shutdownEndsAMapWithCancelledError() throws Exception {
    Pool pool = pool(1);
    block(pool, gate());
    List<Stream<Integer>> maps = new ArrayList<>();
    for (Form form : Form.values()) {
      maps.add(map(form, pool, DEFAULT, (a, b) -> a + b, PAIRS));
    }
    assertEquals(List.of(), pool.shutdownNow());
    for (Stream<Integer> results : maps) {
      assertThrows(CancellationException.class, results::toList);
    }
    assertTrue(pool.awaitTermination(30, SECONDS));
  }
}

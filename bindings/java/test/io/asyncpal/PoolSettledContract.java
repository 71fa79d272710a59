package io.asyncpal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeoutException;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * The maps that go on after failed calls.
 *
 * <p>Claims of C++ that are not here: skippingMapOfWhatReturnsNothingGoesOn, as what is mapped
 * returns something, and unknownOnErrorIsRefused, as an enum has no others.
 */
abstract class PoolSettledContract extends PoolContract {
  private static final MapOptions DEFAULT = MapOptions.DEFAULT;

  PoolSettledContract(PoolKind kind) {
    super(kind);
  }

  private static List<Integer> numbers(int n) {
    return IntStream.range(0, n).boxed().toList();
  }

  private static int failAtMultiplesOfThree(int n) {
    if (n % 3 == 0) {
      throw new IllegalArgumentException("bad " + n, new IllegalStateException("cause " + n));
    }
    return n;
  }

  /** What each of the maps gives for the same calls. */
  private static Map<String, Stream<Settled<Integer>>> everyMap(
      Pool pool, MapOptions options, SerializableFunction<Integer, Integer> f, int n) {
    SerializableBiFunction<Integer, Integer, Integer> g = (item, ignored) -> f.apply(item);
    List<Map.Entry<Integer, Integer>> pairs =
        numbers(n).stream().map(i -> Map.entry(i, 0)).toList();
    return Map.of(
        "mapSettled", pool.mapSettled(options, f, numbers(n)),
        "mapSettled of two", pool.mapSettled(options, g, numbers(n), numbers(n)),
        "mapSettledAll", pool.mapSettledAll(options, f, numbers(n)),
        "mapSettledAll of two", pool.mapSettledAll(options, g, numbers(n), numbers(n)),
        "starmapSettled", pool.starmapSettled(options, g, pairs),
        "starmapSettledAll", pool.starmapSettledAll(options, g, pairs));
  }

  @Test
  void everySettlingMapTellsHowEachCallEnded() throws Exception {
    Pool pool = pool(2);
    for (int chunkSize : new int[] {1, 7, 100}) {
      for (Map.Entry<String, Stream<Settled<Integer>>> map :
          everyMap(
                  pool,
                  DEFAULT.withChunkSize(chunkSize),
                  PoolSettledContract::failAtMultiplesOfThree,
                  20)
              .entrySet()) {
        List<Settled<Integer>> settled = map.getValue().toList();
        assertEquals(20, settled.size(), map.getKey());
        for (int i = 0; i < 20; i++) {
          Settled<Integer> one = settled.get(i);
          assertEquals(i, one.index(), map.getKey());
          assertEquals(i % 3 != 0, one.ok(), map.getKey());
          if (one.ok()) {
            assertEquals(i, one.value());
            assertEquals(i, one.get());
          } else {
            assertNull(one.value());
            assertEquals("bad " + i + " <- cause " + i, chainOf(one.exception()));
            assertInstanceOf(IllegalArgumentException.class, one.exception());
            assertSame(
                one.exception(), assertThrows(ExecutionException.class, one::get).getCause());
          }
        }
      }
    }
  }

  @Test
  void indexIsThatOfTheInputWhateverTheOrder() {
    Pool pool = pool(2);
    everyMap(pool, DEFAULT.withKeepOrder(false).withChunkSize(3), n -> n, 50)
        .forEach(
            (name, map) -> {
              List<Settled<Integer>> settled = map.toList();
              assertEquals(50, settled.size(), name);
              settled.forEach(one -> assertEquals(one.index(), (long) one.value(), name));
              assertEquals(50, settled.stream().mapToLong(Settled::index).distinct().count(), name);
            });
  }

  @Test
  void withoutOrderTheFirstDoneComesFirst() {
    Pool pool = pool(2);
    Gate gate = gate();
    try (Stream<Settled<Boolean>> settled =
        pool.mapSettled(
            DEFAULT.withKeepOrder(false), n -> n > 0 || passed(gate), numbers(2))) {
      assertEquals(1, settled.findFirst().orElseThrow().index());
    }
  }

  private static boolean passed(Gate gate) {
    try {
      return gate.pass();
    } catch (InterruptedException e) {
      return false;
    }
  }

  @Test
  void settledExceptionKeepsItsCauses() {
    Settled<Integer> one =
        pool(1)
            .mapSettledAll(
                DEFAULT.withChunkSize(5),
                PoolSettledContract::failAtMultiplesOfThree,
                numbers(5))
            .toList()
            .get(3);
    assertEquals("bad 3 <- cause 3", chainOf(one.exception()));
    assertInstanceOf(IllegalStateException.class, one.exception().getCause());
  }

  @Test
  void whatReturnsNothingIsSettledToo() {
    List<Settled<Integer>> settled =
        pool(1).mapSettledAll(n -> failAtMultiplesOfThree(n) > 9 ? 1 : null, numbers(2)).toList();
    assertFalse(settled.get(0).ok());
    assertTrue(settled.get(1).ok());
    assertNull(settled.get(1).value());
  }

  @Test
  void settlingMapsTakeSeveralRangesAndNoOptions() {
    Pool pool = pool(1);
    List<Map.Entry<Integer, Integer>> pairs = List.of(Map.entry(1, 10), Map.entry(2, 20));
    assertEquals(
        4, pool.mapSettledAll(Integer::sum, numbers(3), numbers(9)).toList().get(2).value());
    assertEquals(22, pool.starmapSettledAll(Integer::sum, pairs).toList().get(1).value());
    assertEquals(4, pool.mapSettled(n -> n * n, numbers(3)).toList().get(2).value());
    assertEquals(
        2, pool.mapSettled(Integer::sum, numbers(3), numbers(9)).toList().get(1).value());
    assertEquals(11, pool.starmapSettled(Integer::sum, pairs).toList().get(0).value());
  }

  @Test
  void settlingMapsOfNothingGiveNothing() {
    everyMap(pool(1), DEFAULT, n -> n, 0)
        .forEach((name, map) -> assertEquals(0, map.count(), name));
  }

  @Test
  void lazySettlingMapSubmitsNoMoreThanItsBuffer() {
    Pool pool = pool(1);
    try (Stream<Settled<Integer>> settled =
        pool.mapSettled(DEFAULT.withBufferSize(3), n -> n, numbers(100))) {
      assertEquals(3, pool.stats().submitted());
      assertEquals(0, settled.iterator().next().index());
    }
  }

  @Test
  void leavingASettlingMapCancelsWhatHasNotStarted() throws Exception {
    Pool pool = pool(1);
    Gate gate = gate();
    block(pool, gate);
    pool.mapSettled(DEFAULT.withBufferSize(5), n -> n, numbers(100)).close();
    assertEquals(5, pool.stats().cancelled());
  }

  @Test
  void timeoutEndsEverySettlingMap() throws Exception {
    Pool pool = pool(1);
    block(pool, gate());
    everyMap(pool, DEFAULT.withTimeout(Duration.ofMillis(1)), n -> n, 3)
        .forEach(
            (name, map) ->
                assertInstanceOf(
                    TimeoutException.class,
                    assertThrows(CompletionException.class, map::toList, name).getCause()));
  }

  @Test
  void shutdownEndsASettlingMap() throws Exception {
    Pool pool = pool(1);
    block(pool, gate());
    Stream<Settled<Integer>> settled = pool.mapSettled(n -> n, numbers(10));
    pool.shutdownNow();
    assertThrows(CancellationException.class, settled::toList);
  }

  @Test
  void closedPoolRefusesEverySettlingMap() {
    Pool pool = pool(1);
    pool.shutdown();
    assertThrows(
        RejectedExecutionException.class, () -> pool.mapSettled(n -> n, numbers(3)));
    assertThrows(
        RejectedExecutionException.class, () -> pool.mapSettledAll(n -> n, numbers(3)));
    assertThrows(
        RejectedExecutionException.class,
        () -> pool.starmapSettledAll(Integer::sum, List.of(Map.entry(1, 2))));
  }

  @Test
  void settlingMapsCountEachFailureByItself() {
    Pool pool = pool(2);
    List<MapState> told = new ArrayList<>();
    List<MapState> ends = new ArrayList<>();
    ProgressListener listener =
        new ProgressListener() {
          @Override
          public void onChange(MapState state) {
            told.add(state);
          }

          @Override
          public void onEnd(MapState state) {
            ends.add(state);
          }
        };
    assertEquals(
        10,
        pool.mapSettledAll(
                DEFAULT.withChunkSize(5).withProgress(listener),
                PoolSettledContract::failAtMultiplesOfThree,
                numbers(10))
            .toList()
            .size());
    assertEquals(3, told.size());
    assertEquals(1, ends.size());
    assertEquals(6, ends.get(0).done());
    assertEquals(4, ends.get(0).failed());
  }

  @Test
  void callsThatHaveAFailedTaskInCommonHaveItsFailure() {
    Pool pool = pool(1);
    List<Settled<Object>> settled =
        pool.mapSettledAll(
                DEFAULT.withChunkSize(2), n -> n < 2 ? unsendable() : n, numbers(4))
            .toList();
    assertEquals(4, settled.size());
    boolean isSent = kind() == PoolKinds.PROCESSES;
    for (Settled<Object> one : settled) {
      assertEquals(!isSent || one.index() >= 2, one.ok(), one.toString());
      if (!one.ok()) {
        assertInstanceOf(SerializationException.class, one.exception());
      }
    }
  }

  // ------------------------------------------------------------------ OnError.SKIP

  private static final MapOptions SKIPPING = DEFAULT.withOnError(MapOptions.OnError.SKIP);

  private static Map<String, Stream<Integer>> everySkippingMap(
      Pool pool, MapOptions options, SerializableFunction<Integer, Integer> f, int n) {
    SerializableBiFunction<Integer, Integer, Integer> g = (item, ignored) -> f.apply(item);
    List<Map.Entry<Integer, Integer>> pairs =
        numbers(n).stream().map(i -> Map.entry(i, 0)).toList();
    return Map.of(
        "map", pool.map(options, f, numbers(n)),
        "mapUnordered", pool.mapUnordered(options, f, numbers(n)).sorted(),
        "mapAll of two", pool.mapAll(options, g, numbers(n), numbers(n)),
        "mapAllUnordered", pool.mapAllUnordered(options, f, numbers(n)).sorted(),
        "starmap", pool.starmap(options, g, pairs),
        "starmapAll", pool.starmapAll(options, g, pairs));
  }

  @Test
  void everySkippingMapLeavesOutWhatFailed() {
    Pool pool = pool(2);
    List<Integer> good = numbers(20).stream().filter(n -> n % 3 != 0).toList();
    for (int chunkSize : new int[] {0, 1, 7}) {
      everySkippingMap(
              pool,
              SKIPPING.withChunkSize(chunkSize),
              PoolSettledContract::failAtMultiplesOfThree,
              20)
          .forEach((name, results) -> assertEquals(good, results.toList(), name));
    }
  }

  @Test
  void everySkippingMapCountsWhatItLeftOut() {
    Pool pool = pool(2);
    for (int chunkSize : new int[] {1, 5}) {
      List<MapState> told = new ArrayList<>();
      MapOptions options = SKIPPING.withChunkSize(chunkSize).withProgress(told::add);
      assertEquals(
          6,
          pool.mapAll(options, PoolSettledContract::failAtMultiplesOfThree, numbers(10))
              .toList()
              .size());
      MapState last = told.get(told.size() - 1);
      assertEquals(6, last.done());
      assertEquals(4, last.failed());
    }
  }

  @Test
  void skippingMapWhoseCallsAllFailGivesNothing() {
    Pool pool = pool(2);
    SerializableFunction<Integer, Integer> bad = n -> failAtMultiplesOfThree(3 * n);
    everySkippingMap(pool, SKIPPING, bad, 5)
        .forEach((name, results) -> assertEquals(List.of(), results.toList(), name));
  }

  @Test
  void skippingMapLosesTheChunkThatCanNotBeSent() {
    Pool pool = pool(1);
    List<Object> results =
        pool.<Integer, Object>mapAll(
                SKIPPING.withChunkSize(2), n -> n < 2 ? unsendable() : n, numbers(4))
            .toList();
    assertEquals(kind() == PoolKinds.PROCESSES ? 2 : 4, results.size());
  }

  @Test
  void shutdownEndsASkippingMap() throws Exception {
    Pool pool = pool(1);
    Gate gate = gate();
    block(pool, gate);
    Stream<Integer> results = pool.map(SKIPPING, n -> n, numbers(10));
    pool.shutdownNow();
    assertThrows(CancellationException.class, results::toList);
  }

  @Test
  void settlingMapsRefuseToSkip() {
    Pool pool = pool(1);
    assertContains(
        "onError is SKIP; mapSettled gives failures as results",
        assertThrows(
            IllegalArgumentException.class,
            () -> pool.mapSettled(SKIPPING, n -> n, numbers(3))));
    assertEquals(0, pool.stats().submitted());
  }

  private static Object unsendable() {
    return new Object();
  }
}

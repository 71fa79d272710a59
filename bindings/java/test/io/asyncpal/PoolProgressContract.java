package io.asyncpal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * What maps tell their {@link ProgressListener}. TotalIsKnownWhenARangeThatDoesNotSayEnds and
 * TotalIsThatOfTheShortestRangeThatEnds are about items here, of which there are two at most.
 */
abstract class PoolProgressContract extends PoolContract {
  private static final List<Integer> TEN = IntStream.range(0, 10).boxed().toList();

  PoolProgressContract(PoolKind kind) {
    super(kind);
  }

  /** Keeps what it is told. */
  private static final class Recorder implements ProgressListener {
    final List<MapState> changes = new ArrayList<>();
    final List<MapState> ends = new ArrayList<>();
    Consumer<MapState> onChange = state -> {};

    @Override
    public void onChange(MapState map) {
      assertTrue(ends.isEmpty(), "it has ended");
      changes.add(map);
      onChange.accept(map);
    }

    @Override
    public void onEnd(MapState map) {
      ends.add(map);
    }
  }

  /** One of the eight maps. */
  private interface Form {
    Stream<Integer> start(
        Pool pool,
        MapOptions options,
        List<Integer> items,
        SerializableFunction<Integer, Integer> f);

    default Stream<Integer> start(
        Pool pool, MapOptions options, SerializableFunction<Integer, Integer> f) {
      return start(pool, options, TEN, f);
    }
  }

  private static List<Map.Entry<Integer, Integer>> pairs(List<Integer> items) {
    return items.stream().map(n -> Map.entry(n, n)).toList();
  }

  private static List<Form> forms() {
    return List.of(
        (pool, options, items, f) -> pool.map(options, f, items),
        (pool, options, items, f) -> pool.mapUnordered(options, f, items),
        (pool, options, items, f) -> pool.mapAll(options, f, items),
        (pool, options, items, f) -> pool.mapAllUnordered(options, f, items),
        (pool, options, items, f) -> pool.starmap(options, (a, b) -> f.apply(a), pairs(items)),
        (pool, options, items, f) ->
            pool.starmapUnordered(options, (a, b) -> f.apply(a), pairs(items)),
        (pool, options, items, f) -> pool.starmapAll(options, (a, b) -> f.apply(a), pairs(items)),
        (pool, options, items, f) ->
            pool.starmapAllUnordered(options, (a, b) -> f.apply(a), pairs(items)));
  }

  private static MapOptions with(ProgressListener listener) {
    return MapOptions.DEFAULT.withProgress(listener);
  }

  private static int failAtTwo(int n) {
    if (n == 2) {
      throw new IllegalStateException("two is too many");
    }
    return n;
  }

  private static int passAtZero(Gate gate, int n) {
    try {
      return n == 0 && !gate.pass() ? -1 : n;
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /** An iterable that does not know its size. */
  private static <T> Iterable<T> uncounted(List<T> items) {
    return items::iterator;
  }

  @Test
  void everyMapTellsEachChunkAndThenTheEnd() {
    Pool pool = pool(2);
    for (Form form : forms()) {
      Recorder told = new Recorder();
      form.start(pool, with(told).withChunkSize(3), n -> n * n).toList();
      List<Long> steps = new ArrayList<>();
      for (int i = 1; i < told.changes.size(); i++) {
        steps.add(told.changes.get(i).done() - told.changes.get(i - 1).done());
      }
      assertEquals(List.of(1L, 3L, 3L, 3L), steps.stream().sorted().toList());
      assertEquals(OptionalLong.of(10), told.changes.get(0).total());
      assertEquals(1, told.ends.size());
      assertEquals(10, told.ends.get(0).done());
      assertEquals(0, told.ends.get(0).failed());
      assertTrue(told.ends.get(0).perSecond() > 0);
      assertEquals(Optional.of(Duration.ZERO), told.ends.get(0).left());
    }
  }

  @Test
  void everyMapTellsTheEndAfterAFailure() {
    Pool pool = pool(1);
    for (Form form : forms()) {
      Recorder told = new Recorder();
      assertThrows(
          CompletionException.class,
          () -> form.start(pool, with(told), n -> failAtTwo(n)).toList());
      assertEquals(1, told.ends.size());
      assertEquals(1, told.ends.get(0).failed());
    }
  }

  @Test
  void whatOnChangeThrowsEndsEveryMap() {
    Pool pool = pool(1);
    for (Form form : forms()) {
      Recorder told = new Recorder();
      told.onChange =
          state -> {
            if (state.done() == 2) {
              throw new IllegalArgumentException("enough");
            }
          };
      Throwable thrown =
          assertThrows(
              CompletionException.class, () -> form.start(pool, with(told), n -> n).toList());
      assertInstanceOf(IllegalArgumentException.class, thrown.getCause());
      assertEquals(1, told.ends.size());
    }
  }

  @Test
  void whatTheFirstOnChangeThrowsSubmitsNothing() {
    Pool pool = pool(1);
    for (Form form : forms()) {
      Recorder told = new Recorder();
      told.onChange =
          state -> {
            throw new IllegalArgumentException("enough");
          };
      assertThrows(
          IllegalArgumentException.class, () -> form.start(pool, with(told), n -> n));
      assertEquals(1, told.ends.size());
    }
    assertEquals(0, pool.stats().submitted());
  }

  @Test
  void eagerMapTellsWhatIsDoneBehindASlowCall() {
    Pool pool = pool(2);
    Gate gate = gate();
    Recorder told = new Recorder();
    told.onChange =
        state -> {
          if (state.done() == 9) {
            gate.open();
          }
        };
    assertEquals(
        TEN, pool.mapAll(with(told), (Integer n) -> passAtZero(gate, n), TEN).toList());
  }

  @Test
  void everyMapOfNothingTellsBeginningAndEnd() {
    Pool pool = pool(1);
    for (Form form : forms()) {
      Recorder told = new Recorder();
      form.start(pool, with(told), List.of(), n -> n).toList();
      assertEquals(1, told.changes.size());
      assertEquals(1, told.ends.size());
      assertEquals(OptionalLong.of(0), told.ends.get(0).total());
    }
  }

  @Test
  void everyMapTimesOutWithProgress() throws Exception {
    Pool pool = pool(1);
    block(pool, gate());
    for (Form form : forms()) {
      Recorder told = new Recorder();
      MapOptions options = with(told).withTimeout(Duration.ofMillis(1));
      Throwable thrown =
          assertThrows(
              CompletionException.class, () -> form.start(pool, options, n -> n).toList());
      assertInstanceOf(TimeoutException.class, thrown.getCause());
      assertEquals(1, told.ends.size());
      assertEquals(0, told.ends.get(0).done() + told.ends.get(0).failed());
    }
  }

  @Test
  void resultsKeepTheirOrderWithProgress() {
    Pool pool = pool(3);
    List<Integer> hundred = IntStream.range(0, 100).boxed().toList();
    MapOptions options = with(new Recorder()).withChunkSize(7);
    assertEquals(hundred, pool.map(options, (Integer n) -> n, hundred).toList());
  }

  @Test
  void leavingALazyMapTellsTheEnd() {
    Pool pool = pool(1);
    Recorder told = new Recorder();
    try (Stream<Integer> results =
        pool.map(with(told).withBufferSize(2), (Integer n) -> n, TEN)) {
      assertEquals(Optional.of(0), results.findFirst());
    }
    assertEquals(1, told.ends.size());
    assertTrue(told.ends.get(0).done() < 10);
  }

  @Test
  void totalIsKnownWhenItemsThatDoNotSayEnd() {
    Pool pool = pool(1);
    Recorder told = new Recorder();
    pool.map(with(told), (Integer n) -> n, uncounted(TEN)).toList();
    assertEquals(OptionalLong.empty(), told.changes.get(0).total());
    assertEquals(Optional.empty(), told.changes.get(0).left());
    assertEquals(OptionalLong.of(10), told.ends.get(0).total());
  }

  @Test
  void totalIsThatOfTheShorterItems() {
    Pool pool = pool(1);
    Recorder told = new Recorder();
    pool.map(with(told), (Integer a, Integer b) -> a + b, TEN, List.of(1, 2, 3)).toList();
    assertEquals(OptionalLong.of(3), told.changes.get(0).total());
  }

  @Test
  void dumpSaysWhatWorkersRun() throws Exception {
    Pool pool = keep(builder().maxWorkers(2).name("dumped").build());
    Gate gate = gate();
    block(pool, TaskOptions.DEFAULT.withName("resize"), gate);
    String dump = Pool.dumpState();
    String kind = pool instanceof ThreadPool ? "threads" : "processes";
    assertTrue(
        dump.contains(kind + "): 1 of 2 workers, 1 busy; tasks: 0 pending, 1 running"), dump);
    assertTrue(dump.contains(": runs resize for "), dump);
    gate.open();
    pool.close();
    assertTrue(!Pool.dumpState().contains("'dumped'"), Pool.dumpState());
  }
}

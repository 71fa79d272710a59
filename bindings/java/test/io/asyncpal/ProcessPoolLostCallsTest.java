package io.asyncpal;

import static io.asyncpal.Eventually.eventually;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.asyncpal.internal.swig.HostedWorker;
import java.io.InvalidObjectException;
import java.io.ObjectInputFilter;
import java.io.ObjectInputStream;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionException;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * What a worker that is lost in the middle of a map's chunk, or a result that can't be sent, costs:
 * one call.
 */
class ProcessPoolLostCallsTest extends PoolContract {
  private static final List<Integer> TEN = IntStream.range(0, 10).boxed().toList();
  private static final MapOptions WHOLE = MapOptions.DEFAULT.withChunkSize(10);
  private static final MapOptions SKIPPING = WHOLE.withOnError(MapOptions.OnError.SKIP);

  ProcessPoolLostCallsTest() {
    super(PoolKinds.PROCESSES);
  }

  private static int exit() {
    Runtime.getRuntime().halt(3);
    return 0;
  }

  /** Ends the worker when the results before this call are out. */
  private static int exitOnceSent() {
    try {
      eventually("sent", () -> !HostedWorker.hasUnsent());
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
    return exit();
  }

  private static void pass(Gate gate) {
    try {
      gate.pass();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static int exitAtFour(int n) {
    return n == 4 ? exit() : n;
  }

  private static int exitAtFourOnceSent(int n) {
    return n == 4 ? exitOnceSent() : n;
  }

  private static int exitAtMultiplesOfFourOnceSent(int n) {
    return n % 4 == 0 ? exitOnceSent() : n;
  }

  private static int failOrExitOnceSent(int n) {
    if (n == 1) {
      throw new IllegalArgumentException("one is not enough");
    }
    return exitAtFourOnceSent(n);
  }

  private static List<Long> lostOf(List<? extends Settled<?>> settled) {
    return indexesOf(settled, WorkerLostException.class);
  }

  private static List<Long> indexesOf(
      List<? extends Settled<?>> settled, Class<? extends Throwable> thrown) {
    return settled.stream()
        .filter(one -> thrown.isInstance(one.exception()))
        .map(Settled::index)
        .toList();
  }

  private static void checkOthers(List<Settled<Integer>> settled) {
    assertEquals(10, settled.size());
    settled.stream()
        .filter(Settled::ok)
        .forEach(one -> assertEquals(one.index(), one.value().longValue()));
  }

  // ------------------------------------------------------------------ A lost worker

  @Test
  void callsBehindTheLostOneRunElsewhere() {
    List<Settled<Integer>> settled =
        pool(2).mapSettledAll(WHOLE, n -> exitAtFour(n), TEN).toList();
    checkOthers(settled);
    List<Long> lost = lostOf(settled);
    assertTrue(lost.contains(4L), lost::toString);
    assertTrue(lost.stream().allMatch(index -> index <= 4), lost::toString);
  }

  @Test
  void everySettlingMapKeepsWhatWasSent() {
    Pool pool = pool(2);
    SerializableFunction<Integer, Integer> f = n -> exitAtFourOnceSent(n);
    SerializableBiFunction<Integer, Integer, Integer> g = (n, other) -> exitAtFourOnceSent(n);
    List<Map.Entry<Integer, Integer>> pairs = TEN.stream().map(n -> Map.entry(n, 0)).toList();
    for (boolean keepOrder : new boolean[] {true, false}) {
      List<MapState> told = new ArrayList<>();
      MapOptions options = WHOLE.withKeepOrder(keepOrder).withProgress(told::add);
      for (Stream<Settled<Integer>> map :
          List.of(
              pool.mapSettled(options, f, TEN),
              pool.mapSettled(options, g, TEN, TEN),
              pool.mapSettledAll(options, f, TEN),
              pool.mapSettledAll(options, g, TEN, TEN),
              pool.starmapSettled(options, g, pairs),
              pool.starmapSettledAll(options, g, pairs))) {
        List<Settled<Integer>> settled = map.toList();
        checkOthers(settled);
        assertEquals(List.of(4L), lostOf(settled));
        MapState end = told.get(told.size() - 1);
        assertEquals(9, end.done());
        assertEquals(1, end.failed());
      }
    }
  }

  @Test
  void everySkippingMapLeavesOutTheLostCall() {
    Pool pool = pool(2);
    SerializableFunction<Integer, Integer> f = n -> failOrExitOnceSent(n);
    SerializableBiFunction<Integer, Integer, Integer> g = (n, other) -> failOrExitOnceSent(n);
    List<Map.Entry<Integer, Integer>> pairs = TEN.stream().map(n -> Map.entry(n, 0)).toList();
    List<MapState> told = new ArrayList<>();
    MapOptions options = SKIPPING.withProgress(told::add);
    for (Stream<Integer> map :
        List.of(
            pool.map(options, f, TEN),
            pool.mapUnordered(options, f, TEN),
            pool.mapAll(options, g, TEN, TEN),
            pool.mapAllUnordered(options, f, TEN),
            pool.starmap(options, g, pairs),
            pool.starmapUnordered(options, g, pairs),
            pool.starmapAll(options, g, pairs),
            pool.starmapAllUnordered(options, g, pairs))) {
      assertEquals(List.of(0, 2, 3, 5, 6, 7, 8, 9), map.toList());
      MapState end = told.get(told.size() - 1);
      assertEquals(8, end.done());
      assertEquals(2, end.failed());
    }
  }

  @Test
  void progressIsToldOfTheLostCallsBeforeTheRest() throws Exception {
    Gate gate = gate();
    List<MapState> told = new ArrayList<>();
    Pool pool = pool(1);
    try (Stream<Settled<Integer>> map =
        pool.mapSettled(
            WHOLE.withProgress(told::add),
            n -> {
              if (n > 4) {
                pass(gate);
              }
              return exitAtFourOnceSent(n);
            },
            TEN)) {
      var results = map.iterator();
      for (int i = 0; i < 4; i++) {
        assertEquals(i, results.next().value());
      }
      assertInstanceOf(WorkerLostException.class, results.next().exception());
      MapState last = told.get(told.size() - 1);
      assertEquals(4, last.done());
      assertEquals(1, last.failed());
      gate.open();
      assertEquals(5, results.next().value());
    }
  }

  @Test
  void theRestIsOneMoreTask() throws Exception {
    Pool pool = pool(1);
    assertEquals(
        List.of(4L),
        lostOf(pool.mapSettledAll(WHOLE, n -> exitAtFourOnceSent(n), TEN).toList()));
    // As in C++: the lost chunk has results, and so its task is no failure.
    PoolStats stats = pool.stats();
    assertEquals(2, stats.submitted());
    assertEquals(2, stats.completed());
    assertEquals(0, stats.failed());
    assertEquals(1, stats.workersLost());
  }

  @Test
  void mapGoesOnInItsOrder() {
    List<Settled<Integer>> settled =
        pool(2)
            .mapSettled(
                WHOLE.withChunkSize(3).withBufferSize(2), n -> exitAtFourOnceSent(n), TEN)
            .toList();
    for (int i = 0; i < 10; i++) {
      assertEquals(i, settled.get(i).index());
    }
    assertEquals(List.of(4L), lostOf(settled));
  }

  @Test
  void chunkMayLoseSeveralWorkers() {
    List<Settled<Integer>> settled =
        pool(1).mapSettledAll(WHOLE, n -> exitAtMultiplesOfFourOnceSent(n), TEN).toList();
    checkOthers(settled);
    assertEquals(List.of(0L, 4L, 8L), lostOf(settled));
  }

  @Test
  void chunksOfAutomaticSizesGoOn() {
    Pool pool = pool(2);
    assertEquals(
        List.of(1, 2, 3, 5, 6, 7, 9, 10),
        pool.mapAllUnordered(
                SKIPPING.withChunkSize(0),
                n -> exitAtMultiplesOfFourOnceSent(n),
                IntStream.rangeClosed(1, 10).boxed().toList())
            .sorted()
            .toList());
    List<Integer> many = IntStream.range(0, 1000).boxed().toList();
    assertEquals(many, pool.mapAll(SKIPPING.withChunkSize(0), n -> n, many).toList());
  }

  @Test
  void otherFailuresInTheChunkStay() {
    List<Settled<Integer>> settled =
        pool(1).mapSettledAll(WHOLE, n -> failOrExitOnceSent(n), TEN).toList();
    checkOthers(settled);
    assertEquals(List.of(1L), indexesOf(settled, IllegalArgumentException.class));
    assertEquals(List.of(4L), lostOf(settled));
  }

  @Test
  void raisingMapEndsWithTheLoss() {
    Pool pool = pool(2);
    CompletionException thrown =
        assertThrows(
            CompletionException.class, () -> pool.mapAll(WHOLE, n -> exitAtFour(n), TEN).toList());
    assertInstanceOf(WorkerLostException.class, thrown.getCause());
  }

  @Test
  void mapOfAViewGoesOnInTheView() {
    Pool pool = pool(2);
    List<Settled<Integer>> settled =
        pool.serial("one at a time")
            .mapSettledAll(WHOLE.withChunkSize(5), n -> exitAtFourOnceSent(n), TEN)
            .toList();
    checkOthers(settled);
    assertEquals(List.of(4L), lostOf(settled));
  }

  @Test
  void poolThatIsShutDownDoesNotBeginTheRest() {
    Pool pool = pool(1);
    List<MapState> told = new ArrayList<>();
    Stream<Settled<Integer>> map =
        pool.mapSettled(WHOLE.withProgress(told::add), n -> exitAtFourOnceSent(n), TEN);
    pool.shutdown();
    List<Settled<Integer>> settled = map.toList();
    checkOthers(settled);
    assertEquals(List.of(4L, 5L, 6L, 7L, 8L, 9L), lostOf(settled));
    MapState end = told.get(told.size() - 1);
    assertEquals(4, end.done());
    assertEquals(6, end.failed());
  }

  @Test
  void mapThatIsLeftDoesNotBeginTheRest() throws Exception {
    Gate gate = gate();
    Pool pool = pool(1);
    Stream<Settled<Integer>> map =
        pool.mapSettled(
            WHOLE,
            n -> {
              pass(gate);
              return exitAtFourOnceSent(n);
            },
            TEN);
    eventually("begun", () -> pool.stats().running() == 1);
    map.close();
    gate.open();
    eventually("lost", () -> pool.stats().workersLost() == 1);
    eventually("over", () -> pool.stats().running() == 0);
    assertEquals(1, pool.stats().submitted());
  }

  // ------------------------------------------------------------------ What can't be sent or read

  /** A result of a class that is not known to be harmless. */
  record Boxed(int number) implements Serializable {}

  /** Can't be read here if it is 2. */
  record OneWay(int number) implements Serializable {
    private static final class Form implements Serializable {
      private static final long serialVersionUID = 1;
      private final int number;

      Form(int number) {
        this.number = number;
      }

      private void readObject(ObjectInputStream in) throws Exception {
        in.defaultReadObject();
        if (number == 2) {
          throw new InvalidObjectException("two is not read");
        }
      }

      private Object readResolve() {
        return new OneWay(number);
      }
    }

    private Object writeReplace() {
      return new Form(number);
    }
  }

  @Test
  void resultsAreOfAnyClass() {
    List<Settled<Boxed>> settled =
        pool(1).mapSettledAll(WHOLE, n -> new Boxed(exitAtFourOnceSent(n)), TEN).toList();
    assertEquals(List.of(4L), lostOf(settled));
    assertEquals(new Boxed(9), settled.get(9).value());
    assertEquals(new Boxed(0), settled.get(0).value());
  }

  @Test
  void resultThatCanNotBeSentIsTheOnlyOneLost() {
    List<Settled<Object>> settled =
        pool(2).<Integer, Object>mapSettledAll(WHOLE, n -> n == 2 ? new Object() : n, TEN).toList();
    assertEquals(List.of(2L), indexesOf(settled, SerializationException.class));
    assertEquals(9, settled.get(9).value());
  }

  @Test
  void resultThatCanNotBeReadIsTheOnlyOneLost() {
    List<Settled<OneWay>> settled = pool(2).mapSettledAll(WHOLE, n -> new OneWay(n), TEN).toList();
    assertEquals(List.of(2L), indexesOf(settled, SerializationException.class));
    assertEquals(new OneWay(9), settled.get(9).value());
  }

  @Test
  void resultThatTheFilterRejectsIsTheOnlyOneLost() {
    Pool pool =
        keep(
            ((ProcessPool.Builder) builder())
                .maxWorkers(1)
                .resultFilter(
                    ObjectInputFilter.Config.createFilter("!" + Boxed.class.getName()))
                .build());
    List<Settled<Object>> settled =
        pool.<Integer, Object>mapSettledAll(WHOLE, n -> n == 2 ? new Boxed(n) : n, TEN).toList();
    assertEquals(List.of(2L), indexesOf(settled, SerializationException.class));
    assertEquals(9, settled.get(9).value());
  }

  @Test
  void skippingMapLeavesOutTheResultThatCanNotBeSent() {
    List<MapState> told = new ArrayList<>();
    assertEquals(
        List.of(0, 1, 3, 4, 5, 6, 7, 8, 9),
        pool(2)
            .<Integer, Object>map(
                SKIPPING.withProgress(told::add), n -> n == 2 ? new Object() : n, TEN)
            .toList());
    assertEquals(1, told.get(told.size() - 1).failed());
  }

  @Test
  void resultsBeyondTheLimitAreLostOneByOne() {
    Pool pool =
        keep(((ProcessPool.Builder) builder()).maxWorkers(1).maxPayloadBytes(20_000).build());
    List<Settled<String>> settled =
        pool.mapSettledAll(WHOLE, n -> "x".repeat(n == 4 ? 30_000 : 10), TEN).toList();
    assertEquals(List.of(4L), indexesOf(settled, SerializationException.class));
    assertEquals("x".repeat(10), settled.get(9).value());
  }
}

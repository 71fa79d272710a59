package io.asyncpal;

import java.util.Collection;
import java.util.Iterator;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalLong;
import java.util.stream.Stream;

/**
 * The maps of {@link PoolMaps} and {@link SettledMaps}, which are one with options: for all, an
 * item is one object.
 */
enum MapForm {
  MAP("map", true, true),
  MAP_UNORDERED("mapUnordered", true, false),
  MAP_ALL("mapAll", false, true),
  MAP_ALL_UNORDERED("mapAllUnordered", false, false),
  STARMAP("starmap", true, true),
  STARMAP_UNORDERED("starmapUnordered", true, false),
  STARMAP_ALL("starmapAll", false, true),
  STARMAP_ALL_UNORDERED("starmapAllUnordered", false, false),
  MAP_SETTLED("mapSettled", true, true),
  MAP_SETTLED_ALL("mapSettledAll", false, true),
  STARMAP_SETTLED("starmapSettled", true, true),
  STARMAP_SETTLED_ALL("starmapSettledAll", false, true);

  private final String method;
  private final boolean lazy;
  private final boolean ordered;

  MapForm(String method, boolean lazy, boolean ordered) {
    this.method = method;
    this.lazy = lazy;
    this.ordered = ordered;
  }

  @SuppressWarnings("unchecked") // it gets items of the type that it takes
  <T, R> Stream<R> start(
      PoolMaps pool,
      MapOptions options,
      SerializableFunction<? super T, ? extends R> f,
      Iterable<? extends T> items) {
    Objects.requireNonNull(f, "f");
    return start(
        pool, options, (SerializableFunction<Object, R>) f, items.iterator(), countOf(items));
  }

  <A, B, R> Stream<R> start(
      PoolMaps pool,
      MapOptions options,
      SerializableBiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends A> first,
      Iterable<? extends B> second) {
    return start(
        pool,
        options,
        unary(f),
        zip(first.iterator(), second.iterator()),
        shorter(countOf(first), countOf(second)));
  }

  <A, B, R> Stream<R> start(
      PoolMaps pool,
      MapOptions options,
      SerializableBiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends Map.Entry<? extends A, ? extends B>> pairs) {
    return start(pool, options, unary(f), unzip(pairs.iterator()), countOf(pairs));
  }

  @SuppressWarnings("unchecked") // it gets items of the type that it takes
  <T, R> Stream<Settled<R>> startSettling(
      SettledMaps pool,
      MapOptions options,
      SerializableFunction<? super T, ? extends R> f,
      Iterable<? extends T> items) {
    Objects.requireNonNull(f, "f");
    return startSettling(
        pool, options, (SerializableFunction<Object, R>) f, items.iterator(), countOf(items));
  }

  <A, B, R> Stream<Settled<R>> startSettling(
      SettledMaps pool,
      MapOptions options,
      SerializableBiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends A> first,
      Iterable<? extends B> second) {
    return startSettling(
        pool,
        options,
        unary(f),
        zip(first.iterator(), second.iterator()),
        shorter(countOf(first), countOf(second)));
  }

  <A, B, R> Stream<Settled<R>> startSettling(
      SettledMaps pool,
      MapOptions options,
      SerializableBiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends Map.Entry<? extends A, ? extends B>> pairs) {
    return startSettling(pool, options, unary(f), unzip(pairs.iterator()), countOf(pairs));
  }

  private <R> Stream<Settled<R>> startSettling(
      SettledMaps maps,
      MapOptions options,
      SerializableFunction<Object, R> f,
      Iterator<?> items,
      OptionalLong count) {
    Objects.requireNonNull(options, "options");
    if (options.onError() == MapOptions.OnError.SKIP) {
      throw new IllegalArgumentException(
          "onError is SKIP; " + method + " gives failures as results");
    }
    SerializableFunction<Object, Attempt<R>> attempt = item -> Attempt.of(f, item);
    return start(MapTarget.of(maps), options, attempt, items, count, new SettledChunks<R>());
  }

  private <R> Stream<R> start(
      PoolMaps maps,
      MapOptions options,
      SerializableFunction<Object, R> f,
      Iterator<?> items,
      OptionalLong count) {
    Objects.requireNonNull(options, "options");
    if (options.onError() == MapOptions.OnError.SKIP) {
      SerializableFunction<Object, Attempt<R>> attempt = item -> Attempt.of(f, item);
      return start(MapTarget.of(maps), options, attempt, items, count, new SkippingChunks<R>());
    }
    return start(MapTarget.of(maps), options, f, items, count, MapRun.Outcomes.asTheyAre());
  }

  private <X, R> Stream<R> start(
      MapTarget target,
      MapOptions options,
      SerializableFunction<Object, X> f,
      Iterator<?> items,
      OptionalLong count,
      MapRun.Outcomes<X, R> outcomes) {
    int buffer = options.bufferSize() > 0 ? options.bufferSize() : 2 * target.width();
    int window = lazy ? buffer : Integer.MAX_VALUE;
    String label = method + " on " + target.label();
    MapOptions own = ordered ? options : options.withKeepOrder(false);
    return MapRun.start(target, label, own, window, f, items, count, outcomes);
  }

  private static OptionalLong countOf(Iterable<?> items) {
    return items instanceof Collection<?> all
        ? OptionalLong.of(all.size())
        : OptionalLong.empty();
  }

  /** Empty: one of them is not known. */
  private static OptionalLong shorter(OptionalLong one, OptionalLong other) {
    return one.isEmpty() || other.isEmpty()
        ? OptionalLong.empty()
        : OptionalLong.of(Math.min(one.getAsLong(), other.getAsLong()));
  }

  @SuppressWarnings("unchecked") // it gets pairs of the types that it takes
  private static <R> SerializableFunction<Object, R> unary(
      SerializableBiFunction<?, ?, ? extends R> f) {
    Objects.requireNonNull(f, "f");
    SerializableBiFunction<Object, Object, R> g = (SerializableBiFunction<Object, Object, R>) f;
    return item -> g.apply(((Object[]) item)[0], ((Object[]) item)[1]);
  }

  /** Pairs, up to the end of the shorter one. */
  private static Iterator<Object[]> zip(Iterator<?> first, Iterator<?> second) {
    return new Iterator<>() {
      @Override
      public boolean hasNext() {
        return first.hasNext() && second.hasNext();
      }

      @Override
      public Object[] next() {
        return new Object[] {first.next(), second.next()};
      }
    };
  }

  private static Iterator<Object[]> unzip(Iterator<? extends Map.Entry<?, ?>> pairs) {
    return new Iterator<>() {
      @Override
      public boolean hasNext() {
        return pairs.hasNext();
      }

      @Override
      public Object[] next() {
        Map.Entry<?, ?> pair = pairs.next();
        return new Object[] {pair.getKey(), pair.getValue()};
      }
    };
  }
}

package io.asyncpal;

import io.asyncpal.internal.swig.NativePool;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.function.BiFunction;
import java.util.stream.Stream;

/** The maps over pairs; all that {@link ThreadPoolMaps} says holds for them. */
abstract class ThreadPoolStarmaps extends ThreadPoolMaps {
  ThreadPoolStarmaps(NativePool pool, CountDownLatch terminated, Joins joins) {
    super(pool, terminated, joins);
  }

  /**
   * Lazily, in the order of the items.
   *
   * @param <A> the type of the first of each pair
   * @param <B> the type of the second of each pair
   * @param <R> the type of the results
   * @param f what is called for each item
   * @param pairs the two arguments of each call
   * @return a stream of the results, see above
   * @throws java.util.concurrent.RejectedExecutionException as a submission
   */
  public <A, B, R> Stream<R> starmap(
      BiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends Map.Entry<? extends A, ? extends B>> pairs) {
    return start("starmap", MapOptions.DEFAULT, true, Maps.binary(f), Maps.unzip(pairs));
  }

  /**
   * Lazily, in the order of the items.
   *
   * @param <A> the type of the first of each pair
   * @param <B> the type of the second of each pair
   * @param <R> the type of the results
   * @param options how
   * @param f what is called for each item
   * @param pairs the two arguments of each call
   * @return a stream of the results, see above
   * @throws java.util.concurrent.RejectedExecutionException as a submission
   */
  public <A, B, R> Stream<R> starmap(
      MapOptions options,
      BiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends Map.Entry<? extends A, ? extends B>> pairs) {
    return start("starmap", options, true, Maps.binary(f), Maps.unzip(pairs));
  }

  /**
   * Lazily, first what is done first.
   *
   * @param <A> the type of the first of each pair
   * @param <B> the type of the second of each pair
   * @param <R> the type of the results
   * @param f what is called for each item
   * @param pairs the two arguments of each call
   * @return a stream of the results, see above
   * @throws java.util.concurrent.RejectedExecutionException as a submission
   */
  public <A, B, R> Stream<R> starmapUnordered(
      BiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends Map.Entry<? extends A, ? extends B>> pairs) {
    return start(
        "starmapUnordered",
        MapOptions.DEFAULT.withKeepOrder(false),
        true,
        Maps.binary(f),
        Maps.unzip(pairs));
  }

  /**
   * Lazily, first what is done first.
   *
   * @param <A> the type of the first of each pair
   * @param <B> the type of the second of each pair
   * @param <R> the type of the results
   * @param options how
   * @param f what is called for each item
   * @param pairs the two arguments of each call
   * @return a stream of the results, see above
   * @throws java.util.concurrent.RejectedExecutionException as a submission
   */
  public <A, B, R> Stream<R> starmapUnordered(
      MapOptions options,
      BiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends Map.Entry<? extends A, ? extends B>> pairs) {
    return start(
        "starmapUnordered", options.withKeepOrder(false), true, Maps.binary(f), Maps.unzip(pairs));
  }

  /**
   * All at once, in the order of the items.
   *
   * @param <A> the type of the first of each pair
   * @param <B> the type of the second of each pair
   * @param <R> the type of the results
   * @param f what is called for each item
   * @param pairs the two arguments of each call
   * @return a stream of the results, see above
   * @throws java.util.concurrent.RejectedExecutionException as a submission
   */
  public <A, B, R> Stream<R> starmapAll(
      BiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends Map.Entry<? extends A, ? extends B>> pairs) {
    return start("starmapAll", MapOptions.DEFAULT, false, Maps.binary(f), Maps.unzip(pairs));
  }

  /**
   * All at once, in the order of the items.
   *
   * @param <A> the type of the first of each pair
   * @param <B> the type of the second of each pair
   * @param <R> the type of the results
   * @param options how
   * @param f what is called for each item
   * @param pairs the two arguments of each call
   * @return a stream of the results, see above
   * @throws java.util.concurrent.RejectedExecutionException as a submission
   */
  public <A, B, R> Stream<R> starmapAll(
      MapOptions options,
      BiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends Map.Entry<? extends A, ? extends B>> pairs) {
    return start("starmapAll", options, false, Maps.binary(f), Maps.unzip(pairs));
  }

  /**
   * All at once, first what is done first.
   *
   * @param <A> the type of the first of each pair
   * @param <B> the type of the second of each pair
   * @param <R> the type of the results
   * @param f what is called for each item
   * @param pairs the two arguments of each call
   * @return a stream of the results, see above
   * @throws java.util.concurrent.RejectedExecutionException as a submission
   */
  public <A, B, R> Stream<R> starmapAllUnordered(
      BiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends Map.Entry<? extends A, ? extends B>> pairs) {
    return start(
        "starmapAllUnordered",
        MapOptions.DEFAULT.withKeepOrder(false),
        false,
        Maps.binary(f),
        Maps.unzip(pairs));
  }

  /**
   * All at once, first what is done first.
   *
   * @param <A> the type of the first of each pair
   * @param <B> the type of the second of each pair
   * @param <R> the type of the results
   * @param options how
   * @param f what is called for each item
   * @param pairs the two arguments of each call
   * @return a stream of the results, see above
   * @throws java.util.concurrent.RejectedExecutionException as a submission
   */
  public <A, B, R> Stream<R> starmapAllUnordered(
      MapOptions options,
      BiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends Map.Entry<? extends A, ? extends B>> pairs) {
    return start(
        "starmapAllUnordered",
        options.withKeepOrder(false),
        false,
        Maps.binary(f),
        Maps.unzip(pairs));
  }
}

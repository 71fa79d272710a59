package io.asyncpal;

import io.asyncpal.internal.swig.NativePool;
import java.util.Iterator;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * The map family of a thread pool.
 *
 * <p>A map calls a function for each item, in tasks of the pool, and gives the results as a stream.
 * {@code map} and {@code mapUnordered} are lazy: the first tasks start at the call, and a further
 * one for each that is taken; {@code mapAll} and {@code mapAllUnordered} submit all at once. The
 * unordered ones give first what is done first. Two iterables go in parallel, and the shorter one
 * ends the map; the {@code starmap} forms take pairs instead.
 *
 * <p>The stream is sequential. What a call throws is the cause of a {@link
 * java.util.concurrent.CompletionException}, after the results that come before it; a timeout is a
 * {@link java.util.concurrent.TimeoutException} as the cause of one. Either cancels what has not
 * started. So does closing the stream, which is for who leaves it early:
 *
 * <pre>{@code
 * try (Stream<Page> pages = pool.map(this::load, urls)) {
 *   return pages.filter(Page::isGood).findFirst();
 * }
 * }</pre>
 */
abstract class ThreadPoolMaps extends Pool {
  ThreadPoolMaps(NativePool pool, CountDownLatch terminated, Joins joins) {
    super(pool, terminated, joins);
  }

  /**
   * Lazily, in the order of the items.
   *
   * @param <T> the type of the items
   * @param <R> the type of the results
   * @param f what is called for each item
   * @param items read as they are needed
   * @return a stream of the results, see above
   * @throws java.util.concurrent.RejectedExecutionException as a submission
   */
  public <T, R> Stream<R> map(Function<? super T, ? extends R> f, Iterable<? extends T> items) {
    return start("map", MapOptions.DEFAULT, true, Maps.unary(f), items.iterator());
  }

  /**
   * Lazily, in the order of the items.
   *
   * @param <A> the type of the first items
   * @param <B> the type of the second items
   * @param <R> the type of the results
   * @param f what is called for each item
   * @param first the first argument of each call
   * @param second the second argument of each call
   * @return a stream of the results, see above
   * @throws java.util.concurrent.RejectedExecutionException as a submission
   */
  public <A, B, R> Stream<R> map(
      BiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends A> first,
      Iterable<? extends B> second) {
    return start("map", MapOptions.DEFAULT, true, Maps.binary(f), Maps.zip(first, second));
  }

  /**
   * Lazily, in the order of the items.
   *
   * @param <T> the type of the items
   * @param <R> the type of the results
   * @param options how
   * @param f what is called for each item
   * @param items read as they are needed
   * @return a stream of the results, see above
   * @throws java.util.concurrent.RejectedExecutionException as a submission
   */
  public <T, R> Stream<R> map(
      MapOptions options, Function<? super T, ? extends R> f, Iterable<? extends T> items) {
    return start("map", options, true, Maps.unary(f), items.iterator());
  }

  /**
   * Lazily, in the order of the items.
   *
   * @param <A> the type of the first items
   * @param <B> the type of the second items
   * @param <R> the type of the results
   * @param options how
   * @param f what is called for each item
   * @param first the first argument of each call
   * @param second the second argument of each call
   * @return a stream of the results, see above
   * @throws java.util.concurrent.RejectedExecutionException as a submission
   */
  public <A, B, R> Stream<R> map(
      MapOptions options,
      BiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends A> first,
      Iterable<? extends B> second) {
    return start("map", options, true, Maps.binary(f), Maps.zip(first, second));
  }

  /**
   * Lazily, first what is done first.
   *
   * @param <T> the type of the items
   * @param <R> the type of the results
   * @param f what is called for each item
   * @param items read as they are needed
   * @return a stream of the results, see above
   * @throws java.util.concurrent.RejectedExecutionException as a submission
   */
  public <T, R> Stream<R> mapUnordered(
      Function<? super T, ? extends R> f, Iterable<? extends T> items) {
    return start(
        "mapUnordered",
        MapOptions.DEFAULT.withKeepOrder(false),
        true,
        Maps.unary(f),
        items.iterator());
  }

  /**
   * Lazily, first what is done first.
   *
   * @param <A> the type of the first items
   * @param <B> the type of the second items
   * @param <R> the type of the results
   * @param f what is called for each item
   * @param first the first argument of each call
   * @param second the second argument of each call
   * @return a stream of the results, see above
   * @throws java.util.concurrent.RejectedExecutionException as a submission
   */
  public <A, B, R> Stream<R> mapUnordered(
      BiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends A> first,
      Iterable<? extends B> second) {
    return start("mapUnordered", 
        MapOptions.DEFAULT.withKeepOrder(false), true, Maps.binary(f), Maps.zip(first, second));
  }

  /**
   * Lazily, first what is done first.
   *
   * @param <T> the type of the items
   * @param <R> the type of the results
   * @param options how
   * @param f what is called for each item
   * @param items read as they are needed
   * @return a stream of the results, see above
   * @throws java.util.concurrent.RejectedExecutionException as a submission
   */
  public <T, R> Stream<R> mapUnordered(
      MapOptions options, Function<? super T, ? extends R> f, Iterable<? extends T> items) {
    return start(
        "mapUnordered", options.withKeepOrder(false), true, Maps.unary(f), items.iterator());
  }

  /**
   * Lazily, first what is done first.
   *
   * @param <A> the type of the first items
   * @param <B> the type of the second items
   * @param <R> the type of the results
   * @param options how
   * @param f what is called for each item
   * @param first the first argument of each call
   * @param second the second argument of each call
   * @return a stream of the results, see above
   * @throws java.util.concurrent.RejectedExecutionException as a submission
   */
  public <A, B, R> Stream<R> mapUnordered(
      MapOptions options,
      BiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends A> first,
      Iterable<? extends B> second) {
    return start(
        "mapUnordered",
        options.withKeepOrder(false),
        true,
        Maps.binary(f),
        Maps.zip(first, second));
  }

  /**
   * All at once, in the order of the items.
   *
   * @param <T> the type of the items
   * @param <R> the type of the results
   * @param f what is called for each item
   * @param items read at once
   * @return a stream of the results, see above
   * @throws java.util.concurrent.RejectedExecutionException as a submission
   */
  public <T, R> Stream<R> mapAll(Function<? super T, ? extends R> f, Iterable<? extends T> items) {
    return start("mapAll", MapOptions.DEFAULT, false, Maps.unary(f), items.iterator());
  }

  /**
   * All at once, in the order of the items.
   *
   * @param <A> the type of the first items
   * @param <B> the type of the second items
   * @param <R> the type of the results
   * @param f what is called for each item
   * @param first the first argument of each call
   * @param second the second argument of each call
   * @return a stream of the results, see above
   * @throws java.util.concurrent.RejectedExecutionException as a submission
   */
  public <A, B, R> Stream<R> mapAll(
      BiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends A> first,
      Iterable<? extends B> second) {
    return start("mapAll", MapOptions.DEFAULT, false, Maps.binary(f), Maps.zip(first, second));
  }

  /**
   * All at once, in the order of the items.
   *
   * @param <T> the type of the items
   * @param <R> the type of the results
   * @param options how
   * @param f what is called for each item
   * @param items read at once
   * @return a stream of the results, see above
   * @throws java.util.concurrent.RejectedExecutionException as a submission
   */
  public <T, R> Stream<R> mapAll(
      MapOptions options, Function<? super T, ? extends R> f, Iterable<? extends T> items) {
    return start("mapAll", options, false, Maps.unary(f), items.iterator());
  }

  /**
   * All at once, in the order of the items.
   *
   * @param <A> the type of the first items
   * @param <B> the type of the second items
   * @param <R> the type of the results
   * @param options how
   * @param f what is called for each item
   * @param first the first argument of each call
   * @param second the second argument of each call
   * @return a stream of the results, see above
   * @throws java.util.concurrent.RejectedExecutionException as a submission
   */
  public <A, B, R> Stream<R> mapAll(
      MapOptions options,
      BiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends A> first,
      Iterable<? extends B> second) {
    return start("mapAll", options, false, Maps.binary(f), Maps.zip(first, second));
  }

  /**
   * All at once, first what is done first.
   *
   * @param <T> the type of the items
   * @param <R> the type of the results
   * @param f what is called for each item
   * @param items read at once
   * @return a stream of the results, see above
   * @throws java.util.concurrent.RejectedExecutionException as a submission
   */
  public <T, R> Stream<R> mapAllUnordered(
      Function<? super T, ? extends R> f, Iterable<? extends T> items) {
    return start(
        "mapAllUnordered",
        MapOptions.DEFAULT.withKeepOrder(false),
        false,
        Maps.unary(f),
        items.iterator());
  }

  /**
   * All at once, first what is done first.
   *
   * @param <A> the type of the first items
   * @param <B> the type of the second items
   * @param <R> the type of the results
   * @param f what is called for each item
   * @param first the first argument of each call
   * @param second the second argument of each call
   * @return a stream of the results, see above
   * @throws java.util.concurrent.RejectedExecutionException as a submission
   */
  public <A, B, R> Stream<R> mapAllUnordered(
      BiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends A> first,
      Iterable<? extends B> second) {
    return start("mapAllUnordered", 
        MapOptions.DEFAULT.withKeepOrder(false), false, Maps.binary(f), Maps.zip(first, second));
  }

  /**
   * All at once, first what is done first.
   *
   * @param <T> the type of the items
   * @param <R> the type of the results
   * @param options how
   * @param f what is called for each item
   * @param items read at once
   * @return a stream of the results, see above
   * @throws java.util.concurrent.RejectedExecutionException as a submission
   */
  public <T, R> Stream<R> mapAllUnordered(
      MapOptions options, Function<? super T, ? extends R> f, Iterable<? extends T> items) {
    return start(
        "mapAllUnordered", options.withKeepOrder(false), false, Maps.unary(f), items.iterator());
  }

  /**
   * All at once, first what is done first.
   *
   * @param <A> the type of the first items
   * @param <B> the type of the second items
   * @param <R> the type of the results
   * @param options how
   * @param f what is called for each item
   * @param first the first argument of each call
   * @param second the second argument of each call
   * @return a stream of the results, see above
   * @throws java.util.concurrent.RejectedExecutionException as a submission
   */
  public <A, B, R> Stream<R> mapAllUnordered(
      MapOptions options,
      BiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends A> first,
      Iterable<? extends B> second) {
    return start(
        "mapAllUnordered",
        options.withKeepOrder(false),
        false,
        Maps.binary(f),
        Maps.zip(first, second));
  }

  /** Runs the tasks of maps. */
  abstract MapRun.Executor executor();

  final <R> Stream<R> start(
      String map,
      MapOptions options,
      boolean lazy,
      Function<Object, R> f,
      Iterator<?> items) {
    Objects.requireNonNull(options, "options");
    int buffer = options.bufferSize() > 0 ? options.bufferSize() : 2 * maxWorkers();
    int window = lazy ? buffer : Integer.MAX_VALUE;
    String label = map + " on pool '" + name() + "'";
    return MapRun.start(executor(), label, options, window, f, items);
  }
}

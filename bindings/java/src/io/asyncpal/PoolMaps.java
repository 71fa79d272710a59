package io.asyncpal;

import java.util.Map;
import java.util.stream.Stream;

/**
 * The maps of a pool: each calls a function many times, in tasks of the pool, and gives the results
 * as a stream. Both kinds of pools have them, and so have their views.
 *
 * <pre>{@code
 * try (Stream<Page> pages = pool.map(url -> load(url), urls)) {
 *   return pages.filter(Page::isGood).findFirst();
 * }
 * }</pre>
 *
 * <p><b>Laziness:</b> a lazy map submits as many tasks as {@link MapOptions#bufferSize} says at the
 * call, and another for each whose results are taken from the stream, so the items may be endless.
 * Maps with {@code All} in their names submit everything at the call, unless they are to find the
 * size of chunks ({@link MapOptions#chunkSize}).
 *
 * <p><b>Arguments:</b> a function of two arguments takes them from two iterables, of which the
 * shorter one ends the map; the {@code starmap} forms take them from pairs. An iterable is read by
 * one thread at a time: the caller's, then the one that takes the results.
 *
 * <p><b>Functions</b> have serializable types, because a process pool sends them and the items to
 * its workers; the results come back in the same way. A lambda or a method reference becomes one by
 * itself; a variable that is a plain {@link java.util.function.Function} is passed as {@code
 * f::apply}. A thread pool serializes nothing.
 *
 * <p><b>The stream</b> is sequential. If you leave it early, its tasks stay in the pool; closing it
 * cancels those that have not started.
 *
 * <p><b>Errors:</b> a map throws what a submission throws, above all {@link
 * java.util.concurrent.RejectedExecutionException}. What a call of the function throws comes out of
 * the stream as the cause of a {@link java.util.concurrent.CompletionException}, after the results
 * that precede it. So does a {@link java.util.concurrent.TimeoutException} when {@link
 * MapOptions#timeout} has passed. If the thread that takes results is interrupted, the stream
 * throws a {@link java.util.concurrent.CancellationException}, and the thread's interrupt flag is
 * set. Each of these ends the stream and cancels what has not started.
 */
public sealed interface PoolMaps permits Pool, PoolView {
  /**
   * Calls {@code f} for each item, lazily, and gives the results in the order of the items.
   *
   * @param <T> the type of the items
   * @param <R> the type of the results
   * @param f what to call
   * @param items its arguments, read as they are needed
   * @return the results
   */
  default <T, R> Stream<R> map(
      SerializableFunction<? super T, ? extends R> f, Iterable<? extends T> items) {
    return map(MapOptions.DEFAULT, f, items);
  }

  /**
   * Calls {@code f} for each item, lazily, and gives the results in the order of the items.
   *
   * @param <T> the type of the items
   * @param <R> the type of the results
   * @param options how the map runs
   * @param f what to call
   * @param items its arguments, read as they are needed
   * @return the results
   */
  default <T, R> Stream<R> map(
      MapOptions options,
      SerializableFunction<? super T, ? extends R> f,
      Iterable<? extends T> items) {
    return MapForm.MAP.start(this, options, f, items);
  }

  /**
   * Calls {@code f} for each pair of items, lazily, and gives the results in the order of the
   * items.
   *
   * @param <A> the type of the first arguments
   * @param <B> the type of the second arguments
   * @param <R> the type of the results
   * @param f what to call
   * @param first its first arguments, read as they are needed
   * @param second its second arguments, read as they are needed
   * @return the results
   */
  default <A, B, R> Stream<R> map(
      SerializableBiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends A> first,
      Iterable<? extends B> second) {
    return map(MapOptions.DEFAULT, f, first, second);
  }

  /**
   * Calls {@code f} for each pair of items, lazily, and gives the results in the order of the
   * items.
   *
   * @param <A> the type of the first arguments
   * @param <B> the type of the second arguments
   * @param <R> the type of the results
   * @param options how the map runs
   * @param f what to call
   * @param first its first arguments, read as they are needed
   * @param second its second arguments, read as they are needed
   * @return the results
   */
  default <A, B, R> Stream<R> map(
      MapOptions options,
      SerializableBiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends A> first,
      Iterable<? extends B> second) {
    return MapForm.MAP.start(this, options, f, first, second);
  }

  /**
   * Calls {@code f} for each item, lazily, and gives the results in the order in which they
   * are done.
   *
   * @param <T> the type of the items
   * @param <R> the type of the results
   * @param f what to call
   * @param items its arguments, read as they are needed
   * @return the results
   */
  default <T, R> Stream<R> mapUnordered(
      SerializableFunction<? super T, ? extends R> f, Iterable<? extends T> items) {
    return mapUnordered(MapOptions.DEFAULT, f, items);
  }

  /**
   * Calls {@code f} for each item, lazily, and gives the results in the order in which they
   * are done.
   *
   * @param <T> the type of the items
   * @param <R> the type of the results
   * @param options how the map runs
   * @param f what to call
   * @param items its arguments, read as they are needed
   * @return the results
   */
  default <T, R> Stream<R> mapUnordered(
      MapOptions options,
      SerializableFunction<? super T, ? extends R> f,
      Iterable<? extends T> items) {
    return MapForm.MAP_UNORDERED.start(this, options, f, items);
  }

  /**
   * Calls {@code f} for each pair of items, lazily, and gives the results in the order in
   * which they are done.
   *
   * @param <A> the type of the first arguments
   * @param <B> the type of the second arguments
   * @param <R> the type of the results
   * @param f what to call
   * @param first its first arguments, read as they are needed
   * @param second its second arguments, read as they are needed
   * @return the results
   */
  default <A, B, R> Stream<R> mapUnordered(
      SerializableBiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends A> first,
      Iterable<? extends B> second) {
    return mapUnordered(MapOptions.DEFAULT, f, first, second);
  }

  /**
   * Calls {@code f} for each pair of items, lazily, and gives the results in the order in
   * which they are done.
   *
   * @param <A> the type of the first arguments
   * @param <B> the type of the second arguments
   * @param <R> the type of the results
   * @param options how the map runs
   * @param f what to call
   * @param first its first arguments, read as they are needed
   * @param second its second arguments, read as they are needed
   * @return the results
   */
  default <A, B, R> Stream<R> mapUnordered(
      MapOptions options,
      SerializableBiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends A> first,
      Iterable<? extends B> second) {
    return MapForm.MAP_UNORDERED.start(this, options, f, first, second);
  }

  /**
   * Calls {@code f} for each item, all at once, and gives the results in the order of the
   * items.
   *
   * @param <T> the type of the items
   * @param <R> the type of the results
   * @param f what to call
   * @param items its arguments, read at once
   * @return the results
   */
  default <T, R> Stream<R> mapAll(
      SerializableFunction<? super T, ? extends R> f, Iterable<? extends T> items) {
    return mapAll(MapOptions.DEFAULT, f, items);
  }

  /**
   * Calls {@code f} for each item, all at once, and gives the results in the order of the
   * items.
   *
   * @param <T> the type of the items
   * @param <R> the type of the results
   * @param options how the map runs
   * @param f what to call
   * @param items its arguments, read at once
   * @return the results
   */
  default <T, R> Stream<R> mapAll(
      MapOptions options,
      SerializableFunction<? super T, ? extends R> f,
      Iterable<? extends T> items) {
    return MapForm.MAP_ALL.start(this, options, f, items);
  }

  /**
   * Calls {@code f} for each pair of items, all at once, and gives the results in the order of
   * the items.
   *
   * @param <A> the type of the first arguments
   * @param <B> the type of the second arguments
   * @param <R> the type of the results
   * @param f what to call
   * @param first its first arguments, read at once
   * @param second its second arguments, read at once
   * @return the results
   */
  default <A, B, R> Stream<R> mapAll(
      SerializableBiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends A> first,
      Iterable<? extends B> second) {
    return mapAll(MapOptions.DEFAULT, f, first, second);
  }

  /**
   * Calls {@code f} for each pair of items, all at once, and gives the results in the order of
   * the items.
   *
   * @param <A> the type of the first arguments
   * @param <B> the type of the second arguments
   * @param <R> the type of the results
   * @param options how the map runs
   * @param f what to call
   * @param first its first arguments, read at once
   * @param second its second arguments, read at once
   * @return the results
   */
  default <A, B, R> Stream<R> mapAll(
      MapOptions options,
      SerializableBiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends A> first,
      Iterable<? extends B> second) {
    return MapForm.MAP_ALL.start(this, options, f, first, second);
  }

  /**
   * Calls {@code f} for each item, all at once, and gives the results in the order in which
   * they are done.
   *
   * @param <T> the type of the items
   * @param <R> the type of the results
   * @param f what to call
   * @param items its arguments, read at once
   * @return the results
   */
  default <T, R> Stream<R> mapAllUnordered(
      SerializableFunction<? super T, ? extends R> f, Iterable<? extends T> items) {
    return mapAllUnordered(MapOptions.DEFAULT, f, items);
  }

  /**
   * Calls {@code f} for each item, all at once, and gives the results in the order in which
   * they are done.
   *
   * @param <T> the type of the items
   * @param <R> the type of the results
   * @param options how the map runs
   * @param f what to call
   * @param items its arguments, read at once
   * @return the results
   */
  default <T, R> Stream<R> mapAllUnordered(
      MapOptions options,
      SerializableFunction<? super T, ? extends R> f,
      Iterable<? extends T> items) {
    return MapForm.MAP_ALL_UNORDERED.start(this, options, f, items);
  }

  /**
   * Calls {@code f} for each pair of items, all at once, and gives the results in the order in
   * which they are done.
   *
   * @param <A> the type of the first arguments
   * @param <B> the type of the second arguments
   * @param <R> the type of the results
   * @param f what to call
   * @param first its first arguments, read at once
   * @param second its second arguments, read at once
   * @return the results
   */
  default <A, B, R> Stream<R> mapAllUnordered(
      SerializableBiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends A> first,
      Iterable<? extends B> second) {
    return mapAllUnordered(MapOptions.DEFAULT, f, first, second);
  }

  /**
   * Calls {@code f} for each pair of items, all at once, and gives the results in the order in
   * which they are done.
   *
   * @param <A> the type of the first arguments
   * @param <B> the type of the second arguments
   * @param <R> the type of the results
   * @param options how the map runs
   * @param f what to call
   * @param first its first arguments, read at once
   * @param second its second arguments, read at once
   * @return the results
   */
  default <A, B, R> Stream<R> mapAllUnordered(
      MapOptions options,
      SerializableBiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends A> first,
      Iterable<? extends B> second) {
    return MapForm.MAP_ALL_UNORDERED.start(this, options, f, first, second);
  }

  /**
   * Calls {@code f} for each pair, lazily, and gives the results in the order of the pairs.
   *
   * @param <A> the type of the first arguments
   * @param <B> the type of the second arguments
   * @param <R> the type of the results
   * @param f what to call
   * @param pairs its arguments, read as they are needed
   * @return the results
   */
  default <A, B, R> Stream<R> starmap(
      SerializableBiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends Map.Entry<? extends A, ? extends B>> pairs) {
    return starmap(MapOptions.DEFAULT, f, pairs);
  }

  /**
   * Calls {@code f} for each pair, lazily, and gives the results in the order of the pairs.
   *
   * @param <A> the type of the first arguments
   * @param <B> the type of the second arguments
   * @param <R> the type of the results
   * @param options how the map runs
   * @param f what to call
   * @param pairs its arguments, read as they are needed
   * @return the results
   */
  default <A, B, R> Stream<R> starmap(
      MapOptions options,
      SerializableBiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends Map.Entry<? extends A, ? extends B>> pairs) {
    return MapForm.STARMAP.start(this, options, f, pairs);
  }

  /**
   * Calls {@code f} for each pair, lazily, and gives the results in the order in which they
   * are done.
   *
   * @param <A> the type of the first arguments
   * @param <B> the type of the second arguments
   * @param <R> the type of the results
   * @param f what to call
   * @param pairs its arguments, read as they are needed
   * @return the results
   */
  default <A, B, R> Stream<R> starmapUnordered(
      SerializableBiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends Map.Entry<? extends A, ? extends B>> pairs) {
    return starmapUnordered(MapOptions.DEFAULT, f, pairs);
  }

  /**
   * Calls {@code f} for each pair, lazily, and gives the results in the order in which they
   * are done.
   *
   * @param <A> the type of the first arguments
   * @param <B> the type of the second arguments
   * @param <R> the type of the results
   * @param options how the map runs
   * @param f what to call
   * @param pairs its arguments, read as they are needed
   * @return the results
   */
  default <A, B, R> Stream<R> starmapUnordered(
      MapOptions options,
      SerializableBiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends Map.Entry<? extends A, ? extends B>> pairs) {
    return MapForm.STARMAP_UNORDERED.start(this, options, f, pairs);
  }

  /**
   * Calls {@code f} for each pair, all at once, and gives the results in the order of the
   * pairs.
   *
   * @param <A> the type of the first arguments
   * @param <B> the type of the second arguments
   * @param <R> the type of the results
   * @param f what to call
   * @param pairs its arguments, read at once
   * @return the results
   */
  default <A, B, R> Stream<R> starmapAll(
      SerializableBiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends Map.Entry<? extends A, ? extends B>> pairs) {
    return starmapAll(MapOptions.DEFAULT, f, pairs);
  }

  /**
   * Calls {@code f} for each pair, all at once, and gives the results in the order of the
   * pairs.
   *
   * @param <A> the type of the first arguments
   * @param <B> the type of the second arguments
   * @param <R> the type of the results
   * @param options how the map runs
   * @param f what to call
   * @param pairs its arguments, read at once
   * @return the results
   */
  default <A, B, R> Stream<R> starmapAll(
      MapOptions options,
      SerializableBiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends Map.Entry<? extends A, ? extends B>> pairs) {
    return MapForm.STARMAP_ALL.start(this, options, f, pairs);
  }

  /**
   * Calls {@code f} for each pair, all at once, and gives the results in the order in which
   * they are done.
   *
   * @param <A> the type of the first arguments
   * @param <B> the type of the second arguments
   * @param <R> the type of the results
   * @param f what to call
   * @param pairs its arguments, read at once
   * @return the results
   */
  default <A, B, R> Stream<R> starmapAllUnordered(
      SerializableBiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends Map.Entry<? extends A, ? extends B>> pairs) {
    return starmapAllUnordered(MapOptions.DEFAULT, f, pairs);
  }

  /**
   * Calls {@code f} for each pair, all at once, and gives the results in the order in which
   * they are done.
   *
   * @param <A> the type of the first arguments
   * @param <B> the type of the second arguments
   * @param <R> the type of the results
   * @param options how the map runs
   * @param f what to call
   * @param pairs its arguments, read at once
   * @return the results
   */
  default <A, B, R> Stream<R> starmapAllUnordered(
      MapOptions options,
      SerializableBiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends Map.Entry<? extends A, ? extends B>> pairs) {
    return MapForm.STARMAP_ALL_UNORDERED.start(this, options, f, pairs);
  }
}

package io.asyncpal;

import java.util.Map;
import java.util.stream.Stream;

/**
 * The maps of a pool that give for each item how its call ended, and go on whatever that was. Both
 * kinds of pools have them, and so have their views.
 *
 * <pre>{@code
 * pool.mapSettled(url -> load(url), urls)
 *     .filter(page -> !page.ok())
 *     .forEach(page -> report(urls.get((int) page.index()), page.exception()));
 * }</pre>
 *
 * <p>What {@link PoolMaps} says of laziness, arguments, functions and the stream holds here. A call
 * that throws has no effect on others, those of its chunk included; nor has one whose result can't
 * be sent. A worker that is lost costs the call that ran and the results of its last 10 ms or so;
 * what had not begun of the chunk runs elsewhere, and its items must not have changed.
 *
 * <p>{@link MapOptions#keepOrder} chooses between the order of the items and that in which chunks
 * are done; the index is that of the item either way.
 *
 * <p><b>Errors:</b> a call that throws is no error here. What else a map throws, at its call or out
 * of the stream, is as with {@link PoolMaps}: where the pool refuses a task, {@link
 * MapOptions#timeout} has passed, the thread is interrupted, or a task is cancelled.
 */
public sealed interface SettledMaps permits Pool, PoolView {
  /**
   * Calls {@code f} for each item, lazily, and gives how each call ended.
   *
   * @param <T> the type of the items
   * @param <R> the type of the results
   * @param f what to call
   * @param items its arguments
   * @return how each call ended
   */
  default <T, R> Stream<Settled<R>> mapSettled(
      SerializableFunction<? super T, ? extends R> f,
      Iterable<? extends T> items) {
    return mapSettled(MapOptions.DEFAULT, f, items);
  }

  /**
   * Calls {@code f} for each item, lazily, and gives how each call ended.
   *
   * @param <T> the type of the items
   * @param <R> the type of the results
   * @param options how the map runs
   * @param f what to call
   * @param items its arguments
   * @return how each call ended
   */
  default <T, R> Stream<Settled<R>> mapSettled(
      MapOptions options,
      SerializableFunction<? super T, ? extends R> f,
      Iterable<? extends T> items) {
    return MapForm.MAP_SETTLED.startSettling(this, options, f, items);
  }

  /**
   * Calls {@code f} for each pair of items, lazily, and gives how each call ended.
   *
   * @param <A> the type of the first arguments
   * @param <B> the type of the second arguments
   * @param <R> the type of the results
   * @param f what to call
   * @param first its first arguments
   * @param second its second arguments
   * @return how each call ended
   */
  default <A, B, R> Stream<Settled<R>> mapSettled(
      SerializableBiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends A> first,
      Iterable<? extends B> second) {
    return mapSettled(MapOptions.DEFAULT, f, first, second);
  }

  /**
   * Calls {@code f} for each pair of items, lazily, and gives how each call ended.
   *
   * @param <A> the type of the first arguments
   * @param <B> the type of the second arguments
   * @param <R> the type of the results
   * @param options how the map runs
   * @param f what to call
   * @param first its first arguments
   * @param second its second arguments
   * @return how each call ended
   */
  default <A, B, R> Stream<Settled<R>> mapSettled(
      MapOptions options,
      SerializableBiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends A> first,
      Iterable<? extends B> second) {
    return MapForm.MAP_SETTLED.startSettling(this, options, f, first, second);
  }

  /**
   * Calls {@code f} for each item, all of them submitted at once, and gives how each call ended.
   *
   * @param <T> the type of the items
   * @param <R> the type of the results
   * @param f what to call
   * @param items its arguments
   * @return how each call ended
   */
  default <T, R> Stream<Settled<R>> mapSettledAll(
      SerializableFunction<? super T, ? extends R> f,
      Iterable<? extends T> items) {
    return mapSettledAll(MapOptions.DEFAULT, f, items);
  }

  /**
   * Calls {@code f} for each item, all of them submitted at once, and gives how each call ended.
   *
   * @param <T> the type of the items
   * @param <R> the type of the results
   * @param options how the map runs
   * @param f what to call
   * @param items its arguments
   * @return how each call ended
   */
  default <T, R> Stream<Settled<R>> mapSettledAll(
      MapOptions options,
      SerializableFunction<? super T, ? extends R> f,
      Iterable<? extends T> items) {
    return MapForm.MAP_SETTLED_ALL.startSettling(this, options, f, items);
  }

  /**
   * Calls {@code f} for each pair of items, all of them submitted at once, and gives how each call
   * ended.
   *
   * @param <A> the type of the first arguments
   * @param <B> the type of the second arguments
   * @param <R> the type of the results
   * @param f what to call
   * @param first its first arguments
   * @param second its second arguments
   * @return how each call ended
   */
  default <A, B, R> Stream<Settled<R>> mapSettledAll(
      SerializableBiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends A> first,
      Iterable<? extends B> second) {
    return mapSettledAll(MapOptions.DEFAULT, f, first, second);
  }

  /**
   * Calls {@code f} for each pair of items, all of them submitted at once, and gives how each call
   * ended.
   *
   * @param <A> the type of the first arguments
   * @param <B> the type of the second arguments
   * @param <R> the type of the results
   * @param options how the map runs
   * @param f what to call
   * @param first its first arguments
   * @param second its second arguments
   * @return how each call ended
   */
  default <A, B, R> Stream<Settled<R>> mapSettledAll(
      MapOptions options,
      SerializableBiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends A> first,
      Iterable<? extends B> second) {
    return MapForm.MAP_SETTLED_ALL.startSettling(this, options, f, first, second);
  }

  /**
   * Calls {@code f} for each pair, lazily, and gives how each call ended.
   *
   * @param <A> the type of the first arguments
   * @param <B> the type of the second arguments
   * @param <R> the type of the results
   * @param f what to call
   * @param pairs its arguments
   * @return how each call ended
   */
  default <A, B, R> Stream<Settled<R>> starmapSettled(
      SerializableBiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends Map.Entry<? extends A, ? extends B>> pairs) {
    return starmapSettled(MapOptions.DEFAULT, f, pairs);
  }

  /**
   * Calls {@code f} for each pair, lazily, and gives how each call ended.
   *
   * @param <A> the type of the first arguments
   * @param <B> the type of the second arguments
   * @param <R> the type of the results
   * @param options how the map runs
   * @param f what to call
   * @param pairs its arguments
   * @return how each call ended
   */
  default <A, B, R> Stream<Settled<R>> starmapSettled(
      MapOptions options,
      SerializableBiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends Map.Entry<? extends A, ? extends B>> pairs) {
    return MapForm.STARMAP_SETTLED.startSettling(this, options, f, pairs);
  }

  /**
   * Calls {@code f} for each pair, all of them submitted at once, and gives how each call ended.
   *
   * @param <A> the type of the first arguments
   * @param <B> the type of the second arguments
   * @param <R> the type of the results
   * @param f what to call
   * @param pairs its arguments
   * @return how each call ended
   */
  default <A, B, R> Stream<Settled<R>> starmapSettledAll(
      SerializableBiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends Map.Entry<? extends A, ? extends B>> pairs) {
    return starmapSettledAll(MapOptions.DEFAULT, f, pairs);
  }

  /**
   * Calls {@code f} for each pair, all of them submitted at once, and gives how each call ended.
   *
   * @param <A> the type of the first arguments
   * @param <B> the type of the second arguments
   * @param <R> the type of the results
   * @param options how the map runs
   * @param f what to call
   * @param pairs its arguments
   * @return how each call ended
   */
  default <A, B, R> Stream<Settled<R>> starmapSettledAll(
      MapOptions options,
      SerializableBiFunction<? super A, ? super B, ? extends R> f,
      Iterable<? extends Map.Entry<? extends A, ? extends B>> pairs) {
    return MapForm.STARMAP_SETTLED_ALL.startSettling(this, options, f, pairs);
  }
}

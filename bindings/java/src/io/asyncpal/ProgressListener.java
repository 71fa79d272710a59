package io.asyncpal;

/**
 * Is told how far a map is: {@link MapOptions#withProgress}.
 *
 * <pre>{@code
 * MapOptions options = MapOptions.DEFAULT.withProgress(map -> bar.setValue((int) map.done()));
 * pool.map(options, page -> load(page), pages).forEach(this::show);
 * }</pre>
 *
 * <p><b>Threads:</b> a map calls it on the thread that takes results from its stream, or on that of
 * the call for the beginning. While nobody takes results, nothing is called. <b>Ordering:</b>
 * {@link #onChange} before the first task is submitted, and after each chunk that is done, in the
 * order in which they are; then {@link #onEnd}, once. <b>Errors:</b> what {@code onChange} throws
 * ends the map and comes out of it; what {@code onEnd} throws goes to the {@link System.Logger}
 * "io.asyncpal".
 */
@FunctionalInterface
public interface ProgressListener {
  /**
   * The map has begun, or come further. It holds up whoever takes the results.
   *
   * @param map how far it is
   */
  void onChange(MapState map);

  /**
   * The map has ended: all calls are done, one has failed, or the stream was closed. A stream that
   * is neither read to its end nor closed has no end.
   *
   * @param map how far it came
   */
  default void onEnd(MapState map) {}
}

package io.asyncpal;

import java.time.Duration;
import java.util.Objects;

/**
 * Options of the map family: {@code MapOptions.DEFAULT.withChunkSize(100)}.
 *
 * @param chunkSize how many calls make one task; more is faster for short calls. 0: the map finds
 *     out by the time that its calls take. A task is then to take some 20 times what it costs by
 *     itself, and no more than a third of a worker's share of what is left; and no map, lazy or
 *     not, has more than 16 tasks for each worker ahead of the stream
 * @param bufferSize how many tasks of a lazy map may be submitted before their results are taken
 *     from the stream; 0: twice the pool's {@code maxWorkers}
 * @param keepOrder false: results come as they are done, as from {@code mapUnordered}
 * @param timeout limits the whole map, from the call on; more than 292 years means forever
 * @param progress is told how far the map is; null: nobody is
 * @param onError what a call that fails does to the map; the maps that settle calls take no other
 *     than {@link OnError#RAISE}
 */
public record MapOptions(
    int chunkSize,
    int bufferSize,
    boolean keepOrder,
    Duration timeout,
    ProgressListener progress,
    OnError onError) {

  /** What a call of a map that fails does to the map. */
  public enum OnError {
    /** What it has thrown comes out of the stream in the place of its result, and ends the map. */
    RAISE,
    /**
     * Its result is left out, and the map goes on; the {@link ProgressListener} is told how many
     * have failed. A result that can't be sent back costs itself, a lost worker the call that ran
     * and the results of its last 10 ms or so.
     */
    SKIP
  }

  /** Chunks of 1, the usual buffer, in order, no limit. */
  public static final MapOptions DEFAULT =
      new MapOptions(1, 0, true, Duration.ofNanos(Long.MAX_VALUE), null, OnError.RAISE);

  /**
   * Checks the options.
   *
   * @param chunkSize how many calls make one task
   * @param bufferSize how many tasks may be ahead of the stream
   * @param keepOrder whether results come in order
   * @param timeout limits the whole map
   * @param progress is told how far it is; may be null
   * @param onError what a failure does
   * @throws IllegalArgumentException names the one that is out of range
   */
  public MapOptions {
    if (chunkSize < 0) {
      throw new IllegalArgumentException(
          "chunkSize is " + chunkSize + "; it must not be negative");
    }
    if (bufferSize < 0) {
      throw new IllegalArgumentException(
          "bufferSize is " + bufferSize + "; it must not be negative");
    }
    Durations.toNanos("timeout", Objects.requireNonNull(timeout, "timeout"));
    Objects.requireNonNull(onError, "onError");
  }

  /**
   * Options for a map that ends at its first failure.
   *
   * @param chunkSize how many calls make one task
   * @param bufferSize how many tasks may be ahead of the stream
   * @param keepOrder whether results come in order
   * @param timeout limits the whole map
   * @param progress is told how far it is; may be null
   * @throws IllegalArgumentException names the one that is out of range
   */
  public MapOptions(
      int chunkSize,
      int bufferSize,
      boolean keepOrder,
      Duration timeout,
      ProgressListener progress) {
    this(chunkSize, bufferSize, keepOrder, timeout, progress, OnError.RAISE);
  }

  /**
   * Options without a listener.
   *
   * @param chunkSize how many calls make one task
   * @param bufferSize how many tasks may be ahead of the stream
   * @param keepOrder whether results come in order
   * @param timeout limits the whole map
   * @throws IllegalArgumentException names the one that is out of range
   */
  public MapOptions(int chunkSize, int bufferSize, boolean keepOrder, Duration timeout) {
    this(chunkSize, bufferSize, keepOrder, timeout, null);
  }

  /**
   * These, but for one.
   *
   * @param size the other chunk size; 0: the map finds out
   * @return new options
   */
  public MapOptions withChunkSize(int size) {
    return new MapOptions(size, bufferSize, keepOrder, timeout, progress, onError);
  }

  /**
   * These, but for one.
   *
   * @param size the other buffer size
   * @return new options
   */
  public MapOptions withBufferSize(int size) {
    return new MapOptions(chunkSize, size, keepOrder, timeout, progress, onError);
  }

  /**
   * These, but for one.
   *
   * @param keep whether results come in order
   * @return new options
   */
  public MapOptions withKeepOrder(boolean keep) {
    return new MapOptions(chunkSize, bufferSize, keep, timeout, progress, onError);
  }

  /**
   * These, but for one.
   *
   * @param limit the other timeout
   * @return new options
   */
  public MapOptions withTimeout(Duration limit) {
    return new MapOptions(chunkSize, bufferSize, keepOrder, limit, progress, onError);
  }

  /**
   * These, but for one.
   *
   * @param listener is told how far the map is; null: nobody is
   * @return new options
   */
  public MapOptions withProgress(ProgressListener listener) {
    return new MapOptions(chunkSize, bufferSize, keepOrder, timeout, listener, onError);
  }

  /**
   * These, but for one.
   *
   * @param other what a failure does
   * @return new options
   */
  public MapOptions withOnError(OnError other) {
    return new MapOptions(chunkSize, bufferSize, keepOrder, timeout, progress, other);
  }
}

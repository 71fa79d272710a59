package io.asyncpal;

import java.time.Duration;
import java.util.Objects;

/**
 * Options of the map family: {@code MapOptions.DEFAULT.withChunkSize(100)}.
 *
 * @param chunkSize how many calls make one task, at least 1; more is faster for short calls
 * @param bufferSize how many tasks of a lazy map may be submitted before their results are taken
 *     from the stream; 0: twice the pool's {@code maxWorkers}
 * @param keepOrder false: results come as they are done, as from {@code mapUnordered}
 * @param timeout limits the whole map, from the call on; more than 292 years means forever
 * @param progress is told how far the map is; null: nobody is
 */
public record MapOptions(
    int chunkSize,
    int bufferSize,
    boolean keepOrder,
    Duration timeout,
    ProgressListener progress) {
  /** Chunks of 1, the usual buffer, in order, no limit. */
  public static final MapOptions DEFAULT =
      new MapOptions(1, 0, true, Duration.ofNanos(Long.MAX_VALUE), null);

  /**
   * Checks the options.
   *
   * @param chunkSize how many calls make one task
   * @param bufferSize how many tasks may be ahead of the stream
   * @param keepOrder whether results come in order
   * @param timeout limits the whole map
   * @param progress is told how far it is; may be null
   * @throws IllegalArgumentException names the one that is out of range
   */
  public MapOptions {
    if (chunkSize < 1) {
      throw new IllegalArgumentException("chunkSize is " + chunkSize + "; it must be at least 1");
    }
    if (bufferSize < 0) {
      throw new IllegalArgumentException(
          "bufferSize is " + bufferSize + "; it must not be negative");
    }
    Durations.toNanos("timeout", Objects.requireNonNull(timeout, "timeout"));
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
   * @param size the other chunk size
   * @return new options
   */
  public MapOptions withChunkSize(int size) {
    return new MapOptions(size, bufferSize, keepOrder, timeout, progress);
  }

  /**
   * These, but for one.
   *
   * @param size the other buffer size
   * @return new options
   */
  public MapOptions withBufferSize(int size) {
    return new MapOptions(chunkSize, size, keepOrder, timeout, progress);
  }

  /**
   * These, but for one.
   *
   * @param keep whether results come in order
   * @return new options
   */
  public MapOptions withKeepOrder(boolean keep) {
    return new MapOptions(chunkSize, bufferSize, keep, timeout, progress);
  }

  /**
   * These, but for one.
   *
   * @param limit the other timeout
   * @return new options
   */
  public MapOptions withTimeout(Duration limit) {
    return new MapOptions(chunkSize, bufferSize, keepOrder, limit, progress);
  }

  /**
   * These, but for one.
   *
   * @param listener is told how far the map is; null: nobody is
   * @return new options
   */
  public MapOptions withProgress(ProgressListener listener) {
    return new MapOptions(chunkSize, bufferSize, keepOrder, timeout, listener);
  }
}

package io.asyncpal;

import io.asyncpal.internal.swig.NativePool;

/**
 * Parts of a pool, whose tasks run one at a time, at most so many at once, or one at a time for
 * each key. Both kinds of pools have them. A view's tasks are queued in native code, so each costs
 * a call of its own.
 */
public sealed interface PoolViews permits Pool {
  /**
   * A view whose tasks run one at a time.
   *
   * @return a new one with each call
   */
  default PoolView serial() {
    return limited(1, "");
  }

  /**
   * A view whose tasks run one at a time.
   *
   * @param name for messages
   * @return a new one with each call
   */
  default PoolView serial(String name) {
    return limited(1, name);
  }

  /**
   * A view whose tasks run at most {@code n} at a time.
   *
   * @param n at least 1
   * @return a new one with each call
   * @throws IllegalArgumentException if {@code n} is less than 1
   */
  default PoolView limited(int n) {
    return limited(n, "");
  }

  /**
   * A view whose tasks run at most {@code n} at a time.
   *
   * @param n at least 1
   * @param name for messages
   * @return a new one with each call
   * @throws IllegalArgumentException if {@code n} is less than 1
   */
  default PoolView limited(int n, String name) {
    if (n < 1) {
      throw new IllegalArgumentException("n is " + n + "; it must be at least 1");
    }
    Pool pool = (Pool) this; // nothing else is one
    return new PoolView(pool, name, n, pool.call(p -> p.newView(n, name)));
  }

  /**
   * A view of tasks with keys, which run one at a time for each key.
   *
   * @param <K> the type of the keys
   * @return a new one with each call
   */
  default <K> KeyedPool<K> keyed() {
    Pool pool = (Pool) this;
    return new KeyedPool<>(pool, pool.call(NativePool::newKeyedView));
  }
}

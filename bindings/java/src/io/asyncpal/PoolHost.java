package io.asyncpal;

import io.asyncpal.internal.swig.NativePool;
import java.util.concurrent.CountDownLatch;

/** What both kinds of pools have in Java, behind the pool object that may be collected. */
interface PoolHost {
  /** Counts down when the pool has terminated. */
  CountDownLatch ended();

  Joins joins();

  /** Nobody refers to the pool any more: it runs what it has, and ends. */
  default void abandon(NativePool pool) {
    pool.delete();
  }

  /**
   * Takes workers out of the pool's accounts whose tasks end the JVM, so that they never return.
   */
  void leaveOutTasksThatExit();

  /** Stops what runs, for ExitMode.CANCEL, which has closed {@code pool}. */
  void stopAtExit(Pool pool);
}

package io.asyncpal;

/** What a shutdown of its pool does with one task, whatever it does with others. */
public enum AtShutdown { // in native code's order
  /** What it does with others: {@code shutdown} runs it, {@code shutdownNow} stops it. */
  AS_POOL,
  /** If it has not begun, it is cancelled, even by {@code shutdown}. */
  SKIP,
  /**
   * It runs, and is not interrupted, even after {@code shutdownNow} of a thread pool. That of a
   * process pool kills its workers and cancels it, too.
   */
  FINISH,
  /**
   * Nobody waits for it: if it has not begun, it is cancelled. If it runs, a process pool kills its
   * worker; a thread pool interrupts it, and leaves its thread behind.
   */
  ABANDON
}

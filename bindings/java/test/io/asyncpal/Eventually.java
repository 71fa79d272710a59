package io.asyncpal;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.Callable;

/** For what a pool does by itself and tells nobody of. */
final class Eventually {
  private static final long DEADLINE_NANOS = 30_000_000_000L;

  private Eventually() {}

  /** Looks until the condition holds, 30 s at most. */
  static void eventually(String claim, Callable<Boolean> condition) throws Exception {
    long start = System.nanoTime();
    while (!condition.call() && System.nanoTime() - start < DEADLINE_NANOS) {
      Thread.sleep(1);
    }
    assertTrue(condition.call(), claim);
  }
}

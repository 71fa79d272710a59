package io.asyncpal;

import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;

/** Those who wait in {@link Pool#join}, which native code knows by number. */
final class Joins {
  private final AtomicLong lastId = new AtomicLong();
  private final ConcurrentHashMap<Long, CountDownLatch> waiting = new ConcurrentHashMap<>();

  long add(CountDownLatch joined) {
    long id = lastId.incrementAndGet();
    waiting.put(id, joined);
    return id;
  }

  void remove(long id) {
    waiting.remove(id);
  }

  /** Native code has told that the pool is quiet. */
  void end(long id) {
    CountDownLatch joined = waiting.remove(id);
    if (joined != null) {
      joined.countDown();
    }
  }
}

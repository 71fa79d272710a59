package io.asyncpal;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The tasks that native code knows by number. What is in it is not collected.
 *
 * <p>Numbers grow by one, and tasks leave about in the order in which they came. So the table is a
 * chain of chunks, of which the oldest goes when its last task has gone; submitters share the
 * newest and workers the oldest, and the map of chunks is seldom asked.
 */
final class TaskTable {
  private static final int CHUNK_BITS = 8;
  private static final int CHUNK_SIZE = 1 << CHUNK_BITS;
  private static final VarHandle SLOT = MethodHandles.arrayElementVarHandle(Object[].class);

  private static final class Chunk {
    final long number;
    final Object[] slots = new Object[CHUNK_SIZE];
    final AtomicInteger taken = new AtomicInteger();

    Chunk(long number) {
      this.number = number;
    }
  }

  private final AtomicLong next = new AtomicLong();
  private final ConcurrentHashMap<Long, Chunk> chunks = new ConcurrentHashMap<>();
  // Whichever was used last; only to save a look at the map.
  private volatile Chunk newest = new Chunk(-1);
  private volatile Chunk oldest = newest;

  /** Adds a task and returns its number. */
  long add(Runnable task) {
    long id = next.getAndIncrement();
    long number = id >>> CHUNK_BITS;
    Chunk chunk = newest;
    if (chunk.number != number) {
      chunk = chunks.computeIfAbsent(number, Chunk::new);
      newest = chunk;
    }
    SLOT.setRelease(chunk.slots, (int) (id & (CHUNK_SIZE - 1)), task);
    return id;
  }

  /** Removes a task; it is there. */
  Runnable take(long id) {
    long number = id >>> CHUNK_BITS;
    Chunk chunk = oldest;
    if (chunk.number != number) {
      chunk = chunks.get(number);
      oldest = chunk;
    }
    int slot = (int) (id & (CHUNK_SIZE - 1));
    Runnable task = (Runnable) SLOT.getAcquire(chunk.slots, slot);
    chunk.slots[slot] = null;
    if (chunk.taken.incrementAndGet() == CHUNK_SIZE) {
      chunks.remove(number);
    }
    return task;
  }
}

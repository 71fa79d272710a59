package io.asyncpal;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.function.Predicate;

/**
 * An unbounded FIFO queue without locks, in chunks of slots: a queued object costs four bytes and
 * no node of its own.
 *
 * <p>How it works. A slot goes from null to an object to TAKEN. Who adds draws the number of a
 * slot and puts the object there; who polls draws one and takes what is there. A poller that is
 * faster than the one who adds takes the empty slot away from it, which then draws another. The
 * indices grow beyond the chunk's size, by which everyone sees that it is used up. A chunk that is
 * neither head nor tail any more refers to itself, so that no chain of dead ones keeps the living
 * from being collected; whoever still has it begins anew.
 *
 * <p>Threads: any. Ordering: what happened before add() happens before what follows the poll()
 * that returns the object. All accesses are volatile: in the order of all of these, an add() that
 * has returned is seen by every later isEmpty() and poll().
 */
final class ChunkQueue<T> {
  private static final int SIZE = 256;
  private static final Object TAKEN = new Object();
  private static final VarHandle SLOT = MethodHandles.arrayElementVarHandle(Object[].class);
  private static final VarHandle HEAD;
  private static final VarHandle TAIL;
  private static final VarHandle NEXT;
  private static final VarHandle ADDED;
  private static final VarHandle POLLED;

  static {
    try {
      MethodHandles.Lookup lookup = MethodHandles.lookup();
      HEAD = lookup.findVarHandle(ChunkQueue.class, "head", Chunk.class);
      TAIL = lookup.findVarHandle(ChunkQueue.class, "tail", Chunk.class);
      NEXT = lookup.findVarHandle(Slots.class, "next", Chunk.class);
      ADDED = lookup.findVarHandle(AddedIndex.class, "added", int.class);
      POLLED = lookup.findVarHandle(Chunk.class, "polled", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  // What one side writes is some cache lines away from what the other side needs.
  private static class AddedIndex {
    volatile int added;
  }

  private static class Gap extends AddedIndex {
    long gap0, gap1, gap2, gap3, gap4, gap5, gap6, gap7;
    long gap8, gap9, gap10, gap11, gap12, gap13, gap14, gap15;
  }

  private static class Slots extends Gap {
    final Object[] slots = new Object[SIZE];
    volatile Chunk next;
  }

  private static class SecondGap extends Slots {
    long more0, more1, more2, more3, more4, more5, more6, more7;
    long more8, more9, more10, more11, more12, more13, more14, more15;
  }

  private static final class Chunk extends SecondGap {
    volatile int polled;

    /** Whether there is nothing to be polled here, and was never more. */
    boolean isDry() {
      int drawn = polled; // first: it grows, too
      return drawn >= Math.min(added, SIZE);
    }
  }

  private volatile Chunk head = new Chunk();
  private volatile Chunk tail = head;

  void add(T object) {
    while (true) {
      Chunk chunk = tail;
      int index = (int) ADDED.getAndAdd(chunk, 1);
      if (index < SIZE) {
        if (SLOT.compareAndSet(chunk.slots, index, null, object)) {
          return;
        }
        continue;
      }
      Chunk next = chunk.next;
      if (next == null) {
        Chunk mine = new Chunk();
        next = NEXT.compareAndSet(chunk, null, mine) ? mine : chunk.next;
      }
      TAIL.compareAndSet(this, chunk, next);
    }
  }

  /** Null: it is empty. */
  @SuppressWarnings("unchecked")
  T poll() {
    while (true) {
      Chunk chunk = head;
      if (chunk.isDry()) {
        Chunk next = chunk.next;
        if (next == null) {
          return null;
        }
        if (chunk.polled >= SIZE) {
          TAIL.compareAndSet(this, chunk, next);
          if (HEAD.compareAndSet(this, chunk, next)) {
            chunk.next = chunk;
          }
        }
        continue;
      }
      int index = (int) POLLED.getAndAdd(chunk, 1);
      if (index < SIZE) {
        Object object = SLOT.getAndSet(chunk.slots, index, TAKEN);
        if (object != null && object != TAKEN) {
          return (T) object;
        }
      }
    }
  }

  /** False also where an object is just being added. */
  boolean isEmpty() {
    Chunk chunk = head;
    return chunk.isDry() && chunk.next == null;
  }

  /** Takes out what {@code filter} says of each, but not the slots that they are in. */
  @SuppressWarnings("unchecked")
  void removeIf(Predicate<T> filter) {
    Chunk next;
    for (Chunk chunk = head; chunk != null; chunk = next) {
      for (int i = 0; i < SIZE; i++) {
        Object object = SLOT.getVolatile(chunk.slots, i);
        if (object != null && object != TAKEN && filter.test((T) object)) {
          SLOT.compareAndSet(chunk.slots, i, object, TAKEN);
        }
      }
      next = chunk.next;
      if (next == chunk) {
        next = head;
      }
    }
  }
}

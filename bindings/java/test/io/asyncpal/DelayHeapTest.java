package io.asyncpal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class DelayHeapTest {
  private final ThreadPool pool = new ThreadPool(1);
  private final DelayHeap heap = new DelayHeap();

  @AfterEach
  void close() {
    pool.close();
  }

  private DelayedTask<?> task(long time) {
    return new DelayedTask<>(pool, (Runnable) () -> {}, time, 0);
  }

  private DelayedTask<?> added(long time) {
    DelayedTask<?> task = task(time);
    heap.add(task);
    return task;
  }

  private DelayedTask<?> take() {
    DelayedTask<?> first = heap.first();
    assertTrue(heap.remove(first));
    return first;
  }

  @Test
  void theEarliestIsFirstWhateverComesAndGoes() {
    Random random = new Random(7);
    TreeSet<DelayedTask<?>> model = new TreeSet<>();
    List<DelayedTask<?>> all = new ArrayList<>();
    for (int i = 0; i < 100_000; i++) {
      // Grows, then shrinks, again and again.
      boolean adds = random.nextInt(100) < (i / 5_000 % 2 == 0 ? 60 : 35);
      if (adds || all.isEmpty()) {
        DelayedTask<?> task = added(Long.MAX_VALUE - 50 + random.nextInt(100));
        model.add(task);
        all.add(task);
      } else if (random.nextInt(3) == 0) {
        DelayedTask<?> first = take();
        assertSame(model.pollFirst(), first);
        all.remove(first);
      } else {
        DelayedTask<?> some = all.remove(random.nextInt(all.size()));
        assertTrue(heap.remove(some));
        assertFalse(heap.remove(some));
        model.remove(some);
      }
      assertEquals(model.size(), heap.size());
      assertSame(model.isEmpty() ? null : model.first(), heap.first());
    }
  }

  @Test
  void thoseOfOneTimeComeInTheirOrder() {
    DelayedTask<?> first = added(5);
    DelayedTask<?> second = added(5);
    DelayedTask<?> third = added(5);
    DelayedTask<?> fourth = added(5);
    assertTrue(heap.remove(second));
    assertSame(first, take());
    assertSame(third, take());
    assertSame(fourth, take());
    assertNull(heap.first());
  }

  @Test
  void whatLeavesIsNotHeld() throws Exception {
    added(1);
    WeakReference<DelayedTask<?>> gone = new WeakReference<>(added(2));
    added(3);
    assertTrue(heap.remove(gone.get()));
    Eventually.eventually(
        "collected",
        () -> {
          System.gc();
          return gone.get() == null;
        });
    assertEquals(2, heap.size());
  }

  /** They share an exception, as long as nobody can tell. */
  @Test
  void whatHasSuppressedIsNotAnotherTasks() {
    Throwable one = cancelled();
    one.addSuppressed(new IllegalStateException("mine"));
    one.setStackTrace(new Throwable().getStackTrace());
    assertThrows(IllegalStateException.class, () -> one.initCause(new Error()));
    Throwable other = cancelled();
    assertEquals(0, other.getSuppressed().length);
    assertEquals(0, other.getStackTrace().length);
    assertNull(other.getCause());
  }

  private Throwable cancelled() {
    DelayedTask<?> task = task(1);
    assertTrue(task.cancel(false));
    assertTrue(task.isCancelled());
    return task.handle((value, thrown) -> thrown).join();
  }

  @Test
  void givesThoseThatAreDoomedEarliestFirst() {
    DelayedTask<?> last = added(9);
    DelayedTask<?> kept = added(4);
    DelayedTask<?> first = added(1);
    assertEquals(List.of(first, last), heap.removeIf(task -> task != kept));
    assertSame(kept, take());
    assertEquals(0, heap.size());
  }
}

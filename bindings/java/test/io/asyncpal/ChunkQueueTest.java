package io.asyncpal;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class ChunkQueueTest {
  @Test
  void isFirstInFirstOut() {
    ChunkQueue<Integer> queue = new ChunkQueue<>();
    for (int round = 0; round < 3; round++) {
      for (int i = 0; i < 1000; i++) {
        queue.add(i);
      }
      for (int i = 0; i < 1000; i++) {
        assertFalse(queue.isEmpty());
        assertEquals(i, queue.poll());
      }
      assertTrue(queue.isEmpty());
      assertNull(queue.poll());
    }
  }

  @Test
  void whatIsRemovedIsSkipped() {
    ChunkQueue<Integer> queue = new ChunkQueue<>();
    for (int i = 0; i < 1000; i++) {
      queue.add(i);
    }
    queue.removeIf(i -> i % 10 != 0);
    for (int i = 0; i < 1000; i += 10) {
      assertEquals(i, queue.poll());
    }
    assertNull(queue.poll());
  }

  @Test
  void anAddThatHasReturnedIsSeen() {
    ChunkQueue<Integer> queue = new ChunkQueue<>();
    for (int i = 0; i < 10_000; i++) {
      assertNull(queue.poll());
      assertTrue(queue.isEmpty());
      queue.add(i);
      assertFalse(queue.isEmpty());
      assertEquals(i, queue.poll());
    }
  }

  @Test
  void threadsGetEachObjectOnceAndInOrder() throws Exception {
    int producers = 3;
    int consumers = 3;
    int each = 100_000;
    ChunkQueue<Integer> queue = new ChunkQueue<>();
    AtomicIntegerArray seen = new AtomicIntegerArray(producers * each);
    AtomicLong left = new AtomicLong(producers * each);
    ExecutorService threads = Executors.newFixedThreadPool(producers + consumers);
    List<Future<?>> all = new ArrayList<>();
    for (int p = 0; p < producers; p++) {
      int first = p * each;
      all.add(
          threads.submit(
              () -> {
                for (int i = 0; i < each; i++) {
                  queue.add(first + i);
                }
              }));
    }
    for (int c = 0; c < consumers; c++) {
      all.add(
          threads.submit(
              () -> {
                int[] last = new int[producers];
                while (left.get() > 0) {
                  Integer object = queue.poll();
                  if (object == null) {
                    Thread.yield();
                    continue;
                  }
                  left.decrementAndGet();
                  seen.incrementAndGet(object);
                  int producer = object / each;
                  assertTrue(object % each >= last[producer], "out of order");
                  last[producer] = object % each;
                }
              }));
    }
    for (Future<?> one : all) {
      one.get(120, SECONDS);
    }
    threads.shutdown();
    for (int i = 0; i < seen.length(); i++) {
      assertEquals(1, seen.get(i));
    }
  }
}

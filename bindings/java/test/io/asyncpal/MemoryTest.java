package io.asyncpal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.LongAdder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A million tasks in a heap of 64 MiB, which the target's jvm_flags set. */
@Timeout(600)
class MemoryTest {
  private static final int TASKS = 1_000_000;
  private static final int PENDING = 10_000;

  @Test
  void heapIsAsSmallAsThisTestNeeds() {
    assertTrue(Runtime.getRuntime().maxMemory() <= 64 << 20);
  }

  @Test
  void aMillionCallbacksLeaveMemoryFlat() throws Exception {
    LongAdder callbacks = new LongAdder();
    try (ThreadPool pool = new ThreadPool(2)) {
      run(pool, TASKS / 10, callbacks);
      long before = residentBytes();
      run(pool, TASKS, callbacks);
      long growth = residentBytes() - before;
      assertTrue(growth < 32 << 20, "the process has grown by " + growth + " bytes");
    }
    assertEquals(TASKS + TASKS / 10, callbacks.sum());
  }

  private static void run(ThreadPool pool, int tasks, LongAdder callbacks) throws Exception {
    Semaphore room = new Semaphore(PENDING);
    for (int i = 0; i < tasks; i++) {
      int n = i;
      room.acquire();
      CompletableFuture<Integer> future = pool.submit(() -> n);
      future.whenComplete(
          (value, thrown) -> {
            callbacks.increment();
            room.release();
          });
    }
    room.acquire(PENDING);
  }

  @Test
  void cancelledTasksLeaveMemoryFlat() throws Exception {
    try (ThreadPool pool = new ThreadPool(1)) {
      Gate gate = Gate.closed();
      pool.submit(gate::pass);
      long before = 0;
      for (int i = 0; i < 200_000; i++) {
        byte[] held = new byte[1024]; // 200 MB in all
        pool.submit(() -> held.length).cancel(true);
        if (i == 20_000) {
          before = residentBytes();
        }
      }
      long growth = residentBytes() - before;
      assertTrue(growth < 32 << 20, "the process has grown by " + growth + " bytes");
      assertEquals(200_000, pool.stats().cancelled());
      gate.open();
    }
  }

  private static long residentBytes() throws Exception {
    System.gc();
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("VmRSS:")) {
        return Long.parseLong(line.replaceAll("\\D", "")) << 10;
      }
    }
    throw new AssertionError("no VmRSS");
  }
}

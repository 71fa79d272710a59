package io.asyncpal;

import static java.util.concurrent.TimeUnit.SECONDS;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.Future;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Every task of a pool gets a worker if there is room for one. */
class ThreadPoolBarrierTest extends PoolContract {
  private static final int ROUNDS = 20_000;
  private static final Duration LIMIT = Duration.ofSeconds(6);

  ThreadPoolBarrierTest() {
    super(PoolKinds.THREADS);
  }

  // A worker that had just taken a task still counted as on its way to the
  // queue: a submission in that moment woke nobody.
  @ParameterizedTest
  @ValueSource(ints = {2, 4, 8})
  void asManyTasksAsWorkersAlwaysMeet(int workers) throws Exception {
    ThreadPool pool = (ThreadPool) pool(workers);
    CyclicBarrier barrier = new CyclicBarrier(workers);
    long end = System.nanoTime() + LIMIT.toNanos();
    for (int round = 0; round < ROUNDS && System.nanoTime() < end; round++) {
      List<Future<Integer>> tasks = new ArrayList<>();
      for (int i = 0; i < workers; i++) {
        tasks.add(pool.submit(() -> barrier.await(30, SECONDS)));
      }
      for (Future<Integer> task : tasks) {
        task.get(60, SECONDS); // throws TimeoutException if one never started
      }
    }
  }
}

package io.asyncpal;

import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;

/**
 * What the tasks of a map run on.
 *
 * @param executor takes them
 * @param sends whether they run in other processes
 * @param width how many of them run at once; at least 1
 * @param taskNanos what one costs that does nothing, to the pool and to the map
 * @param label for messages
 */
record MapTarget(
    MapRun.Executor executor, boolean sends, int width, double taskNanos, String label) {
  private static final double OF_THREADS = 2_000;
  private static final double OF_PROCESSES = 40_000;

  /** That of what {@link PoolMaps} and {@link SettledMaps} permit. */
  static MapTarget of(Object maps) {
    if (maps instanceof PoolView view) {
      return view.mapTarget();
    }
    Pool pool = (Pool) maps;
    boolean sends = !(pool instanceof ThreadPool);
    return new MapTarget(
        pool.executor(),
        sends,
        pool.maxWorkers(),
        sends ? OF_PROCESSES : OF_THREADS,
        "pool '" + pool.name() + "'");
  }

  /** The part of it that is the view's. */
  MapTarget within(PoolView view) {
    MapRun.Executor whole = executor;
    MapRun.Executor part =
        new MapRun.Executor() {
          @Override
          public <T> CompletableFuture<T> submit(SerializableCallable<T> task) {
            return view.submit(task);
          }

          @Override
          public <T> T block(Callable<T> wait) throws Exception {
            return whole.block(wait);
          }
        };
    return new MapTarget(
        part,
        sends,
        Math.min(view.limit(), width),
        taskNanos,
        "view '" + view.name() + "' of " + label);
  }
}

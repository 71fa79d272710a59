package io.asyncpal;

import java.util.Locale;

/** What pools are doing, as text for people. */
final class PoolDump {
  private PoolDump() {}

  static String ofAll() {
    StringBuilder text = new StringBuilder();
    for (Pool pool : LivePools.all()) {
      text.append(of(pool));
    }
    return text.toString();
  }

  static String of(Pool pool) {
    PoolStats stats = pool.stats();
    String kind = pool instanceof ThreadPool ? "threads" : "processes";
    String state = pool.isBroken() ? ", broken" : pool.isShutdown() ? ", closed" : "";
    StringBuilder text = new StringBuilder();
    text.append(
        String.format(
            Locale.ROOT,
            "pool '%s' (id %d, %s%s): %d of %d workers, %d busy; tasks: %d pending%s, "
                + "%d running, %d completed, %d failed (%d lost), %d cancelled%n",
            pool.name(),
            LivePools.idOf(pool),
            kind,
            state,
            stats.workers(),
            pool.maxWorkers(),
            stats.busy(),
            stats.pending(),
            stats.delayed() == 0 ? "" : " (and " + stats.delayed() + " delayed)",
            stats.running(),
            stats.completed(),
            stats.failed(),
            stats.lost(),
            stats.cancelled()));
    for (WorkerInfo worker : pool.workers()) {
      text.append("  ").append(worker.name());
      if (worker.pid().isPresent()) {
        text.append(" (").append(worker.pid().getAsLong()).append(')');
      }
      if (worker.busy()) {
        double seconds = worker.runningFor().toMillis() / 1e3;
        text.append(": runs ").append(worker.currentTask());
        text.append(" for ").append(seconds).append('s');
      } else {
        text.append(": idle");
      }
      text.append(", ").append(worker.tasksDone()).append(" done").append(System.lineSeparator());
    }
    return text.toString();
  }
}

package io.asyncpal.benchmarks;

import io.asyncpal.ProcessPool;
import io.asyncpal.SerializableCallable;
import io.asyncpal.ThreadPool;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.Future;

/**
 * Java's pools beside the JDK's, in one JVM. Each round measures every pool once, in another order;
 * a number is the median of the rounds.
 */
final class PoolBenchmark {
  private static final String OURS = "asyncpal";
  private static final int WORKERS = 2;
  private static final int WARM_UP_ROUNDS = 3;

  private final int rounds;
  private final int scale; // tasks are divided by it

  private PoolBenchmark(int rounds, int scale) {
    this.rounds = rounds;
    this.scale = scale;
  }

  /** Does `tasks` tasks and returns how long one took, in ns. */
  private interface Case {
    double run(ExecutorService pool, int tasks) throws Exception;
  }

  public static void main(String[] args) throws Exception {
    int rounds = 11;
    int scale = 1;
    for (String arg : args) {
      if (arg.equals("--smoke")) {
        rounds = 1;
        scale = 1000;
      } else if (arg.startsWith("--rounds=")) {
        rounds = Integer.parseInt(arg.substring("--rounds=".length()));
      } else {
        System.err.println("unknown argument " + arg + "; known are --rounds=N and --smoke");
        System.exit(1);
      }
    }
    new PoolBenchmark(rounds, scale).runAll();
  }

  private void runAll() throws Exception {
    ThreadPool ours = ThreadPool.builder().maxWorkers(WORKERS).build();
    ExecutorService fixed = Executors.newFixedThreadPool(WORKERS);
    ForkJoinPool forkJoin = new ForkJoinPool(WORKERS);
    Map<String, ExecutorService> threads = new LinkedHashMap<>();
    threads.put(OURS, ours);
    threads.put("fixed", fixed);
    threads.put("fork_join", forkJoin);
    System.out.printf("%-24s %10s %10s %10s   %s%n", "case", OURS, "fixed", "fork_join", "ratios");
    compare("submit and get, ns", threads, 1_000_000, PoolBenchmark::submitAndGet);
    compare("execute, ns", threads, 1_000_000, PoolBenchmark::execute);
    compare("round trip, ns", threads, 20_000, PoolBenchmark::roundTrip);
    ours.close();
    fixed.shutdown();
    forkJoin.shutdown();
    try (ProcessPool processes = new ProcessPool(1)) {
      compare("process round trip, ns", Map.of(OURS, processes), 5_000, PoolBenchmark::roundTrip);
    }
  }

  private void compare(String name, Map<String, ExecutorService> pools, int tasks, Case body)
      throws Exception {
    int n = Math.max(1, tasks / scale);
    Map<String, List<Double>> times = new LinkedHashMap<>();
    pools.keySet().forEach(pool -> times.put(pool, new ArrayList<>()));
    for (int round = -WARM_UP_ROUNDS; round < rounds; round++) {
      List<String> order = new ArrayList<>(pools.keySet());
      Collections.shuffle(order);
      for (String pool : order) {
        System.gc(); // nobody pays for what another has left
        double time = body.run(pools.get(pool), n);
        if (round >= 0) {
          times.get(pool).add(time);
        }
      }
    }
    StringBuilder line = new StringBuilder(String.format("%-24s", name));
    StringBuilder ratios = new StringBuilder();
    double ours = median(times.get(OURS));
    for (String pool : times.keySet()) {
      double median = median(times.get(pool));
      line.append(String.format(" %10.0f", median));
      if (!pool.equals(OURS)) {
        ratios.append(String.format(" %.2f x %s", ours / median, pool));
      }
    }
    System.out.println(line + "  " + ratios);
  }

  private static double median(List<Double> times) {
    double[] sorted = times.stream().mapToDouble(t -> t).sorted().toArray();
    return sorted[sorted.length / 2];
  }

  private static double submitAndGet(ExecutorService pool, int tasks) throws Exception {
    Future<?>[] futures = new Future<?>[tasks];
    Callable<Integer> task = () -> 1;
    long start = System.nanoTime();
    for (int i = 0; i < tasks; i++) {
      futures[i] = pool.submit(task);
    }
    for (Future<?> future : futures) {
      future.get();
    }
    double time = perTask(start, tasks);
    Arrays.fill(futures, null);
    return time;
  }

  private static double execute(ExecutorService pool, int tasks) throws Exception {
    CountDownLatch left = new CountDownLatch(tasks);
    Runnable task = left::countDown;
    long start = System.nanoTime();
    for (int i = 0; i < tasks; i++) {
      pool.execute(task);
    }
    left.await();
    return perTask(start, tasks);
  }

  private static double roundTrip(ExecutorService pool, int tasks) throws Exception {
    SerializableCallable<Integer> task = () -> 1;
    long start = System.nanoTime();
    for (int i = 0; i < tasks; i++) {
      pool.submit(task).get();
    }
    return perTask(start, tasks);
  }

  private static double perTask(long start, int tasks) {
    return (System.nanoTime() - start) / (double) tasks;
  }
}

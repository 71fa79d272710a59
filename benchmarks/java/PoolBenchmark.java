package io.asyncpal.benchmarks;

import io.asyncpal.ProcessPool;
import io.asyncpal.SerializableCallable;
import io.asyncpal.ThreadPool;
import java.io.IOException;
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
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Java's pools beside the JDK's, in one JVM, and the process pool beside that of C++. Each round
 * measures every pool once, in another order; a number is the median of the rounds.
 */
final class PoolBenchmark {
  private static final String OURS = "asyncpal";
  private static final int WORKERS = 2;
  private static final int WARM_UP_ROUNDS = 3;
  // As //benchmarks:process_pool names the same case.
  private static final String CPP_CASE = "submit, collect";
  private static final Pattern CPP_RESULT = Pattern.compile("(?m)^" + CPP_CASE + " +us +([0-9.]+)");

  private final int rounds;
  private final int scale; // tasks are divided by it
  private final String cpp; // that program; null: it is not there

  private PoolBenchmark(int rounds, int scale, String cpp) {
    this.rounds = rounds;
    this.scale = scale;
    this.cpp = cpp;
  }

  /** Does `tasks` tasks and returns how long one took, in ns. */
  private interface Case {
    double run(ExecutorService pool, int tasks) throws Exception;
  }

  /** The same of one contestant. */
  private interface Measure {
    double run(int tasks) throws Exception;
  }

  public static void main(String[] args) throws Exception {
    int rounds = 11;
    int scale = 1;
    String cpp = null;
    for (String arg : args) {
      if (arg.equals("--smoke")) {
        rounds = 1;
        scale = 1000;
      } else if (arg.startsWith("--rounds=")) {
        rounds = Integer.parseInt(arg.substring("--rounds=".length()));
      } else if (arg.startsWith("--cpp=")) {
        cpp = arg.substring("--cpp=".length());
      } else {
        System.err.println(
            "unknown argument " + arg + "; known are --rounds=N, --smoke and --cpp=PROGRAM");
        System.exit(1);
      }
    }
    new PoolBenchmark(rounds, scale, cpp).runAll();
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
    compareTimers();
    try (ProcessPool processes = new ProcessPool(1)) {
      Map<String, Measure> measures = new LinkedHashMap<>();
      measures.put(OURS, n -> medianRoundTrip(processes, n));
      if (cpp != null) {
        measures.put("c++", n -> cppRoundTrip());
      }
      System.out.printf("%n%-24s %10s %10s%n", "case", OURS, "c++");
      compare("process round trip, ns", 5_000, measures);
    }
  }

  /** Tasks that are all pending, and then cancelled, which takes them out of the pool. */
  private void compareTimers() throws Exception {
    ThreadPool ours = ThreadPool.builder().maxWorkers(1).build();
    ScheduledThreadPoolExecutor jdk = new ScheduledThreadPoolExecutor(1);
    jdk.setRemoveOnCancelPolicy(true);
    Map<String, ScheduledExecutorService> timers = new LinkedHashMap<>();
    timers.put(OURS, ours);
    timers.put("scheduled", jdk);
    System.out.printf("%n%-24s %10s %10s   %s%n", "case", OURS, "scheduled", "ratios");
    compareTimers("schedule and cancel, ns", timers, PoolBenchmark::scheduleAndCancel);
    compareTimers("pending task, bytes", timers, PoolBenchmark::bytesPending);
    ours.close();
    jdk.shutdown();
  }

  /** Does `tasks` tasks of a pool that has timers. */
  private interface TimerCase {
    double run(ScheduledExecutorService pool, int tasks);
  }

  private void compareTimers(
      String name, Map<String, ScheduledExecutorService> pools, TimerCase body) throws Exception {
    Map<String, Measure> measures = new LinkedHashMap<>();
    pools.forEach((of, pool) -> measures.put(of, n -> body.run(pool, n)));
    compare(name, 1_000_000, measures);
  }

  private void compare(String name, Map<String, ExecutorService> pools, int tasks, Case body)
      throws Exception {
    Map<String, Measure> measures = new LinkedHashMap<>();
    pools.forEach((of, pool) -> measures.put(of, n -> body.run(pool, n)));
    compare(name, tasks, measures);
  }

  private void compare(String name, int tasks, Map<String, Measure> measures) throws Exception {
    int n = Math.max(1, tasks / scale);
    Map<String, List<Double>> times = new LinkedHashMap<>();
    measures.keySet().forEach(pool -> times.put(pool, new ArrayList<>()));
    for (int round = -WARM_UP_ROUNDS; round < rounds; round++) {
      List<String> order = new ArrayList<>(measures.keySet());
      Collections.shuffle(order);
      for (String pool : order) {
        System.gc(); // nobody pays for what another has left
        double time = measures.get(pool).run(n);
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

  /** Hours, in an order that no heap likes. */
  private static Future<?>[] scheduleAll(ScheduledExecutorService pool, int tasks) {
    Future<?>[] futures = new Future<?>[tasks];
    Runnable task = () -> {};
    for (int i = 0; i < tasks; i++) {
      long micros = TimeUnit.HOURS.toMicros(1) + i * 7919L % 1_000_003;
      futures[i] = pool.schedule(task, micros, TimeUnit.MICROSECONDS);
    }
    return futures;
  }

  private static void cancelAll(Future<?>[] futures) {
    for (Future<?> future : futures) {
      future.cancel(false);
    }
  }

  private static double scheduleAndCancel(ScheduledExecutorService pool, int tasks) {
    long start = System.nanoTime();
    cancelAll(scheduleAll(pool, tasks));
    return perTask(start, tasks);
  }

  private static double bytesPending(ScheduledExecutorService pool, int tasks) {
    Future<?>[] futures = scheduleAll(pool, tasks);
    long before = usedBytes();
    cancelAll(futures);
    Arrays.fill(futures, null);
    return (before - usedBytes()) / (double) tasks;
  }

  private static long usedBytes() {
    System.gc();
    Runtime runtime = Runtime.getRuntime();
    return runtime.totalMemory() - runtime.freeMemory();
  }

  /** The median of all calls, as the benchmark in C++ has it. */
  private static double medianRoundTrip(ProcessPool pool, int tasks) throws Exception {
    SerializableCallable<Integer> task = () -> 1;
    List<Double> times = new ArrayList<>();
    for (int i = 0; i < tasks; i++) {
      long start = System.nanoTime();
      pool.submit(task).get();
      times.add((double) (System.nanoTime() - start));
    }
    return median(times);
  }

  private double cppRoundTrip() throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of(cpp, CPP_CASE, "--rounds=1", "--python="));
    if (scale > 1) {
      command.add("--smoke");
    }
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes());
    Matcher matcher = CPP_RESULT.matcher(output);
    if (process.waitFor() != 0 || !matcher.find()) {
      throw new IOException(command + " says: " + output);
    }
    return Double.parseDouble(matcher.group(1)) * 1000;
  }

  private static double perTask(long start, int tasks) {
    return (System.nanoTime() - start) / (double) tasks;
  }
}

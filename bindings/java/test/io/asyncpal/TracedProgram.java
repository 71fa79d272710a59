package io.asyncpal;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

/**
 * What trace_test.py wants to see in a trace. With an argument it traces into that file itself,
 * amid its pools; otherwise its environment may say so.
 */
final class TracedProgram {
  private TracedProgram() {}

  public static void main(String[] args) throws Exception {
    try (ThreadPool threads = ThreadPool.builder().maxWorkers(2).name("threads").build();
        ProcessPool processes =
            ProcessPool.builder()
                .maxWorkers(1)
                .name("processes")
                .jvmOptions(PoolKinds.SMALL)
                .build()) {
      if (args.length == 0) {
        use(threads, processes);
      } else {
        traceAmid(threads, processes, Path.of(args[0]));
      }
    }
    System.out.println("done");
  }

  @SuppressWarnings("try") // it is only closed
  private static void traceAmid(ThreadPool threads, ProcessPool processes, Path file)
      throws Exception {
    List<CompletableFuture<Integer>> before = new ArrayList<>();
    Gate gate = Gate.closed();
    for (int i = 0; i < 2; i++) {
      before.add(threads.submit(() -> gate.pass() ? 1 : 0));
    }
    for (int i = 0; i < 100; i++) {
      before.add(threads.submit(() -> 1));
    }
    try {
      Trace.start(Path.of("/nowhere/run.json"));
      throw new AssertionError("it starts");
    } catch (IOException e) {
      check(e.getMessage().contains("/nowhere/run.json"), e.getMessage());
    }
    try (Trace trace = Trace.start(file)) {
      try {
        Trace.start(file);
        throw new AssertionError("it starts twice");
      } catch (IllegalStateException e) {
        check(e.getMessage().contains("there is a trace already"), e.getMessage());
      }
      // Behind those that wait in Java.
      CompletableFuture<Integer> behind = threads.submit(() -> 1);
      gate.open();
      check(behind.get() == 1, "it has another result");
      use(threads, processes);
      for (CompletableFuture<Integer> one : before) {
        check(one.get() == 1, "an earlier one is lost");
      }
    }
    Trace.stop(); // nothing
    threads.submit(TaskOptions.DEFAULT.withName("afterwards"), () -> 1).get();
  }

  private static void use(ThreadPool threads, ProcessPool processes) throws Exception {
    List<CompletableFuture<Integer>> doubled = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      int n = i;
      doubled.add(threads.submit(TaskOptions.DEFAULT.withName("double"), () -> 2 * n));
    }
    for (int i = 0; i < 20; i++) {
      check(doubled.get(i).get() == 2 * i, "it has another result");
    }
    List<CompletableFuture<Integer>> unnamed = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      threads.execute(() -> {});
      unnamed.add(threads.submit(() -> 1));
    }
    for (CompletableFuture<Integer> one : unnamed) {
      one.get();
    }
    check(threads.submit(() -> threads.submit(() -> 7).get()).get() == 7, "it does not nest");
    List<Integer> numbers = List.of(1, 2, 3, 4);
    check(threads.mapAll(n -> n + 1, numbers).count() == 4, "the map has another size");
    check(processes.submit(TaskOptions.DEFAULT.withName("remote"), () -> 3).get() == 3, "no 3");
    try {
      processes.submit((SerializableRunnable) () -> Runtime.getRuntime().halt(42)).get();
      throw new AssertionError("it lives");
    } catch (ExecutionException e) {
      check(e.getCause() instanceof WorkerLostException, "it failed: " + e);
    }
  }

  private static void check(boolean holds, String message) {
    if (!holds) {
      throw new AssertionError(message);
    }
  }
}

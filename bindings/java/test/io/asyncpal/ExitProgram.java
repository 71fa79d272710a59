package io.asyncpal;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;

/** Ends as ExitTest wants it, with tasks running in each kind of pool and others pending. */
final class ExitProgram {
  private ExitProgram() {}

  public static void main(String[] args) throws Exception {
    GlobalShutdown.setDeadline(Duration.ofMillis(ExitTest.DEADLINE_MILLIS));
    boolean endless = ExitTest.Tasks.valueOf(args[1]) == ExitTest.Tasks.ENDLESS;
    if (!endless) {
      GlobalShutdown.setMode(ExitMode.CANCEL);
    }
    ThreadPool threads = new ThreadPool(2);
    ProcessPool processes =
        ProcessPool.builder().maxWorkers(1).jvmOptions(List.of("-Xmx32m")).build();
    long pid = processes.submit(() -> ProcessHandle.current().pid()).get();
    processes.submit((SerializableRunnable) () -> run(true));
    processes.submit(() -> 1);
    CountDownLatch started = new CountDownLatch(2);
    for (int i = 0; i < 2; i++) {
      threads.execute(
          () -> {
            started.countDown();
            run(endless);
          });
    }
    for (int i = 0; i < 1000; i++) {
      threads.submit(() -> 1);
    }
    started.await();
    System.out.println("worker " + pid);
    end(ExitTest.Way.valueOf(args[0]));
  }

  private static void run(boolean endless) {
    while (endless || !Thread.currentThread().isInterrupted()) {
      Thread.onSpinWait();
    }
  }

  private static void end(ExitTest.Way way) throws Exception {
    switch (way) {
      case RETURN -> {}
      case EXIT -> System.exit(way.exitCode);
      case EXIT_IN_A_TASK -> {
        ThreadPool pool = new ThreadPool(1);
        pool.submit(() -> System.exit(way.exitCode)).get();
      }
      case UNCAUGHT -> throw new IllegalStateException("as planned");
      case SIGTERM -> Thread.sleep(60_000);
      case HALT -> Runtime.getRuntime().halt(way.exitCode);
    }
  }
}

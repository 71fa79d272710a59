package user;

import com.sun.net.httpserver.HttpServer;
import io.asyncpal.ExitMode;
import io.asyncpal.GlobalShutdown;
import io.asyncpal.ProcessPool;
import io.asyncpal.SerializableRunnable;
import io.asyncpal.ThreadPool;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;

/** How programs end that have nothing of Asyncpal but its jar, and pools that are at work. */
public final class ExitUser {
  /** Longer than a program may take: who waits for it fails. */
  private static final Duration TOO_LONG = Duration.ofMinutes(30);

  private static final long LIMIT_SECONDS = 120;

  private ExitUser() {}

  /** Programs that end in a way each, by what they print and their exit codes. */
  private enum Program {
    SERVICE_DRAINS_AT_SIGTERM(143, "drained true: finished finished queued") {
      @Override
      void run() throws Exception {
        ThreadPool pool = new ThreadPool(2);
        CountDownLatch ending = new CountDownLatch(1);
        CountDownLatch started = new CountDownLatch(2);
        Future<String> one = pool.submit(() -> finish(started, ending));
        Future<String> other = pool.submit(() -> finish(started, ending));
        Future<String> queued = pool.submit(() -> "queued");
        atExit(
            () -> {
              ending.countDown();
              pool.shutdown();
              boolean drained = pool.awaitTermination(LIMIT_SECONDS, TimeUnit.SECONDS);
              say("drained " + drained + ": " + one.get() + " " + other.get() + " " + queued.get());
            });
        started.await();
        say(READY);
        new CountDownLatch(1).await();
      }
    },

    REQUEST_IN_FLIGHT_IS_ANSWERED_AT_SIGTERM(143, "answer 200 after the end had begun") {
      @Override
      void run() throws Exception {
        CountDownLatch started = new CountDownLatch(1);
        CountDownLatch ending = new CountDownLatch(1);
        HttpServer server =
            HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext(
            "/",
            exchange -> {
              boolean finished = finish(started, ending).equals("finished");
              exchange.sendResponseHeaders(finished ? 200 : 500, -1);
              exchange.close();
            });
        server.setExecutor(new ThreadPool(2));
        server.start();
        URI uri = URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/");
        CompletableFuture<HttpResponse<Void>> answer =
            HttpClient.newHttpClient()
                .sendAsync(
                    HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.discarding());
        atExit(
            () -> {
              ending.countDown();
              say("answer " + answer.get().statusCode() + " after the end had begun");
            });
        started.await();
        say(READY);
        new CountDownLatch(1).await();
      }
    },

    RETURN_RUNS_WHAT_WAS_SUBMITTED(0, repeat("thread", 50), repeat("process", 3)) {
      @Override
      void run() {
        GlobalShutdown.setDeadline(TOO_LONG);
        ThreadPool threads = new ThreadPool(1);
        ProcessPool processes = new ProcessPool(1);
        for (int i = 0; i < 50; i++) {
          threads.execute(() -> say("thread"));
        }
        for (int i = 0; i < 3; i++) {
          processes.execute((SerializableRunnable) () -> say("process"));
        }
      }
    },

    OTHER_HOOKS_MAY_SUBMIT_WHEN_OURS_IS_OVER(0, "late") {
      @Override
      void run() throws Exception {
        GlobalShutdown.setDeadline(TOO_LONG);
        ThreadPool pool = new ThreadPool(1);
        CountDownLatch release = new CountDownLatch(1);
        CountDownLatch started = new CountDownLatch(1);
        pool.execute(() -> finish(started, release));
        started.await();
        atExit(
            () -> {
              GlobalShutdown.setMode(ExitMode.NONE); // too late
              GlobalShutdown.setDeadline(Duration.ZERO); // the same
              Thread ours = shutdownThread();
              release.countDown();
              ours.join();
              say(pool.submit(() -> "late").get());
            });
      }
    },

    EXIT_IN_A_TASK_IS_NOT_WAITED_FOR(3) {
      @Override
      void run() throws Exception {
        GlobalShutdown.setDeadline(TOO_LONG);
        exitInTasks();
      }
    },

    EXIT_IN_A_TASK_IS_NOT_WAITED_FOR_WHERE_ALL_IS_CANCELLED(3) {
      @Override
      void run() throws Exception {
        GlobalShutdown.setMode(ExitMode.CANCEL);
        GlobalShutdown.setDeadline(TOO_LONG);
        exitInTasks();
      }
    },

    EXIT_IN_A_POOL_THAT_IS_MADE_WHILE_ALL_IS_CANCELLED_IS_NOT_WAITED_FOR(0) {
      @Override
      void run() throws Exception {
        GlobalShutdown.setMode(ExitMode.CANCEL);
        GlobalShutdown.setDeadline(TOO_LONG);
        ThreadPool first = new ThreadPool(1);
        CountDownLatch made = new CountDownLatch(1);
        CountDownLatch started = new CountDownLatch(1);
        first.execute(
            () -> {
              started.countDown();
              awaitUninterruptibly(made);
            });
        started.await();
        atExit(
            () -> {
              Thread ours = shutdownThread();
              while (ours.getState() != Thread.State.TIMED_WAITING) {
                Thread.yield();
              }
              try {
                new ThreadPool(1).execute(() -> System.exit(4));
              } catch (RejectedExecutionException e) {
                // It may be closed at once.
              }
              made.countDown();
            });
        System.exit(0);
      }
    },

    EXIT_IN_A_TASK_WHILE_OTHERS_WAIT_IS_NOT_WAITED_FOR(0) {
      @Override
      void run() throws Exception {
        GlobalShutdown.setDeadline(TOO_LONG);
        ThreadPool pool = new ThreadPool(1);
        CountDownLatch release = new CountDownLatch(1);
        CountDownLatch started = new CountDownLatch(1);
        pool.execute(
            () -> {
              finish(started, release);
              System.exit(4);
            });
        started.await();
        atExit(
            () -> {
              shutdownThread();
              release.countDown();
            });
        System.exit(0); // where main() returns, the later call's code may win
      }
    },

    HALT_IN_A_TASK_WAITS_FOR_NOBODY(5) {
      @Override
      void run() throws Exception {
        GlobalShutdown.setDeadline(TOO_LONG);
        startEndless(new ThreadPool(1));
        new ThreadPool(1).submit(() -> Runtime.getRuntime().halt(5)).get();
      }
    },

    CANCEL_INTERRUPTS_AND_CANCELS(0, "interrupted", "cancelled true") {
      @Override
      void run() throws Exception {
        GlobalShutdown.setMode(ExitMode.CANCEL);
        GlobalShutdown.setDeadline(TOO_LONG);
        ThreadPool pool = new ThreadPool(1);
        CountDownLatch started = new CountDownLatch(1);
        CountDownLatch said = new CountDownLatch(1);
        pool.execute(
            () -> {
              say(finish(started, new CountDownLatch(1)));
              said.countDown();
            });
        Future<String> pending = pool.submit(() -> "ran");
        started.await();
        atExit(
            () -> {
              said.await();
              say("cancelled " + pending.isCancelled());
            });
      }
    },

    CANCEL_KILLS_BUSY_PROCESSES_AT_ONCE(0) {
      @Override
      void run() throws Exception {
        GlobalShutdown.setMode(ExitMode.CANCEL);
        GlobalShutdown.setDeadline(TOO_LONG);
        ProcessPool pool = new ProcessPool(1);
        Path started = Files.createTempFile("started-", "");
        String name = started.toString();
        pool.execute(
            (SerializableRunnable)
                () -> {
                  delete(Path.of(name));
                  waitForEver();
                });
        while (Files.exists(started)) {
          Thread.onSpinWait();
        }
      }
    },

    NONE_WAITS_FOR_NOTHING(0) {
      @Override
      void run() throws Exception {
        GlobalShutdown.setMode(ExitMode.NONE);
        GlobalShutdown.setDeadline(TOO_LONG);
        startEndless(new ThreadPool(1));
      }
    },

    POOL_THAT_IS_NOT_CLOSED_ON_EXIT_IS_NOT_WAITED_FOR(0) {
      @Override
      void run() throws Exception {
        GlobalShutdown.setDeadline(TOO_LONG);
        startEndless(ThreadPool.builder().maxWorkers(1).closeOnExit(false).build());
      }
    },

    POOL_THAT_IS_NOT_CLOSED_ON_EXIT_IS_NOT_CANCELLED(0, "finished", "open") {
      @Override
      void run() throws Exception {
        GlobalShutdown.setMode(ExitMode.CANCEL);
        ThreadPool pool = ThreadPool.builder().maxWorkers(1).closeOnExit(false).build();
        ThreadPool other = new ThreadPool(1); // keeps our hook until that of below is ready
        CountDownLatch release = new CountDownLatch(1);
        CountDownLatch started = new CountDownLatch(2);
        Future<String> running = pool.submit(() -> finish(started, release));
        CountDownLatch found = new CountDownLatch(1);
        other.execute(
            () -> {
              started.countDown();
              awaitUninterruptibly(found);
            });
        started.await();
        atExit(
            () -> {
              Thread ours = shutdownThread();
              found.countDown();
              ours.join();
              release.countDown();
              say(running.get());
              say(pool.submit(() -> "open").get());
            });
      }
    },

    TASK_THAT_OUTLASTS_THE_DEADLINE_IS_NAMED(0) {
      @Override
      void run() throws Exception {
        GlobalShutdown.setDeadline(Duration.ofMillis(100));
        startEndless(ThreadPool.builder().name("slow").maxWorkers(1).build());
      }

      @Override
      boolean mayComplain(String errors) {
        return errors.startsWith("asyncpal: pool 'slow': '")
            && errors.contains("is still running in slow-worker-1")
            && errors.lines().count() == 1;
      }
    };

    static final String READY = "ready";

    private final int exitCode;
    private final List<String> output = new ArrayList<>();

    Program(int exitCode, String... output) {
      this(exitCode, List.of(output), List.of());
    }

    Program(int exitCode, List<String> first, List<String> second) {
      this.exitCode = exitCode;
      this.output.addAll(first);
      this.output.addAll(second);
      Collections.sort(this.output);
    }

    abstract void run() throws Exception;

    boolean mayComplain(String errors) {
      return errors.isEmpty();
    }
  }

  public static void main(String[] args) throws Exception {
    if (args.length > 0) {
      Program.valueOf(args[0]).run();
      return;
    }
    for (Program program : Program.values()) {
      check(program);
    }
  }

  private static void check(Program program) throws Exception {
    long start = System.nanoTime();
    Path errors = Files.createTempFile("exit-", ".err");
    Process jvm = start(program, errors);
    CompletableFuture<Boolean> ended =
        jvm.onExit().thenApply(p -> true).completeOnTimeout(false, LIMIT_SECONDS, TimeUnit.SECONDS);
    ended.thenAccept(
        inTime -> {
          if (!inTime) { // or else it would close what is still being read
            jvm.destroyForcibly();
          }
        });
    List<String> output = new ArrayList<>();
    try (BufferedReader out =
        new BufferedReader(new InputStreamReader(jvm.getInputStream(), StandardCharsets.UTF_8))) {
      for (String line = out.readLine(); line != null; line = out.readLine()) {
        if (line.equals(Program.READY)) {
          jvm.toHandle().destroy(); // SIGTERM; the streams stay open
        } else {
          output.add(line);
        }
      }
    }
    System.out.printf("%s took %.2f s%n", program, (System.nanoTime() - start) / 1e9);
    Collections.sort(output);
    String complaints = Files.readString(errors);
    Files.delete(errors);
    if (!ended.get()
        || jvm.exitValue() != program.exitCode
        || !output.equals(program.output)
        || !program.mayComplain(complaints)) {
      throw new AssertionError(
          program
              + (ended.get() ? " ended with " + jvm.exitValue() : " did not end in time")
              + " and said "
              + output
              + "\n"
              + complaints);
    }
  }

  private static Process start(Program program, Path errors) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(System.getProperty("java.home") + "/bin/java");
    command.addAll(
        List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-Xmx64m"));
    command.add("-Djava.io.tmpdir=" + System.getProperty("java.io.tmpdir"));
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.addAll(List.of(ExitUser.class.getName(), program.name()));
    return new ProcessBuilder(command).redirectError(errors.toFile()).start();
  }

  // ------------------------------------------------------------------ What programs do

  private interface Action {
    void run() throws Exception;
  }

  private static void atExit(Action action) {
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(
                () -> {
                  try {
                    action.run();
                  } catch (Exception e) {
                    say(e.toString());
                  }
                }));
  }

  private static void say(String line) {
    System.out.println(line);
  }

  private static List<String> repeat(String line, int times) {
    return Collections.nCopies(times, line);
  }

  private static String finish(CountDownLatch started, CountDownLatch end) {
    started.countDown();
    try {
      end.await();
      return "finished";
    } catch (InterruptedException e) {
      return "interrupted";
    }
  }

  private static void awaitUninterruptibly(CountDownLatch latch) {
    while (latch.getCount() > 0) {
      try {
        latch.await();
      } catch (InterruptedException e) {
        // once more
      }
    }
  }

  private static void waitForEver() {
    awaitUninterruptibly(new CountDownLatch(1));
  }

  private static void startEndless(ThreadPool pool) throws InterruptedException {
    CountDownLatch started = new CountDownLatch(1);
    pool.execute(
        () -> {
          started.countDown();
          waitForEver();
        });
    started.await();
  }

  private static void exitInTasks() throws InterruptedException {
    ThreadPool pool = new ThreadPool(2);
    CountDownLatch submitted = new CountDownLatch(1);
    Runnable exits =
        () -> {
          awaitUninterruptibly(submitted);
          System.exit(3);
        };
    pool.execute(exits);
    pool.execute(exits);
    new ThreadPool(1).execute(exits);
    submitted.countDown();
    new CountDownLatch(1).await();
  }

  /** Asyncpal's shutdown hook, which is at work. */
  private static Thread shutdownThread() {
    while (true) {
      for (Thread thread : Thread.getAllStackTraces().keySet()) {
        if (thread.getName().equals("asyncpal-shutdown")) {
          return thread;
        }
      }
    }
  }

  private static void delete(Path path) {
    try {
      Files.delete(path);
    } catch (java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}

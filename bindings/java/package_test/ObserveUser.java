package user;

import com.sun.tools.attach.VirtualMachine;
import io.asyncpal.ProcessPool;
import io.asyncpal.SerializableCallable;
import io.asyncpal.SerializableRunnable;
import io.asyncpal.TaskOptions;
import io.asyncpal.ThreadPool;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.lang.ref.WeakReference;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import javax.management.MBeanServerConnection;
import javax.management.ObjectName;
import javax.management.remote.JMXConnector;
import javax.management.remote.JMXConnectorFactory;
import javax.management.remote.JMXServiceURL;

/**
 * How pools look from outside of a program that has nothing of Asyncpal but its jar: by JMX, to
 * which another JVM attaches, and in a recording of the Flight Recorder.
 */
public final class ObserveUser {
  private static final long LIMIT_SECONDS = 120;
  private static final String GO_ON = "go on";
  private static final String TOKEN_NAME = "user.observed";
  private static final String TOKEN = UUID.randomUUID().toString();

  private ObserveUser() {}

  public static void main(String[] args) throws Exception {
    if (args.length == 0) {
      watchServer();
      runWithoutModules();
    } else {
      serve();
    }
  }

  // ------------------------------------------------------------------ The program

  private static void serve() throws Exception {
    BufferedReader orders =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    ThreadPool loader = ThreadPool.builder().maxWorkers(2).name("loader").build();
    ProcessPool codecs = ProcessPool.builder().maxWorkers(1).name("codecs, old").build();
    ThreadPool twin = ThreadPool.builder().maxWorkers(1).name("twin").histograms(true).build();
    ThreadPool other = ThreadPool.builder().maxWorkers(3).name("twin").build();

    loader.submit(TaskOptions.DEFAULT.withName("resize"), () -> 1).get();
    fail(loader.submit(() -> Integer.parseInt("no number")));
    loader.execute(() -> {});
    twin.submit(() -> 1).get();
    twin.setMinWorkers(1);
    twin.pause(); // until its end
    fail(codecs.submit((SerializableRunnable) () -> Runtime.getRuntime().halt(42)));
    killIdleWorker(codecs);
    CountDownLatch end = new CountDownLatch(1);
    CountDownLatch started = new CountDownLatch(1);
    loader.submit(
        TaskOptions.DEFAULT.withName("endless"),
        () -> {
          started.countDown();
          end.await();
          return 0;
        });
    started.await();
    say("open");

    expect(orders);
    end.countDown();
    loader.close();
    codecs.close();
    twin.close();
    WeakReference<ThreadPool> closed = new WeakReference<>(loader);
    loader = null;
    WeakReference<ThreadPool> forgotten = new WeakReference<>(other);
    other = null;
    awaitCollection(closed);
    awaitCollection(forgotten);
    // The end of the forgotten pool is told by native code, soon.
    long start = System.nanoTime();
    while (!namesOf(ManagementFactory.getPlatformMBeanServer()).isEmpty()
        && System.nanoTime() - start < TimeUnit.SECONDS.toNanos(LIMIT_SECONDS)) {
      Thread.sleep(5);
    }
    say("closed");
    expect(orders);
  }

  private static void killIdleWorker(ProcessPool pool) throws Exception {
    long pid =
        pool.submit((SerializableCallable<Long>) () -> ProcessHandle.current().pid()).get();
    check(ProcessHandle.of(pid).orElseThrow().destroyForcibly(), "it can't be killed");
    long start = System.nanoTime();
    while (pool.stats().workersLost() < 2) {
      check(System.nanoTime() - start < TimeUnit.SECONDS.toNanos(LIMIT_SECONDS), "it lives");
      Thread.sleep(5);
    }
  }

  private static void fail(java.util.concurrent.Future<?> task) throws InterruptedException {
    try {
      task.get();
    } catch (ExecutionException e) {
      return;
    }
    throw new AssertionError("it has not failed");
  }

  private static void awaitCollection(WeakReference<?> reference) throws InterruptedException {
    long start = System.nanoTime();
    while (reference.get() != null) {
      check(System.nanoTime() - start < TimeUnit.SECONDS.toNanos(LIMIT_SECONDS), "a pool leaks");
      System.gc();
      Thread.sleep(5);
    }
  }

  private static void expect(BufferedReader orders) throws Exception {
    check(GO_ON.equals(orders.readLine()), "the watcher has gone");
  }

  private static void say(String line) {
    System.out.println(line);
    System.out.flush();
  }

  // ------------------------------------------------------------------ Those who watch it

  private static void watchServer() throws Exception {
    Path recording = Files.createTempFile("observe-", ".jfr");
    Process server =
        start(
            ObserveUser.class, List.of("-XX:StartFlightRecording=filename=" + recording));
    try (BufferedReader out =
            new BufferedReader(
                new InputStreamReader(server.getInputStream(), StandardCharsets.UTF_8));
        var orders = server.outputWriter(StandardCharsets.UTF_8)) {
      awaitLine(out, "open");
      String url = attach(server.pid());
      try (JMXConnector connector = JMXConnectorFactory.connect(new JMXServiceURL(url))) {
        MBeanServerConnection beans = connector.getMBeanServerConnection();
        checkBeans(beans);
        orders.write(GO_ON + "\n");
        orders.flush();
        awaitLine(out, "closed");
        check(namesOf(beans).isEmpty(), "beans stay: " + namesOf(beans));
      }
      orders.write(GO_ON + "\n");
      orders.flush();
      check(server.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS), "the program does not end");
      check(server.exitValue() == 0, "the program ended with " + server.exitValue());
    } finally {
      server.destroyForcibly();
    }
    checkRecording(recording);
    Files.delete(recording);
  }

  /**
   * Beside other sandboxes with the same /tmp, a process there may have the same number, and answer
   * in place of ours; not for long.
   */
  private static String attach(long pid) throws Exception {
    long start = System.nanoTime();
    while (true) {
      IOException failure = null;
      try {
        VirtualMachine machine = VirtualMachine.attach(Long.toString(pid));
        try {
          if (TOKEN.equals(machine.getSystemProperties().getProperty(TOKEN_NAME))) {
            return machine.startLocalManagementAgent();
          }
        } finally {
          machine.detach();
        }
      } catch (IOException e) {
        failure = e; // it has just ended
      }
      if (System.nanoTime() - start > TimeUnit.SECONDS.toNanos(LIMIT_SECONDS)) {
        throw new AssertionError("it can't be attached to", failure);
      }
      Thread.sleep(50);
    }
  }

  private static void checkBeans(MBeanServerConnection beans) throws Exception {
    // They come a second after the first pool, at the latest.
    long start = System.nanoTime();
    Set<String> names = namesOf(beans);
    while (names.size() < 4
        && System.nanoTime() - start < TimeUnit.SECONDS.toNanos(LIMIT_SECONDS)) {
      Thread.sleep(5);
      names = namesOf(beans);
    }
    String second = names.stream().filter(name -> name.contains(",id=")).findAny().orElseThrow();
    check(
        names.equals(
            new TreeSet<>(
                Set.of(
                    "io.asyncpal:type=ThreadPool,name=loader",
                    "io.asyncpal:type=ProcessPool,name=\"codecs, old\"",
                    "io.asyncpal:type=ThreadPool,name=twin",
                    second))),
        "the beans are " + names);
    check(second.startsWith("io.asyncpal:type=ThreadPool,name=twin,id="), second);

    ObjectName loader = new ObjectName("io.asyncpal:type=ThreadPool,name=loader");
    checkAttribute(beans, loader, "Name", "loader");
    checkAttribute(beans, loader, "MaxWorkers", 2);
    checkAttribute(beans, loader, "MinWorkers", 0);
    checkAttribute(beans, loader, "Paused", false);
    checkAttribute(beans, loader, "BusyWorkers", 1L);
    checkAttribute(beans, loader, "RunningTasks", 1L);
    checkAttribute(beans, loader, "PendingTasks", 0L);
    checkAttribute(beans, loader, "DelayedTasks", 0L);
    checkAttribute(beans, loader, "RetriedTasks", 0L);
    checkAttribute(beans, loader, "SubmittedTasks", 4L);
    checkAttribute(beans, loader, "FailedTasks", 1L);
    checkAttribute(beans, loader, "CancelledTasks", 0L);
    checkAttribute(beans, loader, "RejectedTasks", 0L);
    checkAttribute(beans, loader, "Stalls", 0L);
    checkAttribute(beans, loader, "ExpiredTasks", 0L);
    checkAttribute(beans, loader, "TimedOutTasks", 0L);
    checkAttribute(beans, loader, "LostWorkers", 0L);
    checkAttribute(beans, loader, "OldestPendingSeconds", 0.0);
    check(((long[]) beans.getAttribute(loader, "WaitCounts")).length == 0, "it measures");
    checkAttribute(beans, loader, "Shutdown", false);
    checkAttribute(beans, loader, "Broken", false);
    String dump = (String) beans.invoke(loader, "dumpState", new Object[0], new String[0]);
    check(dump.contains("runs endless for "), dump);

    ObjectName codecs = new ObjectName("io.asyncpal:type=ProcessPool,name=\"codecs, old\"");
    checkAttribute(beans, codecs, "Name", "codecs, old");
    checkAttribute(beans, codecs, "LostTasks", 1L);
    checkAttribute(beans, codecs, "LostWorkers", 2L);
    ObjectName twin = new ObjectName("io.asyncpal:type=ThreadPool,name=twin");
    checkAttribute(beans, twin, "StartedWorkers", 1L);
    checkAttribute(beans, twin, "MinWorkers", 1);
    checkAttribute(beans, twin, "Paused", true);
    double[] bounds = (double[]) beans.getAttribute(twin, "HistogramBoundsSeconds");
    check(bounds.length == 33 && bounds[0] == 1e-6 && bounds[32] == 3600, "other bounds");
    for (String counts : List.of("WaitCounts", "RunCounts")) {
      long sum = LongStream.of((long[]) beans.getAttribute(twin, counts)).sum();
      check(sum == 1, counts + " of " + sum);
    }
    double ran = (Double) beans.getAttribute(twin, "RunSumSeconds");
    check(ran > 0 && ran < LIMIT_SECONDS, "it ran for " + ran);
    checkAttribute(beans, new ObjectName(second), "MaxWorkers", 3);
  }

  private static void checkAttribute(
      MBeanServerConnection beans, ObjectName bean, String attribute, Object wanted)
      throws Exception {
    Object value = beans.getAttribute(bean, attribute);
    check(wanted.equals(value), bean + " has " + attribute + " " + value + ", not " + wanted);
  }

  private static Set<String> namesOf(MBeanServerConnection beans) throws Exception {
    return beans.queryNames(new ObjectName("io.asyncpal:*"), null).stream()
        .map(ObjectName::toString)
        .collect(Collectors.toCollection(TreeSet::new));
  }

  private static void checkRecording(Path recording) throws Exception {
    Process jfr =
        new ProcessBuilder(
                System.getProperty("java.home") + "/bin/jfr",
                "print",
                "--events",
                "io.asyncpal.*",
                recording.toString())
            .redirectErrorStream(true)
            .start();
    String text = new String(jfr.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    check(jfr.waitFor() == 0, text);
    String[] events = text.split("\nio\\.asyncpal\\.");
    check(has(events, "TaskRun", "pool = \"loader\"", "task = \"resize\"", "failed = false"), text);
    check(has(events, "TaskRun", "pool = \"loader\"", "failed = true"), text);
    check(has(events, "TaskRun", "task = \"endless\"", "duration = "), text);
    check(has(events, "WorkerLost", "exitCode = 42", "signal = 0", "message = "), text);
    check(has(events, "WorkerLost", "signal = 9", "phase = \"idle\""), text);
  }

  private static boolean has(String[] events, String... parts) {
    for (String event : events) {
      boolean all = true;
      for (String part : parts) {
        all &= event.contains(part);
      }
      if (all) {
        return true;
      }
    }
    return false;
  }

  private static void runWithoutModules() throws Exception {
    Process bare = start(BareUser.class, List.of("--limit-modules", "java.base"));
    String text = new String(bare.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    check(bare.waitFor() == 0 && text.equals("bare\n"), text);
  }

  private static Process start(Class<?> program, List<String> flags) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(System.getProperty("java.home") + "/bin/java");
    command.addAll(List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx128m"));
    command.addAll(flags);
    command.add("-D" + TOKEN_NAME + "=" + TOKEN);
    command.add("-Djava.io.tmpdir=" + System.getProperty("java.io.tmpdir"));
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.addAll(List.of(program.getName(), "serve"));
    return new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
  }

  /** Passes over what the JVM says of its recording. */
  private static void awaitLine(BufferedReader out, String wanted) throws Exception {
    for (String line = out.readLine(); !wanted.equals(line); line = out.readLine()) {
      check(line != null, "the program has ended before it was '" + wanted + "'");
    }
  }

  private static void check(boolean holds, String message) {
    if (!holds) {
      throw new AssertionError(message);
    }
  }
}

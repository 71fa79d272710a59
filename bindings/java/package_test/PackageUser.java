package user;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.asyncpal.ProcessPool;
import io.asyncpal.ThreadPool;
import io.asyncpal.WorkerLostException;
import java.io.IOException;
import java.io.OutputStream;
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
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** A small service that has nothing of Asyncpal but its jar. */
public final class PackageUser {
  private static final int REQUESTS = 20;
  private static final Duration LIMIT = Duration.ofSeconds(30);

  private PackageUser() {}

  public static void main(String[] args) throws Exception {
    try (ThreadPool pool = ThreadPool.builder().name("http").maxWorkers(4).build()) {
      serve(pool);
    }
    useThreads();
    String temporary = System.getProperty("java.io.tmpdir");
    expect(List.of(), nativesFromElsewhere(temporary));
    checkVersion();
    try (ProcessPool pool = new ProcessPool(1)) {
      useProcesses(pool, temporary);
    }
    // Stays open, which must not keep the JVM.
    ThreadPool open = new ThreadPool(2);
    expect(7, open.submit(() -> 3 + 4).get());
  }

  /** Workers are threads of this JVM, in all that a task can see. */
  private static void useThreads() throws Exception {
    InheritableThreadLocal<String> tenant = new InheritableThreadLocal<>();
    try (ThreadPool pool = ThreadPool.builder().maxWorkers(2).stackSize(512L << 20).build()) {
      tenant.set("one");
      CountDownLatch begun = new CountDownLatch(1);
      CountDownLatch first = new CountDownLatch(1);
      Future<String> one =
          pool.submit(
              () -> {
                begun.countDown();
                first.await();
                return tenant.get();
              });
      begun.await(); // else that worker, not this thread, may start the second one
      tenant.set("two");
      expect("two", pool.submit(tenant::get).get()); // by another worker
      first.countDown();
      expect("one", one.get());
      expect(1_000_000, pool.submit(() -> depthOf(1_000_000)).get());
      expect(true, pool.submit(() -> Thread.currentThread().isDaemon()).get());
    }
    try (ThreadPool pool = new ThreadPool(1)) {
      try {
        pool.submit(() -> depthOf(1_000_000_000)).get();
        throw new AssertionError("a stack has no end");
      } catch (ExecutionException e) {
        expect(StackOverflowError.class, e.getCause().getClass());
      }
      expect(1, pool.submit(() -> depthOf(1)).get());
    }
  }

  private static int depthOf(int depth) {
    return depth == 0 ? 0 : 1 + depthOf(depth - 1);
  }

  /** Answers some requests by threads of the pool. */
  private static void serve(ThreadPool pool) throws Exception {
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/", PackageUser::answer);
    server.setExecutor(pool);
    server.start();
    try {
      URI uri = URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/");
      HttpRequest request = HttpRequest.newBuilder(uri).timeout(LIMIT).build();
      HttpClient client = HttpClient.newHttpClient();
      var answers =
          IntStream.range(0, REQUESTS)
              .mapToObj(i -> client.sendAsync(request, HttpResponse.BodyHandlers.ofString()))
              .collect(Collectors.toList());
      for (var answer : answers) {
        String thread = answer.get().body();
        expect(true, thread.matches("http-worker-\\d+"));
      }
    } finally {
      server.stop(0);
    }
  }

  private static void answer(HttpExchange exchange) throws IOException {
    byte[] body = Thread.currentThread().getName().getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(200, body.length);
    try (OutputStream out = exchange.getResponseBody()) {
      out.write(body);
    }
  }

  /** Works, crashes and works again, in JVMs that have only the jar, too. */
  private static void useProcesses(ProcessPool pool, String temporary) throws Exception {
    expect(List.of(), pool.submit(() -> nativesFromElsewhere(temporary)).get());
    try {
      pool.submit(() -> Runtime.getRuntime().halt(3)).get();
      throw new AssertionError("a crash is not noticed");
    } catch (ExecutionException e) {
      WorkerLostException lost = (WorkerLostException) e.getCause();
      expect(OptionalInt.of(3), lost.exitCode());
    }
    long pid = pool.submit(() -> ProcessHandle.current().pid()).get();
    expect(false, pid == ProcessHandle.current().pid());
  }

  /** Those of the jar's native libraries that this process has not unpacked to that folder. */
  private static List<String> nativesFromElsewhere(String folder) throws IOException {
    List<String> names;
    try (var index =
        PackageUser.class.getResourceAsStream("/META-INF/native/linux-x86_64/index.txt")) {
      names = new String(index.readAllBytes(), StandardCharsets.UTF_8).lines().toList();
    }
    List<String> loaded =
        Files.readAllLines(Path.of("/proc/self/maps")).stream()
            .filter(line -> line.contains("/"))
            .map(line -> line.substring(line.indexOf('/')))
            .distinct()
            .toList();
    List<String> elsewhere = new ArrayList<>();
    for (String name : names) {
      List<String> paths = loaded.stream().filter(path -> path.contains("/" + name)).toList();
      if (paths.isEmpty()) {
        elsewhere.add(name + " is not loaded");
      }
      paths.stream().filter(path -> !path.startsWith(folder)).forEach(elsewhere::add);
    }
    return elsewhere;
  }

  private static void checkVersion() {
    String version = ThreadPool.class.getPackage().getImplementationVersion();
    expect(true, version != null && version.matches("\\d+\\.\\d+\\.\\d+"));
  }

  private static void expect(Object expected, Object actual) {
    if (!expected.equals(actual)) {
      throw new AssertionError("expected " + expected + ", but was " + actual);
    }
  }
}

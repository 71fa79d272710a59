package user;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.asyncpal.ThreadPool;
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
import java.util.List;
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
    checkNatives();
    checkVersion();
    // Stays open, which must not keep the JVM.
    ThreadPool open = new ThreadPool(2);
    expect(7, open.submit(() -> 3 + 4).get());
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

  /** Every native library that the jar has and this process uses comes from the jar. */
  private static void checkNatives() throws IOException {
    List<String> names;
    try (var index =
        PackageUser.class.getResourceAsStream("/META-INF/native/linux-x86_64/index.txt")) {
      names = new String(index.readAllBytes(), StandardCharsets.UTF_8).lines().toList();
    }
    String temporary = System.getProperty("java.io.tmpdir");
    List<String> maps = Files.readAllLines(Path.of("/proc/self/maps"));
    for (String name : names) {
      List<String> mapped = maps.stream().filter(line -> line.contains("/" + name)).toList();
      expect(false, mapped.isEmpty());
      expect(List.of(), mapped.stream().filter(line -> !line.contains(temporary)).toList());
    }
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

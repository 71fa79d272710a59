package io.asyncpal.examples;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.asyncpal.ProcessPool;
import io.asyncpal.SerializableCallable;
import io.asyncpal.ThreadPool;
import io.asyncpal.WorkerLostException;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * An HTTP service that survives its own requests. Threads of one pool speak HTTP; the work is done
 * in the processes of another, where a request may crash, or never end, and costs nobody but
 * itself.
 *
 * <pre>
 * GET /primes?below=N  how many primes there are below N
 * GET /crash           ends the process that works on it
 * GET /stats           counts of the process pool
 * </pre>
 *
 * <p>Threads: {@link #close} and {@link #uri} may be called by any thread.
 */
public final class Service implements AutoCloseable {
  private static final int MAX_CONNECTIONS = 16;

  private final Duration limit;
  private final ThreadPool handlers;
  private final ProcessPool workers;
  private final HttpServer server;

  /** What is answered. */
  private record Answer(int status, String text) {}

  /** Tells what to do in a process for a request; a bad one is an IllegalArgumentException. */
  private interface Route {
    SerializableCallable<String> work(URI request);
  }

  /**
   * Serves on the loopback interface from now on.
   *
   * @param port to listen at; 0 takes a free one
   * @param processes how many requests are worked on at once
   * @param limit how long one may take
   * @throws IOException if the port can't be had
   */
  public Service(int port, int processes, Duration limit) throws IOException {
    this.limit = limit;
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
    handlers = ThreadPool.builder().name("http").maxWorkers(MAX_CONNECTIONS).build();
    workers = ProcessPool.builder().name("primes").maxWorkers(processes).build();
    server.setExecutor(handlers);
    add("/primes", Service::countPrimes);
    add("/crash", request -> Service::crash);
    server.createContext("/stats", exchange -> send(exchange, stats()));
    server.start();
  }

  /**
   * Runs the service until the JVM is told to end.
   *
   * @param args the port, 8080 if there is none
   * @throws IOException if the port can't be had
   */
  public static void main(String[] args) throws IOException {
    int port = args.length > 0 ? Integer.parseInt(args[0]) : 8080;
    int processes = Runtime.getRuntime().availableProcessors();
    // Not closed: the pools are, by themselves, when the JVM ends.
    Service service = new Service(port, processes, Duration.ofSeconds(10));
    System.out.println("Listening at " + service.uri().resolve("/primes?below=1000000"));
  }

  /** Where the service is. */
  public URI uri() {
    InetSocketAddress address = server.getAddress();
    return URI.create("http://" + address.getAddress().getHostAddress() + ":" + address.getPort());
  }

  /** Ends the service: what is being answered is waited for. A second call does nothing. */
  @Override
  public void close() {
    server.stop(0);
    handlers.close();
    workers.close();
  }

  private void add(String path, Route route) {
    server.createContext(path, exchange -> send(exchange, answer(route, exchange.getRequestURI())));
  }

  private Answer answer(Route route, URI request) {
    CompletableFuture<String> future;
    try {
      future = workers.submit(route.work(request));
    } catch (IllegalArgumentException e) {
      return new Answer(400, e.getMessage());
    }
    try {
      return new Answer(200, future.get(limit.toMillis(), TimeUnit.MILLISECONDS));
    } catch (TimeoutException e) {
      // Nothing else can stop a loop: the process is killed, and another takes its place.
      future.cancel(true);
      return new Answer(504, "took longer than " + limit.toMillis() + " ms");
    } catch (ExecutionException e) {
      int status = e.getCause() instanceof WorkerLostException ? 503 : 500;
      return new Answer(status, e.getCause().getMessage());
    } catch (InterruptedException e) {
      future.cancel(true);
      Thread.currentThread().interrupt();
      return new Answer(503, "the service is closed");
    }
  }

  private static void send(HttpExchange exchange, Answer answer) throws IOException {
    byte[] body = (answer.text() + "\n").getBytes(StandardCharsets.UTF_8);
    exchange.getResponseHeaders().set("Content-Type", "text/plain; charset=utf-8");
    exchange.sendResponseHeaders(answer.status(), body.length);
    try (OutputStream out = exchange.getResponseBody()) {
      out.write(body);
    }
  }

  private Answer stats() {
    return new Answer(200, workers.stats().toString());
  }

  private static SerializableCallable<String> countPrimes(URI request) {
    String query = request.getQuery();
    if (query == null || !query.matches("below=\\d{1,9}")) {
      throw new IllegalArgumentException("ask for /primes?below=N, N being at most 9 digits");
    }
    int below = Integer.parseInt(query.substring("below=".length()));
    // From here on it is in another process.
    return () -> Integer.toString(Primes.countBelow(below));
  }

  private static String crash() {
    Runtime.getRuntime().halt(3);
    return "not reached";
  }
}

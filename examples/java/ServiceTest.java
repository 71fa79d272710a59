package io.asyncpal.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(120)
final class ServiceTest {
  private static final String OK = "/primes?below=100000";
  private static final String OK_ANSWER = "9592\n";

  /** For a request that ought to be answered, on whatever machine. */
  private static final Duration LIMIT = Duration.ofSeconds(60);

  private static final HttpClient CLIENT = HttpClient.newHttpClient();
  private static Service service;

  @BeforeAll
  static void start() throws IOException {
    service = new Service(0, 2, LIMIT);
  }

  @AfterAll
  static void stop() {
    service.close();
  }

  private static CompletableFuture<HttpResponse<String>> get(Service service, String path) {
    HttpRequest request = HttpRequest.newBuilder(service.uri().resolve(path)).build();
    return CLIENT.sendAsync(request, HttpResponse.BodyHandlers.ofString());
  }

  private static void assertAnswers(
      int status, String text, CompletableFuture<HttpResponse<String>> request) throws Exception {
    HttpResponse<String> response = request.get(LIMIT.toSeconds(), TimeUnit.SECONDS);
    assertEquals(status, response.statusCode(), response::body);
    assertTrue(response.body().contains(text), response::body);
  }

  @Test
  void countsPrimes() throws Exception {
    assertAnswers(200, OK_ANSWER, get(service, OK));
  }

  @Test
  void tellsWhoeverAsksForNonsense() throws Exception {
    assertAnswers(400, "below=N", get(service, "/primes?below=many"));
  }

  @Test
  void crashCostsNobodyElse() throws Exception {
    List<CompletableFuture<HttpResponse<String>>> others = new ArrayList<>();
    List<CompletableFuture<HttpResponse<String>>> crashes = new ArrayList<>();
    for (int i = 0; i < 2; ++i) {
      for (int j = 0; j < 4; ++j) {
        others.add(get(service, OK));
      }
      crashes.add(get(service, "/crash"));
    }
    for (CompletableFuture<HttpResponse<String>> crash : crashes) {
      assertAnswers(503, "exited with code 3", crash);
    }
    for (CompletableFuture<HttpResponse<String>> other : others) {
      assertAnswers(200, OK_ANSWER, other);
    }
    assertAnswers(200, OK_ANSWER, get(service, OK));
  }

  @Test
  void requestThatTakesTooLongIsStopped() throws Exception {
    try (Service hasty = new Service(0, 1, Duration.ofSeconds(3))) {
      assertAnswers(504, "took longer than 3000 ms", get(hasty, "/primes?below=999999999"));
      assertAnswers(200, "cancelled=1", get(hasty, "/stats"));
    }
    // Here it is closed, which waits for all work: nothing counts on, for hours.
  }
}

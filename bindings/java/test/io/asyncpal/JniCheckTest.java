package io.asyncpal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The JVM's own checks of JNI have nothing to say, and failures of loading say all. */
@Timeout(180)
class JniCheckTest {
  /** Crosses the border in every way there is. */
  static final class Program {
    private Program() {}

    public static void main(String[] args) throws Exception {
      try (ThreadPool pool =
          ThreadPool.builder().maxWorkers(2).initializer(() -> {}).finalizer(() -> {}).build()) {
        List<CompletableFuture<Integer>> futures = new ArrayList<>();
        for (int i = 0; i < 10_000; i++) {
          int n = i;
          futures.add(pool.submit(() -> n));
          if (i % 3 == 0) {
            futures.get(i).cancel(true);
          }
        }
        for (int i = 0; i < 10_000; i++) {
          if (i % 3 != 0) {
            expect(i, futures.get(i).get());
          }
        }
        Future<?> nested = pool.submit(() -> pool.submit(() -> 1).get());
        expect(1, nested.get());
        pool.workers();
        pool.stats();
        pool.test();
      }
      try (ThreadPool broken =
          ThreadPool.builder()
              .initializer(
                  () -> {
                    throw new IllegalStateException("ä");
                  })
              .build()) {
        try {
          broken.submit(() -> 1).get();
        } catch (ExecutionException e) {
          expect("ä", e.getCause().getCause().getMessage());
        }
      }
      try (ProcessPool pool = new ProcessPool(1)) {
        for (int i = 0; i < 1000; i++) {
          int n = i;
          expect(i, pool.submit(() -> n).get());
        }
        Future<?> endless =
            pool.submit(
                (SerializableRunnable)
                    () -> {
                      while (true) {
                        Thread.onSpinWait();
                      }
                    });
        endless.cancel(true);
        try {
          pool.submit(() -> Integer.parseInt("x")).get();
        } catch (ExecutionException e) {
          expect(NumberFormatException.class, e.getCause().getClass());
        }
      }
      System.out.println("done");
    }

    private static void expect(Object expected, Object actual) {
      if (!expected.equals(actual)) {
        throw new AssertionError("expected " + expected + ", but it is " + actual);
      }
    }
  }

  private static String run(List<String> flags) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(System.getProperty("java.home") + File.separator + "bin/java");
    command.addAll(flags);
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Program.class.getName()));
    Process jvm = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(jvm.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertTrue(jvm.waitFor(30, TimeUnit.SECONDS));
    return output;
  }

  @Test
  void jvmHasNothingToSayOfOurJni() throws Exception {
    String path = "-Djava.library.path=" + System.getProperty("java.library.path");
    assertEquals("done\n", run(List.of("-Xcheck:jni", path)));
  }

  @Test
  void missingLibraryIsToldWithPlatformAndPlaces() throws Exception {
    String output = run(List.of("-Djava.library.path=/no/such:/folder"));
    assertTrue(output.contains("os linux, arch x86_64"), output);
    assertTrue(output.contains("/no/such/libasyncpal_jni.so: there is no such file"), output);
    assertTrue(output.contains("/folder/libasyncpal_jni.so: there is no such file"), output);
    assertTrue(output.contains("META-INF/native/linux-x86_64/"), output);
  }
}

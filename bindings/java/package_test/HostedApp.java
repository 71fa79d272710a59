package user;

import io.asyncpal.ProcessPool;
import java.io.InputStream;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/**
 * An application that a host runs with a class loader of its own, so that workers have to ask for
 * everything.
 */
public final class HostedApp {
  private static final long LIMIT = 240; // s

  private HostedApp() {}

  public static void main(String[] args) throws Exception {
    try (ProcessPool pool = ProcessPool.builder().maxWorkers(1).build()) {
      expect(7, pool.submit(() -> Late.sum(3, 4)).get(LIMIT, TimeUnit.SECONDS));
      throwsItsOwnException(pool);
      findsResources(pool);
      getsNothingElse(pool);
      loadsInManyThreads(pool);
      loadsWhileNoTaskRuns(pool);
      expect("asyncpal-parent", pool.submit(() -> loaderName()).get(LIMIT, TimeUnit.SECONDS));
    }
    System.out.println("worker.hosted=yes");
  }

  static String loaderName() {
    return HostedApp.class.getClassLoader().getName();
  }

  /** Is needed in workers only. */
  static final class Late {
    private Late() {}

    static int sum(int a, int b) {
      return a + b;
    }
  }

  static final class OwnException extends Exception {
    private static final long serialVersionUID = 1;

    OwnException(String message) {
      super(message);
    }
  }

  private static void throwsItsOwnException(ProcessPool pool) throws Exception {
    try {
      pool.submit(
              () -> {
                if (pool() == null) {
                  throw new OwnException("from afar");
                }
                return 1;
              })
          .get(LIMIT, TimeUnit.SECONDS);
      throw new AssertionError("it threw nothing");
    } catch (ExecutionException e) {
      expect(OwnException.class, e.getCause().getClass());
      expect("from afar", e.getCause().getMessage());
    }
  }

  private static ProcessPool pool() {
    return null;
  }

  private static void findsResources(ProcessPool pool) throws Exception {
    String path = "user/HostedApp.class";
    expect(
        lengthOf(path), pool.submit(() -> lengthOf(path)).get(LIMIT, TimeUnit.SECONDS));
    expect(-1, pool.submit(() -> lengthOf("user/nothing.txt")).get(LIMIT, TimeUnit.SECONDS));
    // Each jar has one, of which the worker has ours by itself.
    String manifest = "META-INF/MANIFEST.MF";
    List<String> urls = pool.submit(() -> urlsOf(manifest)).get(LIMIT, TimeUnit.SECONDS);
    long asked = urls.stream().filter(url -> url.startsWith("asyncpal-parent:")).count();
    expect((long) urlsOf(manifest).size(), asked);
  }

  private static int lengthOf(String path) throws Exception {
    try (InputStream in =
        Thread.currentThread().getContextClassLoader().getResourceAsStream(path)) {
      return in == null ? -1 : in.readAllBytes().length;
    }
  }

  private static ArrayList<String> urlsOf(String path) throws Exception {
    ArrayList<String> urls = new ArrayList<>();
    for (URL url :
        Collections.list(Thread.currentThread().getContextClassLoader().getResources(path))) {
      url.openStream().close();
      urls.add(url.toString());
    }
    return urls;
  }

  private static void getsNothingElse(ProcessPool pool) throws Exception {
    for (String path : List.of("/etc/passwd", "../../../../../etc/passwd", "user/../../etc/x")) {
      expect(-1, pool.submit(() -> lengthOf(path)).get(LIMIT, TimeUnit.SECONDS));
    }
  }

  /** One class for each thread. */
  enum Many {
    A,
    B,
    C,
    D;

    static Callable<String> task(Many many) {
      return switch (many) {
        case A -> new Callable<>() {
          @Override
          public String call() {
            return "A";
          }
        };
        case B -> new Callable<>() {
          @Override
          public String call() {
            return "B";
          }
        };
        case C -> new Callable<>() {
          @Override
          public String call() {
            return "C";
          }
        };
        case D -> new Callable<>() {
          @Override
          public String call() {
            return "D";
          }
        };
      };
    }
  }

  private static void loadsInManyThreads(ProcessPool pool) throws Exception {
    expect("ABCD", pool.submit(() -> callMany()).get(LIMIT, TimeUnit.SECONDS));
  }

  private static String callMany() throws Exception {
    var threads = Executors.newFixedThreadPool(4);
    try {
      List<Callable<String>> calls = new ArrayList<>();
      for (Many many : Many.values()) {
        calls.add(() -> Many.task(many).call());
      }
      StringBuilder all = new StringBuilder();
      for (var result : threads.invokeAll(calls)) {
        all.append(result.get());
      }
      return all.toString();
    } finally {
      threads.shutdown();
    }
  }

  /** Is loaded when the task that has started its thread is over. */
  static final class Background {
    private Background() {}

    static String text() {
      return "loaded";
    }
  }

  private static void loadsWhileNoTaskRuns(ProcessPool pool) throws Exception {
    Path folder = Files.createTempDirectory("hosted-");
    String go = folder.resolve("go").toString();
    String done = folder.resolve("done").toString();
    pool.submit(
            () -> {
              Thread thread =
                  new Thread(
                      () -> {
                        await(Path.of(go));
                        write(Path.of(done), Background.text());
                      });
              thread.setDaemon(true);
              thread.start();
              return 0;
            })
        .get(LIMIT, TimeUnit.SECONDS);
    while (pool.countBusyWorkers() > 0) {
      Thread.sleep(1);
    }
    write(Path.of(go), "");
    await(Path.of(done));
    expect("loaded", Files.readString(Path.of(done)));
    Files.delete(Path.of(go));
    Files.delete(Path.of(done));
    Files.delete(folder);
  }

  private static void await(Path file) {
    long start = System.nanoTime();
    while (!Files.exists(file)) {
      if (System.nanoTime() - start > TimeUnit.SECONDS.toNanos(LIMIT)) {
        throw new AssertionError(file + " does not come");
      }
      Thread.onSpinWait();
    }
  }

  private static void write(Path file, String text) {
    try {
      Path fresh = Files.writeString(file.resolveSibling(file.getFileName() + ".new"), text);
      Files.move(fresh, file);
    } catch (java.io.IOException e) {
      throw new AssertionError(e);
    }
  }

  private static void expect(Object expected, Object actual) {
    if (!expected.equals(actual)) {
      throw new AssertionError("expected " + expected + ", but was " + actual);
    }
  }
}

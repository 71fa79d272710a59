package io.asyncpal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * How a JVM ends while tasks run in threads and processes: each way many times, since what goes
 * wrong here goes wrong seldom.
 */
@Timeout(600)
class ExitTest {
  // Of GlobalShutdown, in the program; then what a JVM takes to start and end on a busy machine.
  static final long DEADLINE_MILLIS = 300;
  private static final long LIMIT_SECONDS = 60;

  enum Way {
    RETURN(0),
    EXIT(7),
    EXIT_IN_A_TASK(7),
    UNCAUGHT(1),
    SIGTERM(128 + 15),
    HALT(7);

    final int exitCode;

    Way(int exitCode) {
      this.exitCode = exitCode;
    }
  }

  enum Tasks {
    OBEDIENT, // end when they are interrupted
    ENDLESS
  }

  @ParameterizedTest
  @EnumSource
  void endsInTimeWithObedientTasks(Way way) throws Exception {
    endsInTime(way, Tasks.OBEDIENT, 2);
  }

  @ParameterizedTest
  @EnumSource
  void endsInTimeWithEndlessTasks(Way way) throws Exception {
    endsInTime(way, Tasks.ENDLESS, 4);
  }

  private static void endsInTime(Way way, Tasks tasks, int times) throws Exception {
    for (int i = 0; i < times; i++) {
      Path errors = Files.createTempFile("exit-", ".err");
      Process jvm = start(way, tasks, errors);
      long workerPid = 0;
      try (BufferedReader out =
          new BufferedReader(
              new InputStreamReader(jvm.getInputStream(), StandardCharsets.UTF_8))) {
        String line = out.readLine();
        assertTrue(
            line != null && line.startsWith("worker "),
            () -> "it says which process its worker is: " + line + "\n" + read(errors));
        workerPid = Long.parseLong(line.substring("worker ".length()));
        if (way == Way.SIGTERM) {
          jvm.destroy();
        }
        assertTrue(
            jvm.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS), () -> "it ends:\n" + read(errors));
      } finally {
        jvm.destroyForcibly();
      }
      assertEquals(way.exitCode, jvm.exitValue(), () -> read(errors));
      assertFalse(read(errors).contains("SIGSEGV"), () -> read(errors));
      assertGone(workerPid);
    }
  }

  private static Process start(Way way, Tasks tasks, Path errors) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(System.getProperty("java.home") + File.separator + "bin/java");
    command.addAll(List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx64m"));
    // Its file can be that of a JVM with the same pid in another container, which a JVM says on
    // its output.
    command.add("-XX:-UsePerfData");
    command.add("-Djava.library.path=" + System.getProperty("java.library.path"));
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.addAll(List.of(ExitProgram.class.getName(), way.name(), tasks.name()));
    return new ProcessBuilder(command).redirectError(errors.toFile()).start();
  }

  private static void assertGone(long pid) throws InterruptedException {
    long start = System.nanoTime();
    while (ProcessHandle.of(pid).isPresent()
        && System.nanoTime() - start < TimeUnit.SECONDS.toNanos(30)) {
      Thread.sleep(1);
    }
    assertTrue(ProcessHandle.of(pid).isEmpty(), "worker " + pid + " is no orphan");
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      return e.toString();
    }
  }
}

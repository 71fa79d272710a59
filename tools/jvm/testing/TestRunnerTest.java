package io.asyncpal.tools.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Runs {@link SampleTests} as Bazel would. */
@Timeout(60)
final class TestRunnerTest {
  private static final Pattern STARTED = Pattern.compile("RUNNING \\S+\\$(\\w+#\\w+)\\(\\)");

  @TempDir private Path folder;
  private ProcessBuilder builder;

  @BeforeEach
  void prepare() {
    builder = new ProcessBuilder(System.getProperty("sample_tests")).redirectErrorStream(true);
    builder.environment().keySet().removeIf(name -> name.startsWith("TEST"));
    builder.environment().put("XML_OUTPUT_FILE", report().toString());
  }

  private Path report() {
    return folder.resolve("test.xml");
  }

  /** Runs the tests that match, and returns what was printed. */
  private String run(int exitCode, String filter) throws IOException, InterruptedException {
    builder.environment().put("TESTBRIDGE_TEST_ONLY", filter);
    Process process = builder.start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(exitCode, process.waitFor(), output);
    return output;
  }

  private static void assertContains(String part, String text) {
    assertTrue(text.contains(part), () -> "no '" + part + "' in:\n" + text);
  }

  @Test
  void passesWhenAllTestsPassOrAreSkipped() throws Exception {
    assertContains("3 passed, 0 failed, 1 skipped", run(0, "Good#"));
  }

  @Test
  void failsWhenOneTestFails() throws Exception {
    String output = run(1, "(Good|Bad)#");
    assertContains("3 passed, 1 failed, 1 skipped", output);
    assertContains("as it should", output);
  }

  @Test
  void failsWhenWhatIsBeforeAllTestsFails() throws Exception {
    assertContains("before all tests", run(1, "BadFromTheStart#"));
  }

  @Test
  void failsWhenTheFilterMatchesNothing() throws Exception {
    assertContains("no test's package.Class#method has a match of Godo", run(1, "Godo"));
  }

  @Test
  void failsWhenThereAreNoTests() throws Exception {
    builder.command(System.getProperty("no_tests"));
    assertContains("there are no tests in", run(1, ""));
  }

  @Test
  void failsWhenATestExitsWithZero() throws Exception {
    assertContains("the JVM ends before all tests are done", run(1, "Exiting#"));
  }

  @Test
  void runsWithAssertions() throws Exception {
    run(0, "Asserting#");
  }

  @Test
  void printsAllStacksWhenItIsTerminated() throws Exception {
    builder.environment().put("TESTBRIDGE_TEST_ONLY", "Endless#");
    Process process = builder.start();
    StringBuilder output = new StringBuilder();
    try (BufferedReader lines =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        output.append(line).append('\n');
        if (line.equals("waiting")) {
          process.toHandle().destroy(); // SIGTERM; the streams stay open.
        }
      }
    }
    assertTrue(process.waitFor(30, TimeUnit.SECONDS));
    assertEquals(1, process.exitValue());
    assertContains("SampleTests$Endless.waits", output.toString());
  }

  @Test
  void shardsRunEachTestOnce() throws Exception {
    Path status = folder.resolve("status");
    builder
        .environment()
        .putAll(Map.of("TEST_TOTAL_SHARDS", "2", "TEST_SHARD_STATUS_FILE", status.toString()));
    TreeSet<String> names = new TreeSet<>();
    for (int shard = 0; shard < 2; ++shard) {
      builder.environment().put("TEST_SHARD_INDEX", Integer.toString(shard));
      Matcher started = STARTED.matcher(run(0, "Good#(first|second|third)"));
      int count = 0;
      for (; started.find(); ++count) {
        assertTrue(names.add(started.group(1)), "ran twice: " + started.group(1));
      }
      assertFalse(count == 0 || count == 3, "one shard runs everything");
      assertTrue(Files.deleteIfExists(status));
    }
    assertEquals("[Good#first, Good#second, Good#third]", names.toString());
  }

  @Test
  void shardWithoutTestsPasses() throws Exception {
    builder.environment().putAll(Map.of("TEST_TOTAL_SHARDS", "2", "TEST_SHARD_INDEX", "1"));
    assertContains("0 passed, 0 failed, 0 skipped", run(0, "Good#first"));
  }

  @Test
  void reportsEveryTestInXml() throws Exception {
    run(1, "(Good#first|Bad#)");
    String xml = Files.readString(report());
    assertContains("<testcase name=\"first()\"", xml);
    assertContains("<testcase name=\"fails()\"", xml);
    assertContains("<failure message=\"as it should\"", xml);
  }
}

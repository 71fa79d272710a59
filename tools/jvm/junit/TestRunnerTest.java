package io.asyncpal.tools.junit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Runs {@link SampleTests} as Bazel would. */
@Timeout(120)
final class TestRunnerTest {
  private static final Pattern STARTED = Pattern.compile("RUNNING \\S+\\$(\\w+#\\w+)\\(\\)");

  @TempDir private Path folder;
  private final Map<String, String> environment = new HashMap<>();

  /** Runs the samples that match in this JVM, and returns what was printed. */
  private String run(boolean passes, String filter) throws IOException {
    return run(passes, filter, "jar.sample_tests");
  }

  private String run(boolean passes, String filter, String jarProperty) throws IOException {
    environment.put("TESTBRIDGE_TEST_ONLY", filter);
    StringWriter output = new StringWriter();
    TestRunner runner = new TestRunner(environment, new PrintWriter(output, true));
    assertEquals(passes, runner.run(jar(jarProperty)), output::toString);
    return output.toString();
  }

  /** Runs the samples that match in a JVM of their own. */
  private static Process start(String filter) throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-XX:-UsePerfData",
            "-cp",
            System.getProperty("java.class.path"),
            TestRunner.class.getName(),
            jar("jar.sample_tests").toString());
    builder.environment().keySet().removeIf(name -> name.startsWith("TEST"));
    builder.environment().remove("XML_OUTPUT_FILE");
    builder.environment().put("TESTBRIDGE_TEST_ONLY", filter);
    return builder.redirectErrorStream(true).start();
  }

  private static Path jar(String property) {
    return Path.of(System.getProperty(property)).toAbsolutePath();
  }

  private static void assertContains(String part, String text) {
    assertTrue(text.contains(part), () -> "no '" + part + "' in:\n" + text);
  }

  @Test
  void passesWhenAllTestsPassOrAreSkipped() throws Exception {
    assertContains("3 passed, 0 failed, 1 skipped", run(true, "Good#"));
  }

  @Test
  void failsWhenOneTestFails() throws Exception {
    String output = run(false, "(Good|Bad)#");
    assertContains("3 passed, 1 failed, 1 skipped", output);
    assertContains("as it should", output);
  }

  @Test
  void failsWhenWhatIsBeforeAllTestsFails() throws Exception {
    assertContains("before all tests", run(false, "BadFromTheStart#"));
  }

  @Test
  void failsWhenTheFilterMatchesNothing() throws Exception {
    assertContains("no test's package.Class#method has a match of Godo", run(false, "Godo"));
  }

  @Test
  void failsWhenThereAreNoTests() throws Exception {
    assertContains("there are no tests in", run(false, "", "jar.runner"));
  }

  @Test
  void failsWhenATestExitsWithZero() throws Exception {
    Process process = start("Exiting#");
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertContains("the JVM ends before all tests are done", output);
    assertEquals(1, process.waitFor());
  }

  @Test
  void printsAllStacksWhenItIsTerminated() throws Exception {
    Process process = start("Endless#");
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
    environment.put("TEST_TOTAL_SHARDS", "2");
    environment.put("TEST_SHARD_STATUS_FILE", status.toString());
    TreeSet<String> names = new TreeSet<>();
    for (int shard = 0; shard < 2; ++shard) {
      environment.put("TEST_SHARD_INDEX", Integer.toString(shard));
      Matcher started = STARTED.matcher(run(true, "Good#(first|second|third)"));
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
    environment.put("TEST_TOTAL_SHARDS", "2");
    environment.put("TEST_SHARD_INDEX", "1");
    assertContains("0 passed, 0 failed, 0 skipped", run(true, "Good#first"));
  }

  @Test
  void reportsEveryTestInXml() throws Exception {
    Path report = folder.resolve("test.xml");
    environment.put("XML_OUTPUT_FILE", report.toString());
    run(false, "(Good#first|Bad#)");
    String xml = Files.readString(report);
    assertContains("<testcase name=\"first()\"", xml);
    assertContains("<testcase name=\"fails()\"", xml);
    assertContains("<failure message=\"as it should\"", xml);
  }

  @Test
  void testsRunWithAssertions() {
    boolean enabled = false;
    assert enabled = true;
    assertTrue(enabled);
  }
}

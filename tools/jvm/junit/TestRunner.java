package io.asyncpal.tools.junit;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.engine.support.descriptor.MethodSource;
import org.junit.platform.launcher.Launcher;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.TestPlan;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;
import org.junit.platform.launcher.listeners.TestExecutionSummary;
import org.junit.platform.reporting.legacy.xml.LegacyXmlReportGeneratingListener;

/**
 * Runs all JUnit 5 tests of a jar as Bazel's test protocol asks: it obeys {@code --test_filter} and
 * sharding, and leaves a report in {@code XML_OUTPUT_FILE}. Besides a failed test, it is a failure
 * when no test was there to run, and when a test ends the JVM, whatever the exit code. Whoever ends
 * it early, Bazel's time limit for example, gets a dump of all threads.
 */
public final class TestRunner {
  private static final int MAX_STACK_TRACE_LINES = 25;

  private final Map<String, String> environment;
  private final PrintWriter out;
  private volatile boolean finished;

  /**
   * @param environment what Bazel's variables are looked up in
   * @param out for progress, failures and counts
   */
  TestRunner(Map<String, String> environment, PrintWriter out) {
    this.environment = environment;
    this.out = out;
  }

  /**
   * Exits with 0 if all is well, and else with 1.
   *
   * @param args the jar with the tests; it is on the class path
   */
  public static void main(String[] args) throws IOException {
    TestRunner runner = new TestRunner(System.getenv(), new PrintWriter(System.out, true));
    Runtime.getRuntime().addShutdownHook(new Thread(runner::complainUnlessFinished));
    boolean passed = runner.run(Path.of(args[0]));
    runner.finished = true;
    // Threads that a test has left behind must not keep the JVM.
    System.exit(passed ? 0 : 1);
  }

  /** Returns whether there were tests, and none has failed. */
  boolean run(Path jar) throws IOException {
    Optional<String> filter = variable("TESTBRIDGE_TEST_ONLY");
    int shards = acceptSharding();
    TestSelection selection =
        new TestSelection(
            filter.map(Pattern::compile),
            variable("TEST_SHARD_INDEX").map(Integer::parseInt).orElse(0),
            shards);
    LauncherDiscoveryRequest request =
        LauncherDiscoveryRequestBuilder.request()
            .selectors(DiscoverySelectors.selectClasspathRoots(Set.of(jar)))
            .filters(selection)
            .build();
    Launcher launcher = LauncherFactory.create();
    TestPlan plan = launcher.discover(request);
    if (selection.matches() == 0) {
      out.println(
          filter
              .map(pattern -> "FAILED: no test's package.Class#method has a match of " + pattern)
              .orElse("FAILED: there are no tests in " + jar));
      return false;
    }

    SummaryGeneratingListener summaries = new SummaryGeneratingListener();
    execute(launcher, plan, summaries);
    TestExecutionSummary summary = summaries.getSummary();
    summary.printFailuresTo(out, MAX_STACK_TRACE_LINES);
    out.printf(
        "%d passed, %d failed, %d skipped%n",
        summary.getTestsSucceededCount(),
        summary.getTotalFailureCount(),
        summary.getTestsSkippedCount());
    return summary.getTotalFailureCount() == 0;
  }

  private void execute(Launcher launcher, TestPlan plan, SummaryGeneratingListener summaries)
      throws IOException {
    Optional<Path> report = variable("XML_OUTPUT_FILE").map(Path::of);
    if (report.isEmpty()) {
      launcher.execute(plan, summaries, new Progress());
      return;
    }
    // JUnit names the report itself, after the engine.
    Path folder = Files.createTempDirectory("junit");
    launcher.execute(
        plan, summaries, new Progress(), new LegacyXmlReportGeneratingListener(folder, out));
    Files.move(
        folder.resolve("TEST-junit-jupiter.xml"),
        report.get(),
        StandardCopyOption.REPLACE_EXISTING);
    Files.delete(folder);
  }

  /** Tells Bazel that sharding is obeyed, and returns the number of shards. */
  private int acceptSharding() throws IOException {
    Optional<Path> status = variable("TEST_SHARD_STATUS_FILE").map(Path::of);
    if (status.isPresent()) {
      Files.write(status.get(), new byte[0]);
    }
    return variable("TEST_TOTAL_SHARDS").map(Integer::parseInt).orElse(1);
  }

  private Optional<String> variable(String name) {
    return Optional.ofNullable(environment.get(name)).filter(value -> !value.isEmpty());
  }

  /** Runs while the JVM shuts down. */
  private void complainUnlessFinished() {
    if (finished) {
      return;
    }
    out.println("FAILED: the JVM ends before all tests are done: a test or a signal ended it.");
    Thread.getAllStackTraces()
        .forEach(
            (thread, stack) -> {
              out.printf("%n\"%s\" %s%n", thread.getName(), thread.getState());
              for (StackTraceElement frame : stack) {
                out.println("    at " + frame);
              }
            });
    Runtime.getRuntime().halt(1);
  }

  /** Prints each test when it begins and ends, so that a log tells how far a run came. */
  private final class Progress implements TestExecutionListener {
    @Override
    public void executionStarted(TestIdentifier test) {
      print("RUNNING", test);
    }

    @Override
    public void executionFinished(TestIdentifier test, TestExecutionResult result) {
      print(result.getStatus().toString(), test);
    }

    private void print(String what, TestIdentifier test) {
      if (test.isTest()) {
        String method =
            test.getSource()
                .filter(MethodSource.class::isInstance)
                .map(source -> ((MethodSource) source).getClassName() + "#")
                .orElse("");
        out.println(what + " " + method + test.getDisplayName());
      }
    }
  }
}

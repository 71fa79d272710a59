package io.asyncpal.tools.testing;

/** Has no tests, for {@link TestRunnerTest} to run. */
final class NoTests {
  private NoTests() {}
}

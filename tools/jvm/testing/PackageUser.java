package user;

import io.asyncpal.tools.testing.Greeter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;

/** Uses the package as it is published. */
public final class PackageUser {
  private PackageUser() {}

  /**
   * Throws if something is not as it should be.
   *
   * @param args none
   */
  public static void main(String[] args) throws IOException {
    expect("Hello, user!", new Greeter().greet("user"));
    expect("1.2.3", Greeter.class.getPackage().getImplementationVersion());

    // What is said of the place: nothing of Bazel, and no variables.
    try (var files = Files.list(Path.of(""))) {
      expect(0L, files.count());
    }
    expect(0, System.getenv().size());

    // The libraries come from the jar, those that they need as well.
    List<String> libraries =
        Files.readAllLines(Path.of("/proc/self/maps")).stream()
            .filter(line -> line.contains("libgreeter") || line.contains("libabsl"))
            .collect(Collectors.toList());
    expect(true, libraries.size() > 1);
    String temporary = System.getProperty("java.io.tmpdir");
    expect(true, libraries.stream().allMatch(line -> line.contains(temporary)));
  }

  private static void expect(Object expected, Object actual) {
    if (!expected.equals(actual)) {
      throw new AssertionError("expected " + expected + ", but was " + actual);
    }
  }
}

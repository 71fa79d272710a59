package io.asyncpal.tools.testing;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Greets, with the help of C++. */
public final class Greeter {
  private static final String NATIVES = "/META-INF/native/linux-x86_64/";

  static {
    if (Greeter.class.getResource(NATIVES + "index.txt") == null) {
      System.loadLibrary("greeter");
    } else {
      loadFromJar();
    }
  }

  private final String greeting = text("greeting.txt").strip();

  /** Makes a greeter that uses the greeting of the jar. */
  public Greeter() {}

  /**
   * Greets someone.
   *
   * @param name who it is
   * @return the greeting
   */
  public String greet(String name) {
    return join(greeting, name);
  }

  private static native String join(String greeting, String name);

  private static String text(String resource) {
    try (InputStream stream = Greeter.class.getResourceAsStream(resource)) {
      return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Loads the first library; it finds the others beside it. */
  private static void loadFromJar() {
    try {
      Path folder = Files.createTempDirectory("greeter");
      List<Path> files = new ArrayList<>();
      for (String name : text(NATIVES + "index.txt").split("\n")) {
        Path file = folder.resolve(name);
        try (InputStream library = Greeter.class.getResourceAsStream(NATIVES + name)) {
          Files.copy(library, file);
        }
        files.add(file);
      }
      System.load(files.get(0).toString());
      for (Path file : files) {
        Files.delete(file);
      }
      Files.delete(folder);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

package io.asyncpal;

import io.asyncpal.internal.swig.Library;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Finds and loads the native library: in {@code java.library.path}, else in the jar, from which it
 * is unpacked together with the libraries that it needs.
 */
final class NativeLibrary {
  private static final String NAME = "asyncpal_jni";
  private static final String FILE = System.mapLibraryName(NAME);

  static {
    loadFromAnywhere();
    Library.init();
    GlobalShutdown.install();
  }

  private NativeLibrary() {}

  /** The first call loads the library; each throws an {@link Error} if that has failed. */
  static void load() {}

  private static void loadFromAnywhere() {
    List<String> tried = new ArrayList<>();
    if (!loadFromPath(tried) && !loadFromJar(tried)) {
      throw new UnsatisfiedLinkError(
          "Asyncpal's native library can't be loaded for os "
              + os()
              + ", arch "
              + arch()
              + "; tried\n  "
              + String.join("\n  ", tried)
              + "\nPut "
              + FILE
              + " into a folder of -Djava.library.path, or use the jar for this platform.");
    }
  }

  private static boolean loadFromPath(List<String> tried) {
    for (String folder : System.getProperty("java.library.path", "").split(File.pathSeparator)) {
      if (folder.isEmpty()) {
        continue;
      }
      Path file = Path.of(folder, FILE).toAbsolutePath();
      if (!Files.exists(file)) {
        tried.add(file + ": there is no such file");
      } else if (loadFile(file, file.toString(), tried)) {
        return true;
      }
    }
    return false;
  }

  private static boolean loadFile(Path file, String place, List<String> tried) {
    try {
      System.load(file.toString());
      return true;
    } catch (UnsatisfiedLinkError e) {
      tried.add(place + ": " + e.getMessage());
      return false;
    }
  }

  private static boolean loadFromJar(List<String> tried) {
    String folder = "/META-INF/native/" + os() + "-" + arch() + "/";
    String place = "the jar's " + folder;
    List<String> names = readIndex(folder);
    if (names.isEmpty()) {
      tried.add(place + ": this jar has no such folder");
      return false;
    }
    try {
      Path target = Files.createTempDirectory("asyncpal-");
      try {
        for (String name : names) {
          try (InputStream in = NativeLibrary.class.getResourceAsStream(folder + name)) {
            if (in == null) {
              throw new IOException("the jar has no " + folder + name);
            }
            Files.copy(in, target.resolve(name));
          }
        }
        return loadFile(target.resolve(FILE), place + FILE + ", unpacked to " + target, tried);
      } finally {
        // What is loaded needs its file no more.
        for (String name : names) {
          Files.deleteIfExists(target.resolve(name));
        }
        Files.deleteIfExists(target);
      }
    } catch (IOException e) {
      tried.add(
          place
              + ": can't be unpacked to "
              + System.getProperty("java.io.tmpdir")
              + " (-Djava.io.tmpdir names another folder): "
              + e);
      return false;
    }
  }

  /** The names of the files in a folder of the jar; empty: there is no such folder. */
  private static List<String> readIndex(String folder) {
    try (InputStream in = NativeLibrary.class.getResourceAsStream(folder + "index.txt")) {
      if (in == null) {
        return List.of();
      }
      return new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8))
          .lines()
          .filter(line -> !line.isBlank())
          .toList();
    } catch (IOException e) {
      return List.of();
    }
  }

  private static String os() {
    String name = System.getProperty("os.name").toLowerCase(Locale.ROOT);
    return name.startsWith("linux") ? "linux" : name.replace(' ', '-');
  }

  private static String arch() {
    String name = System.getProperty("os.arch").toLowerCase(Locale.ROOT);
    return name.equals("amd64") ? "x86_64" : name;
  }
}

package user;

import io.asyncpal.ProcessPool;
import io.asyncpal.ThreadPool;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Where the native libraries go that the jar has, and that nobody can foist others on a user. */
public final class NativeUser {
  private static final long LIMIT = 120; // s
  private static final String LIBRARY = "libasyncpal_jni.so";

  private NativeUser() {}

  public static void main(String[] args) throws Exception {
    if (args.length > 0) {
      try (ThreadPool pool = new ThreadPool(1)) {
        pool.submit(() -> 1).get();
      }
      loadedFiles().forEach(file -> System.out.println("loaded " + file));
      return;
    }
    Path folder = Files.createTempDirectory("natives-");
    try {
      unpacksOnceForAllJvms(folder.resolve("once"));
      tellsWorkersWhereTheyAre();
      mendsWhatIsDamaged(folder.resolve("damaged"));
      letsSeveralJvmsStartAtOnce(folder.resolve("several"));
      trustsNoFolderOfOthers(folder.resolve("open"));
      trustsNoLink(folder.resolve("link"));
      saysThatNothingCanBeExecutedThere(folder.resolve("noexec"));
    } finally {
      delete(folder);
    }
  }

  private static void unpacksOnceForAllJvms(Path base) throws Exception {
    Set<String> first = run(base);
    Path own = ownFolder(base);
    expect(
        "rwx------",
        PosixFilePermissions.toString(
            Files.getPosixFilePermissions(own, LinkOption.NOFOLLOW_LINKS)));
    Path library = onlyLibrary(own);
    var time = Files.getLastModifiedTime(library);
    expect(Set.of(library.toString()), first);
    expect(first, run(base));
    expect(time, Files.getLastModifiedTime(library));
  }

  private static void tellsWorkersWhereTheyAre() throws Exception {
    try (ProcessPool pool = new ProcessPool(1)) {
      TreeSet<String> theirs =
          pool.submit(() -> loadedFiles()).get(LIMIT, TimeUnit.SECONDS);
      expect(loadedFiles(), theirs);
    }
  }

  private static void mendsWhatIsDamaged(Path base) throws Exception {
    run(base);
    Path library = onlyLibrary(ownFolder(base));
    byte[] bytes = Files.readAllBytes(library);
    long size = bytes.length;
    bytes[bytes.length / 2] ^= 1; // of the same size
    Files.delete(library);
    Files.write(library, bytes);
    expect(Set.of(library.toString()), run(base));
    bytes[bytes.length / 2] ^= 1;
    expect(true, java.util.Arrays.equals(bytes, Files.readAllBytes(library)));

    Files.write(library, new byte[10]);
    run(base);
    expect(size, Files.size(library));
    expect(1, list(ownFolder(base)).size()); // nothing half done is left
  }

  private static void letsSeveralJvmsStartAtOnce(Path base) throws Exception {
    List<Process> processes = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      processes.add(start(base, base.resolveSibling("output" + i)));
    }
    for (Process process : processes) {
      expect(true, process.waitFor(LIMIT, TimeUnit.SECONDS));
      expect(0, process.exitValue());
    }
    expect(1, list(ownFolder(base)).size());
  }

  /** Made by somebody who may put what he likes there. */
  private static void trustsNoFolderOfOthers(Path base) throws Exception {
    run(base);
    Path own = ownFolder(base);
    Files.setPosixFilePermissions(own, PosixFilePermissions.fromString("rwxrwxrwx"));
    for (String file : run(base)) {
      expect(false, file.startsWith(own.toString()));
    }
    expect(1, list(base).size()); // what was unpacked elsewhere is gone
  }

  private static void trustsNoLink(Path base) throws Exception {
    run(base);
    Path own = ownFolder(base);
    Path elsewhere = base.resolve("elsewhere");
    Files.move(own, elsewhere);
    Files.createSymbolicLink(own, elsewhere);
    for (String file : run(base)) {
      expect(false, file.startsWith(own.toString()));
      expect(false, file.startsWith(elsewhere.toString()));
    }
  }

  private static void saysThatNothingCanBeExecutedThere(Path base) throws Exception {
    Files.createDirectories(base);
    if (new ProcessBuilder("mount", "-t", "tmpfs", "-o", "noexec", "none", base.toString())
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start()
            .waitFor()
        != 0) {
      System.out.println("SKIPPED: no right to mount a file system");
      return;
    }
    try {
      Path output = base.resolveSibling("noexec.txt");
      Process process = start(base, output);
      expect(true, process.waitFor(LIMIT, TimeUnit.SECONDS));
      expect(1, process.exitValue());
      String text = Files.readString(output);
      expect(true, text.contains(base + " is mounted noexec"));
      expect(true, text.contains("-Dasyncpal.native.dir=<folder>"));
    } finally {
      new ProcessBuilder("umount", base.toString()).inheritIO().start().waitFor();
    }
  }

  // ------------------------------------------------------------------ Helpers

  /** What a JVM that unpacks to {@code base} has loaded. */
  private static Set<String> run(Path base) throws Exception {
    Path output = base.resolveSibling(base.getFileName() + ".txt");
    Process process = start(base, output);
    expect(true, process.waitFor(LIMIT, TimeUnit.SECONDS));
    String text = Files.readString(output);
    if (process.exitValue() != 0) {
      throw new AssertionError(text);
    }
    return text.lines()
        .filter(line -> line.startsWith("loaded "))
        .map(line -> line.substring("loaded ".length()).replace(" (deleted)", ""))
        .collect(Collectors.toSet());
  }

  private static Process start(Path base, Path output) throws Exception {
    List<String> command =
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Dasyncpal.native.dir=" + base,
            "-cp",
            jarOf(ProcessPool.class) + File.pathSeparator + jarOf(NativeUser.class),
            NativeUser.class.getName(),
            "run");
    return new ProcessBuilder(command)
        .redirectErrorStream(true)
        .redirectOutput(output.toFile())
        .start();
  }

  /** The files behind this process's memory that have the library's name. */
  private static TreeSet<String> loadedFiles() throws IOException {
    try (Stream<String> maps = Files.lines(Path.of("/proc/self/maps"))) {
      return maps.filter(line -> line.contains("/" + LIBRARY))
          .map(line -> line.substring(line.indexOf('/')))
          .collect(Collectors.toCollection(TreeSet::new));
    }
  }

  private static Path ownFolder(Path base) throws IOException {
    return list(base).stream()
        .filter(file -> file.getFileName().toString().startsWith("asyncpal-"))
        .findFirst()
        .orElseThrow();
  }

  private static Path onlyLibrary(Path own) throws IOException {
    List<Path> copies = list(own);
    expect(1, copies.size());
    return copies.get(0).resolve(LIBRARY);
  }

  private static List<Path> list(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.toList();
    }
  }

  private static String jarOf(Class<?> type) throws Exception {
    return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI()).toString();
  }

  private static void delete(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      files.sorted(Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
    }
  }

  private static void expect(Object expected, Object actual) {
    if (!expected.equals(actual)) {
      throw new AssertionError("expected " + expected + ", but was " + actual);
    }
  }
}

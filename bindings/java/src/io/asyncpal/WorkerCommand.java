package io.asyncpal;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * What starts a worker: a JVM like this one, unless the pool's maker wants another.
 *
 * @param words the program and its arguments
 * @param asksParent whether it gets classes from this process
 * @param argumentFile goes when the pool does; null: the command needs none
 */
record WorkerCommand(List<String> words, boolean asksParent, Path argumentFile) {
  /** The property that tells a worker to ask for classes. */
  static final String ASKS_PARENT_PROPERTY = "asyncpal.worker.asksParent";

  // The kernel takes 128 KiB in one word, and some MiB in all, of which the environment is a part.
  private static final int MAX_BYTES = 96 * 1024;

  /**
   * For a pool that this thread makes.
   *
   * @throws IllegalArgumentException if something that it needs is not there
   */
  static WorkerCommand make(WorkerOptions<?> options) {
    List<String> own = options.jvmOptions;
    List<String> all = JvmOptions.ofThisJvm();
    List<String> inherited = options.inherit ? JvmOptions.inheritedFrom(all, own) : List.of();
    LibraryCode code = LibraryCode.find(options.classPath);

    List<String> arguments = new ArrayList<>();
    // One thread runs tasks; a file for jvmstat costs time at each start.
    arguments.add("-XX:-UsePerfData");
    if (!JvmOptions.namesCollector(inherited)
        && !JvmOptions.namesCollector(own)
        && !JvmOptions.namesCollector(options.launcher)) {
      arguments.add("-XX:+UseSerialGC");
    }
    arguments.add("--enable-native-access=" + code.moduleName());
    // Where this JVM has found or unpacked the native library, a worker can, too.
    for (String name :
        List.of("java.library.path", "java.io.tmpdir", NativeLibrary.FOLDER_PROPERTY)) {
      String value = System.getProperty(name);
      if (value != null) {
        arguments.add("-D" + name + "=" + value);
      }
    }
    Path library = NativeLibrary.file();
    if (library != null) {
      arguments.add("-D" + NativeLibrary.FILE_PROPERTY + "=" + library);
    }
    if (code.asksParent()) {
      arguments.add("-D" + ASKS_PARENT_PROPERTY + "=true");
    }
    arguments.addAll(inherited);
    if (code.usesModulePath()) {
      arguments.addAll(JvmOptions.modulesOf(all));
    }
    arguments.addAll(code.arguments());
    arguments.addAll(own); // the last word is the user's

    List<String> words = new ArrayList<>(options.launcher);
    if (words.isEmpty()) {
      words.add(checkProgram("launcher", javaOfThisJvm()));
    }
    Path file = null;
    if (bytesOf(arguments) > MAX_BYTES) {
      file = writeArgumentFile(arguments);
      words.add("@" + file);
    } else {
      words.addAll(arguments);
    }
    words.addAll(code.mainClass());
    return new WorkerCommand(List.copyOf(words), code.asksParent(), file);
  }

  private static String javaOfThisJvm() {
    return System.getProperty("java.home") + File.separator + "bin" + File.separator + "java";
  }

  /**
   * A program that is there.
   *
   * @throws IllegalArgumentException if it is not; names it
   */
  static String checkProgram(String option, String program) {
    Objects.requireNonNull(program, option);
    boolean found =
        program.contains(File.separator)
            ? Files.isExecutable(Path.of(program))
            : List.of(System.getenv().getOrDefault("PATH", "").split(File.pathSeparator)).stream()
                .anyMatch(folder -> Files.isExecutable(Path.of(folder, program)));
    if (!found) {
      throw new IllegalArgumentException(
          option
              + ": "
              + program
              + (program.contains(File.separator)
                  ? " is not there, or can't be executed"
                  : " is in no folder of PATH")
              + "; launcher() names a program that starts a JVM");
    }
    return program;
  }

  private static long bytesOf(List<String> words) {
    return words.stream().mapToLong(word -> word.length() + 1L).sum();
  }

  private static Path writeArgumentFile(List<String> arguments) {
    try {
      String folder =
          System.getProperty(
              NativeLibrary.FOLDER_PROPERTY, System.getProperty("java.io.tmpdir"));
      Path file = Files.createTempFile(UserFolder.in(Path.of(folder)), "arguments-", ".txt");
      file.toFile().deleteOnExit();
      List<String> lines = arguments.stream().map(WorkerCommand::quote).toList();
      return Files.write(file, lines, StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException("the workers' command line is long and needs a file", e);
    }
  }

  /** As the java command reads it in such a file. */
  private static String quote(String word) {
    return '"'
        + word.replace("\\", "\\\\")
            .replace("\"", "\\\"")
            .replace("\n", "\\n")
            .replace("\r", "\\r")
            .replace("\t", "\\t")
            .replace("\f", "\\f")
        + '"';
  }

  /** Nobody starts a worker any more. */
  void delete() {
    if (argumentFile != null) {
      try {
        Files.deleteIfExists(argumentFile);
      } catch (IOException e) {
        // It goes with this JVM.
      }
    }
  }
}

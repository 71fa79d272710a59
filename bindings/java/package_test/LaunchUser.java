package user;

import io.asyncpal.BrokenPoolException;
import io.asyncpal.ProcessPool;
import java.io.File;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.ref.WeakReference;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import javax.tools.ToolProvider;

/** Starts JVMs in the ways in which applications start, and looks at the workers that they get. */
public final class LaunchUser {
  private static final long LIMIT = 240; // s

  private LaunchUser() {}

  public static void main(String[] args) throws Exception {
    if (args.length > 0) {
      describeWorker();
      return;
    }
    Path folder = Files.createTempDirectory("launch-");
    try {
      inheritsWhatMakesAJvm(folder);
      leavesOutWhatJvmsCanNotShare(folder);
      inheritsNothingIfToldSo(folder);
      leavesTheCollectorToTheUser(folder);
      takesALongClassPath(folder);
      startsOnTheModulePath(folder);
      refusesPathsThatAreNotThere();
      startsByAnotherLauncher(folder);
      startsWithAnotherClassPath(folder);
      tellsHowAWorkerWasStarted();
      startsFromALoaderOfAHost(folder);
      startsFromAJarInAJar(folder);
      letsGoOfTheLoader();
    } finally {
      delete(folder);
    }
  }

  // ------------------------------------------------------------------ The program

  /** Prints what a worker is. */
  private static void describeWorker() throws Exception {
    ProcessPool.Builder builder = ProcessPool.builder().maxWorkers(1);
    builder.inheritJvmOptions(!Boolean.getBoolean("user.alone"));
    String own = System.getProperty("user.options", "");
    if (!own.isEmpty()) {
      builder.jvmOptions(List.of(own.split(" ")));
    }
    try (ProcessPool pool = builder.build()) {
      pool.submit(() -> new TreeMap<>(properties()))
          .get(LIMIT, TimeUnit.SECONDS)
          .forEach((name, value) -> System.out.println("worker." + name + "=" + value));
    }
  }

  private static Map<String, String> properties() {
    Map<String, String> properties = new LinkedHashMap<>();
    for (String name :
        List.of("my.prop", "my.tool", "my.jdk", "java.class.path", "file.encoding")) {
      properties.put(name, System.getProperty(name));
    }
    properties.put("assertions", "" + LaunchUser.class.desiredAssertionStatus());
    properties.put("heap", "" + (Runtime.getRuntime().maxMemory() >> 20));
    properties.put("tool", "" + System.getenv("JAVA_TOOL_OPTIONS"));
    properties.put("jdk", "" + System.getenv("JDK_JAVA_OPTIONS"));
    properties.put(
        "arguments", "" + ManagementFactory.getRuntimeMXBean().getInputArguments());
    properties.put(
        "collector",
        ManagementFactory.getGarbageCollectorMXBeans().get(0).getName().split(" ")[0]);
    return properties;
  }

  // ------------------------------------------------------------------ Ways to start it

  private static void inheritsWhatMakesAJvm(Path folder) throws Exception {
    Map<String, String> worker =
        run(
            folder,
            Map.of("JAVA_TOOL_OPTIONS", "-Dmy.tool=1", "JDK_JAVA_OPTIONS", "-Dmy.jdk=2"),
            "-Dmy.prop=a b",
            "-ea",
            "-Xmx100m",
            "-Dfile.encoding=ISO-8859-1",
            "--add-opens",
            "java.base/java.util=ALL-UNNAMED",
            "-Xlog:gc*=off:stderr",
            "-cp",
            classPath());
    expect("a b", worker.get("my.prop"));
    expect("1", worker.get("my.tool"));
    expect("2", worker.get("my.jdk"));
    expect("true", worker.get("assertions"));
    expect("ISO-8859-1", worker.get("file.encoding"));
    expect(true, Integer.parseInt(worker.get("heap")) <= 100);
    expectPart("--add-opens=java.base/java.util=ALL-UNNAMED", worker.get("arguments"));
    expectPart("-Xlog:gc*=off:stderr", worker.get("arguments"));
    expectPart("--enable-native-access=ALL-UNNAMED", worker.get("arguments"));
    expect("null", worker.get("tool"));
    expect("null", worker.get("jdk"));
  }

  private static void leavesOutWhatJvmsCanNotShare(Path folder) throws Exception {
    Map<String, String> worker =
        run(
            folder,
            Map.of(
                "JAVA_TOOL_OPTIONS",
                "-agentlib:jdwp=transport=dt_socket,server=y,suspend=n,address=127.0.0.1:0"),
            "-Xms32m",
            "-XX:+AlwaysPreTouch",
            "-Xlog:gc:file=" + folder.resolve("gc.log"),
            "-Xlog:safepoint:" + folder.resolve("own-%p.log"),
            "-XX:HeapDumpPath=" + folder.resolve("heap.hprof"),
            "-XX:SharedArchiveFile=" + folder.resolve("none.jsa"),
            "-Dcom.sun.management.jmxremote.local.only=true",
            "-cp",
            classPath());
    String arguments = worker.get("arguments");
    for (String option :
        List.of("jdwp", "-Xms", "PreTouch", "gc.log", "heap.hprof", "none.jsa", "jmxremote")) {
      expect(false, arguments.contains(option));
    }
    expectPart("own-%p.log", arguments);
  }

  private static void inheritsNothingIfToldSo(Path folder) throws Exception {
    Map<String, String> worker =
        run(
            folder,
            Map.of("JAVA_TOOL_OPTIONS", "-Dmy.tool=1"),
            "-Duser.alone=true",
            "-Dmy.prop=1",
            "-cp",
            classPath());
    expect("null", worker.get("my.prop"));
    expect("null", worker.get("my.tool"));
  }

  private static void leavesTheCollectorToTheUser(Path folder) throws Exception {
    String classPath = classPath();
    expect("Copy", run(folder, Map.of(), "-cp", classPath).get("collector"));
    String g1 = "-XX:+UseG1GC";
    String parallel = "-XX:+UseParallelGC";
    String own = "-Duser.options=" + parallel;
    expect("G1", run(folder, Map.of(), g1, "-cp", classPath).get("collector"));
    expect(
        "G1",
        run(folder, Map.of("JAVA_TOOL_OPTIONS", g1), "-cp", classPath).get("collector"));
    expect(
        "G1", run(folder, Map.of("JDK_JAVA_OPTIONS", g1), "-cp", classPath).get("collector"));
    expect(
        "PS",
        run(folder, Map.of("JAVA_TOOL_OPTIONS", g1), own, "-cp", classPath).get("collector"));
  }

  private static void takesALongClassPath(Path folder) throws Exception {
    StringBuilder longest = new StringBuilder(classPath());
    for (int i = 0; longest.length() < 158_000; i++) {
      longest.append(File.pathSeparator).append(folder.resolve("no \"such\" \\ jar " + i));
    }
    Path file = folder.resolve("arguments.txt");
    Files.writeString(
        file, "-cp \"" + longest.toString().replace("\\", "\\\\").replace("\"", "\\\"") + "\"");
    expect(longest.toString(), run(folder, Map.of(), "@" + file).get("java.class.path"));
  }

  /** {@code java -p ... -m app/app.Main}, in a folder whose contents must not be found. */
  private static void startsOnTheModulePath(Path folder) throws Exception {
    Path sources = Files.createDirectories(folder.resolve("sources/app"));
    Files.writeString(
        sources.resolve("../module-info.java"), "module app { requires io.asyncpal; }");
    Files.writeString(
        sources.resolve("Main.java"),
        "package app; import io.asyncpal.*; public class Main {"
            + " public static void main(String[] a) throws Exception {"
            + " try (ProcessPool pool = new ProcessPool(1)) {"
            + " System.out.println(\"worker.module=\" + pool.submit(() ->"
            + " Main.class.getModule().getName() + \" \" + System.getProperty(\"my.prop\")"
            + " + \" \" + System.getProperty(\"java.class.path\")).get()); } } }");
    String jar = jarOf(ProcessPool.class).toString();
    int code =
        ToolProvider.getSystemJavaCompiler()
            .run(
                null,
                null,
                null,
                "-p",
                jar,
                "-d",
                folder.resolve("app").toString(),
                sources.resolve("../module-info.java").toString(),
                sources.resolve("Main.java").toString());
    expect(0, code);
    Map<String, String> worker =
        runMain(
            folder,
            Map.of(),
            List.of(
                "-Dmy.prop=1",
                "-p",
                jar + File.pathSeparator + folder.resolve("app"),
                "-m",
                "app/app.Main"));
    expect("app 1 ", worker.get("module"));
  }

  private static void refusesPathsThatAreNotThere() {
    ProcessPool.Builder builder = ProcessPool.builder();
    List<Runnable> calls =
        List.of(
            () -> builder.classPath(List.of(Path.of("/not/there"))),
            () -> builder.launcher("/not/there"),
            () -> builder.launcher("not-there"),
            () -> builder.workerCommand(List.of("/not/there")));
    for (Runnable call : calls) {
      try {
        call.run();
      } catch (IllegalArgumentException e) {
        expect(true, e.getMessage().matches("(?s).*\\bnot.there\\b.*"));
        continue;
      }
      throw new AssertionError("it took a path that is not there");
    }
  }

  private static void startsByAnotherLauncher(Path folder) throws Exception {
    Path script = folder.resolve("launcher");
    Files.writeString(script, "#!/bin/sh\nMY_LAUNCHER=$1 exec " + java() + " \"$@\"\n");
    expect(true, script.toFile().setExecutable(true));
    try (ProcessPool pool =
        ProcessPool.builder().maxWorkers(1).launcher(script.toString(), "-Dfirst").build()) {
      expect(
          "-Dfirst",
          pool.submit(() -> System.getenv("MY_LAUNCHER")).get(LIMIT, TimeUnit.SECONDS));
    }
  }

  private static void startsWithAnotherClassPath(Path folder) throws Exception {
    List<Path> entries = List.of(jarOf(LaunchUser.class), folder);
    try (ProcessPool pool =
        ProcessPool.builder().maxWorkers(1).classPath(entries).build()) {
      String path =
          pool.submit(() -> System.getProperty("java.class.path")).get(LIMIT, TimeUnit.SECONDS);
      expect(
          Stream.of(jarOf(LaunchUser.class), folder, jarOf(ProcessPool.class))
              .map(Path::toString)
              .collect(Collectors.joining(File.pathSeparator)),
          path);
    }
  }

  private static void tellsHowAWorkerWasStarted() throws Exception {
    try (ProcessPool pool =
        ProcessPool.builder().maxWorkers(1).jvmOptions(List.of("-XX:NoSuchOption")).build()) {
      pool.submit(() -> 1).get(LIMIT, TimeUnit.SECONDS);
      throw new AssertionError("it took an option that is none");
    } catch (ExecutionException e) {
      expect(BrokenPoolException.class, e.getCause().getClass());
      expectPart(java() + " ", e.getCause().getMessage());
      expectPart(" -XX:NoSuchOption ", e.getCause().getMessage());
    }
  }

  /** The class path has the host alone, and this library comes from its loader, too. */
  private static void startsFromALoaderOfAHost(Path folder) throws Exception {
    Map<String, String> worker =
        runMain(
            folder,
            Map.of(),
            List.of(
                "-cp",
                jarOf(LaunchUser.class).toString(),
                Host.class.getName(),
                "files",
                "user.HostedApp",
                jarOf(ProcessPool.class).toString(),
                jarOf(LaunchUser.class).toString()));
    expect("yes", worker.get("hosted"));
  }

  private static void startsFromAJarInAJar(Path folder) throws Exception {
    Path outer = folder.resolve("outer.jar");
    try (ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(outer))) {
      for (Class<?> type : List.of(ProcessPool.class, LaunchUser.class)) {
        Path jar = jarOf(type);
        out.putNextEntry(new ZipEntry("lib/" + jar.getFileName()));
        Files.copy(jar, out);
      }
    }
    Map<String, String> worker =
        runMain(
            folder,
            Map.of(),
            List.of(
                "-cp",
                jarOf(LaunchUser.class).toString(),
                Host.class.getName(),
                "nested",
                "user.HostedApp",
                outer.toString()));
    expect("yes", worker.get("hosted"));
  }

  private static void letsGoOfTheLoader() throws Exception {
    WeakReference<ClassLoader> loader = useAndClose();
    List<byte[]> pressure = new ArrayList<>();
    try {
      while (loader.get() != null) {
        System.gc();
        pressure.add(new byte[16 << 20]); // the JDK's caches go last
      }
    } catch (OutOfMemoryError e) {
      pressure.clear();
    }
    expect(true, loader.get() == null);
  }

  private static WeakReference<ClassLoader> useAndClose() throws Exception {
    ClassLoader before = Thread.currentThread().getContextClassLoader();
    URL[] urls = {jarOf(LaunchUser.class).toUri().toURL()};
    URLClassLoader loader =
        new URLClassLoader(urls, before) {
          @Override
          protected Class<?> loadClass(String name, boolean resolve)
              throws ClassNotFoundException {
            return name.startsWith("user.Hosted") ? findOwn(name) : super.loadClass(name, resolve);
          }

          private Class<?> findOwn(String name) throws ClassNotFoundException {
            Class<?> loaded = findLoadedClass(name);
            return loaded != null ? loaded : findClass(name);
          }
        };
    Thread.currentThread().setContextClassLoader(loader);
    try {
      loader
          .loadClass("user.HostedApp")
          .getMethod("main", String[].class)
          .invoke(null, (Object) new String[0]);
    } finally {
      Thread.currentThread().setContextClassLoader(before);
      loader.close();
    }
    return new WeakReference<>(loader);
  }

  // ------------------------------------------------------------------ Helpers

  private static Map<String, String> run(
      Path folder, Map<String, String> environment, String... options) throws Exception {
    List<String> arguments = new ArrayList<>(Arrays.asList(options));
    arguments.addAll(List.of(LaunchUser.class.getName(), "describe"));
    return runMain(folder, environment, arguments);
  }

  /** What the program has said of its worker. */
  private static Map<String, String> runMain(
      Path folder, Map<String, String> environment, List<String> arguments) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(java());
    command.add("-Djava.io.tmpdir=" + System.getProperty("java.io.tmpdir"));
    command.addAll(arguments);
    Path output = folder.resolve("output.txt");
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .directory(folder.toFile())
            .redirectErrorStream(true)
            .redirectOutput(output.toFile());
    builder.environment().putAll(environment);
    Process process = builder.start();
    boolean ended = process.waitFor(LIMIT, TimeUnit.SECONDS);
    process.destroyForcibly();
    String text = Files.readString(output);
    if (!ended || process.exitValue() != 0) {
      throw new AssertionError(arguments + " failed:\n" + text);
    }
    Map<String, String> worker = new LinkedHashMap<>();
    for (String line : text.split("\n")) {
      if (line.startsWith("worker.")) {
        worker.put(
            line.substring(7, line.indexOf('=')), line.substring(line.indexOf('=') + 1));
      }
    }
    return worker;
  }

  private static String java() {
    return Path.of(System.getProperty("java.home"), "bin", "java").toString();
  }

  private static Path jarOf(Class<?> type) throws Exception {
    URL location = type.getProtectionDomain().getCodeSource().getLocation();
    return Path.of(location.toURI());
  }

  private static String classPath() throws Exception {
    return jarOf(ProcessPool.class) + File.pathSeparator + jarOf(LaunchUser.class);
  }

  private static void delete(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      files.sorted(java.util.Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
    }
  }

  private static void expectPart(String part, String text) {
    if (!text.contains(part)) {
      throw new AssertionError("expected " + part + " in " + text);
    }
  }

  private static void expect(Object expected, Object actual) {
    if (!expected.equals(actual)) {
      throw new AssertionError("expected " + expected + ", but was " + actual);
    }
  }
}

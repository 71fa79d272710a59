package io.asyncpal;

import io.asyncpal.internal.swig.Library;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.JarURLConnection;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.CodeSource;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * Where a worker finds its code.
 *
 * <p>There are three ways. The application's classes and ours are this JVM's own, on its class path
 * or its module path: then they are the worker's, too. Or they come from a class loader that a host
 * has made, as in a web container or a jar of jars, which nobody can make again elsewhere: then the
 * worker starts with our jar alone and asks this process for the rest. Or the pool's maker names
 * the class path.
 *
 * @param arguments of the JVM, for the class path
 * @param moduleName the module that is to load native code
 * @param mainClass the last words of the command
 * @param usesModulePath whether it needs the module options of this JVM
 * @param asksParent whether it asks this process for classes
 */
record LibraryCode(
    List<String> arguments,
    String moduleName,
    List<String> mainClass,
    boolean usesModulePath,
    boolean asksParent) {

  /** For a pool that this thread makes. */
  static LibraryCode find(List<Path> classPath) {
    if (!classPath.isEmpty()) {
      Set<String> entries = new LinkedHashSet<>();
      classPath.forEach(entry -> entries.add(entry.toAbsolutePath().toString()));
      ownEntries().forEach(entry -> entries.add(entry.toString()));
      return onClassPath(String.join(File.pathSeparator, entries), false, false);
    }
    ClassLoader loader = Thread.currentThread().getContextClassLoader();
    if (!isOfThisJvm(LibraryCode.class.getClassLoader()) || !isOfThisJvm(loader)) {
      List<String> entries = ownEntries().stream().map(Path::toString).toList();
      return onClassPath(String.join(File.pathSeparator, entries), false, true);
    }
    String path = System.getProperty("java.class.path", "");
    Module module = LibraryCode.class.getModule();
    if (!module.isNamed()) {
      // With no path at all, the JVM took the current folder for one.
      return onClassPath(path.isEmpty() ? System.getProperty("user.dir") : path, true, false);
    }
    List<String> arguments = new ArrayList<>();
    String application = System.getProperty("jdk.module.main");
    if (application != null) {
      arguments.add("--add-modules=" + application);
    }
    if (!path.isEmpty()) {
      arguments.addAll(List.of("-cp", path));
    }
    return new LibraryCode(
        arguments,
        module.getName(),
        List.of("-m", module.getName() + "/" + WorkerMain.class.getName()),
        true,
        false);
  }

  private static LibraryCode onClassPath(
      String path, boolean usesModulePath, boolean asksParent) {
    return new LibraryCode(
        List.of("-cp", path),
        "ALL-UNNAMED",
        List.of(WorkerMain.class.getName()),
        usesModulePath,
        asksParent);
  }

  /** Whether it is one of those that each JVM has. */
  private static boolean isOfThisJvm(ClassLoader loader) {
    if (loader == null) {
      return true;
    }
    ClassLoader own = ClassLoader.getSystemClassLoader();
    while (own != null && own != loader) {
      own = own.getParent();
    }
    return own != null;
  }

  /** The jars or folders that hold this library. */
  private static Set<Path> ownEntries() {
    Set<Path> entries = new LinkedHashSet<>();
    for (Class<?> part : List.of(WorkerMain.class, Library.class)) {
      entries.add(entryOf(part));
    }
    return entries;
  }

  private static Path entryOf(Class<?> part) {
    CodeSource source = part.getProtectionDomain().getCodeSource();
    URL location = source == null ? null : source.getLocation();
    try {
      if (location != null
          && location.getProtocol().equals("file")
          && Files.exists(Path.of(location.toURI()))) {
        return Path.of(location.toURI());
      }
      URL resource = part.getResource(part.getSimpleName() + ".class");
      if (resource != null && resource.openConnection() instanceof JarURLConnection connection) {
        return JarCopy.of(connection.getJarFile(), "io/asyncpal/", "META-INF/");
      }
    } catch (URISyntaxException | IllegalArgumentException e) {
      throw new IllegalStateException(howToHelp(location), e);
    } catch (IOException e) {
      throw new UncheckedIOException(howToHelp(location), e);
    }
    throw new IllegalStateException(howToHelp(location));
  }

  private static String howToHelp(URL location) {
    return "the classes of Asyncpal come from "
        + location
        + ", where no worker can find them; ProcessPool.builder().classPath() names where they are";
  }
}

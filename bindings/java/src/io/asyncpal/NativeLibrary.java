package io.asyncpal;

import io.asyncpal.internal.swig.Library;
import io.asyncpal.internal.swig.OptionNaming;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Finds and loads the native library: where the JVM that has started this one has found it, else in
 * {@code java.library.path}, else in the jar, from which it is unpacked together with the libraries
 * that it needs.
 */
final class NativeLibrary {
  /** The property by which a worker learns of the file that its parent has loaded. */
  static final String FILE_PROPERTY = "asyncpal.native.file";

  /** The property that names another place than the temporary folder. */
  static final String FOLDER_PROPERTY = "asyncpal.native.dir";

  private static final String FILE = System.mapLibraryName("asyncpal_jni");

  private static Path loaded; // written before load() returns, for good

  static {
    loadFromAnywhere();
    Library.init(OptionNaming.kLowerCamelNames);
    NativeLog.install();
    GlobalShutdown.install();
  }

  private NativeLibrary() {}

  /** The first call loads the library; each throws an {@link Error} if that has failed. */
  static void load() {}

  /** The file that was loaded, for another process; null: it is gone. */
  static Path file() {
    return loaded;
  }

  private static void loadFromAnywhere() {
    List<String> tried = new ArrayList<>();
    if (!loadFromParent(tried) && !loadFromPath(tried) && !loadFromJar(tried)) {
      throw new UnsatisfiedLinkError(
          "Asyncpal's native library can't be loaded for os "
              + NativeBundle.os()
              + ", arch "
              + NativeBundle.arch()
              + "; tried\n  "
              + String.join("\n  ", tried)
              + "\nPut "
              + FILE
              + " into a folder of -Djava.library.path, or use the jar for this platform.");
    }
  }

  private static boolean loadFromParent(List<String> tried) {
    String file = System.getProperty(FILE_PROPERTY, "");
    return !file.isEmpty() && Files.exists(Path.of(file)) && loadFile(Path.of(file), file, tried);
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
      loaded = file;
      return true;
    } catch (UnsatisfiedLinkError e) {
      tried.add(place + ": " + e.getMessage() + hint(file));
      return false;
    }
  }

  private static String hint(Path file) {
    String mount = Mounts.noexecMountOf(file);
    return mount == null
        ? ""
        : "\n    " + mount + " is mounted noexec, so that nothing in it can be loaded; -D"
            + FOLDER_PROPERTY
            + "=<folder> names a place elsewhere";
  }

  private static boolean loadFromJar(List<String> tried) {
    String place = "the jar's " + NativeBundle.folderInJar();
    String folder = System.getProperty(FOLDER_PROPERTY, System.getProperty("java.io.tmpdir"));
    try {
      NativeBundle bundle = NativeBundle.find();
      if (bundle == null) {
        tried.add(place + ": this jar has no such folder");
        return false;
      }
      return loadShared(bundle, Path.of(folder), place, tried)
          || loadOwn(bundle, Path.of(folder), place, tried);
    } catch (IOException e) {
      tried.add(
          place
              + ": can't be unpacked to "
              + folder
              + " (-D"
              + FOLDER_PROPERTY
              + " names another folder): "
              + e);
      return false;
    }
  }

  /** From the copy that all JVMs of this user share. */
  private static boolean loadShared(
      NativeBundle bundle, Path folder, String place, List<String> tried) {
    try {
      Path file = bundle.unpackedIn(UserFolder.in(folder)).resolve(FILE);
      return loadFile(file, place + FILE + ", unpacked to " + file.getParent(), tried);
    } catch (IOException e) {
      tried.add(place + ": no copy can be shared in " + folder + ": " + e);
      return false;
    }
  }

  /**
   * From a copy that nobody shares: the shared one can't be trusted, or belongs to another class
   * loader of this JVM, which loads each file only once.
   */
  private static boolean loadOwn(
      NativeBundle bundle, Path folder, String place, List<String> tried) throws IOException {
    Path target = Files.createTempDirectory(folder, "asyncpal-");
    try {
      bundle.unpackTo(target);
      return loadFile(target.resolve(FILE), place + FILE + ", unpacked to " + target, tried);
    } finally {
      loaded = null;
      NativeBundle.delete(target); // what is loaded needs its file no more
    }
  }
}

package io.asyncpal;

import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.zip.CRC32;

/**
 * The native libraries in the jar, and their copies on disk.
 *
 * <p>A copy is a folder whose name is the digest of its contents, so that all JVMs which have the
 * same libraries share it, and the one of another version is another. It appears as a whole, by a
 * rename. Only its user can change it; that it is complete is looked up before each use.
 */
final class NativeBundle {
  private record Library(String name, long size, long crc) {}

  private final String folder; // in the jar
  private final String digest;
  private final List<Library> libraries;

  private NativeBundle(String folder, String digest, List<Library> libraries) {
    this.folder = folder;
    this.digest = digest;
    this.libraries = libraries;
  }

  /** Where the jar has it. */
  static String folderInJar() {
    return "/META-INF/native/" + os() + "-" + arch() + "/";
  }

  /** The one for this machine; null: the jar has none. */
  static NativeBundle find() throws IOException {
    String folder = folderInJar();
    try (InputStream in = NativeBundle.class.getResourceAsStream(folder + "checksums.txt")) {
      if (in == null) {
        return null;
      }
      String[] lines = new String(in.readAllBytes(), StandardCharsets.UTF_8).split("\n");
      String digest = lines[0];
      List<Library> libraries = new ArrayList<>();
      for (int i = 1; i < lines.length; i++) {
        String[] words = lines[i].split(" ");
        libraries.add(
            new Library(words[3], Long.parseLong(words[1]), Long.parseLong(words[0], 16)));
      }
      return new NativeBundle(folder, digest, libraries);
    }
  }

  /** A copy in a folder of this user's own, which is made if there is none. */
  Path unpackedIn(Path userFolder) throws IOException {
    Path copy = userFolder.resolve(digest);
    if (isComplete(copy)) {
      return copy;
    }
    Path fresh = Files.createTempDirectory(userFolder, ".new-");
    try {
      unpackTo(fresh);
      // Another JVM may be faster, and what appears is complete. What was damaged before gives
      // way; who has it loaded keeps it.
      if (Files.exists(copy, LinkOption.NOFOLLOW_LINKS) && !isComplete(copy)) {
        Path damaged = Files.createTempDirectory(userFolder, ".old-");
        try {
          Files.move(copy, damaged, StandardCopyOption.ATOMIC_MOVE);
        } finally {
          delete(damaged);
        }
      }
      try {
        Files.move(fresh, copy, StandardCopyOption.ATOMIC_MOVE);
      } catch (FileSystemException e) {
        // There is one by now: it is good, or else the check below says so.
      }
      if (!isComplete(copy)) {
        throw new IOException(copy + " was unpacked, but is not complete; is the disk full?");
      }
      return copy;
    } finally {
      delete(fresh);
    }
  }

  /** Puts all libraries into an empty folder. */
  void unpackTo(Path target) throws IOException {
    for (Library library : libraries) {
      try (InputStream in =
          NativeBundle.class.getResourceAsStream(folder + library.name())) {
        if (in == null) {
          throw new IOException("the jar has no " + folder + library.name());
        }
        Files.copy(in, target.resolve(library.name()));
      }
    }
  }

  private boolean isComplete(Path copy) throws IOException {
    for (Library library : libraries) {
      Path file = copy.resolve(library.name());
      if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)
          || Files.size(file) != library.size()) {
        return false;
      }
      if (crcOf(file) != library.crc()) {
        return false;
      }
    }
    return true;
  }

  private static long crcOf(Path file) throws IOException {
    CRC32 crc = new CRC32();
    // Not by NIO: this is on the way of each start, and channels take many classes.
    try (InputStream in = new FileInputStream(file.toString())) {
      byte[] bytes = new byte[1 << 16];
      for (int n = in.read(bytes); n > 0; n = in.read(bytes)) {
        crc.update(bytes, 0, n);
      }
    }
    return crc.getValue();
  }

  /** Deletes a folder and the files in it, as far as that goes. */
  static void delete(Path folder) throws IOException {
    if (!Files.exists(folder, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    try (var files = Files.list(folder)) {
      for (Path file : files.toList()) {
        Files.deleteIfExists(file);
      }
    }
    Files.deleteIfExists(folder);
  }

  static String os() {
    String name = System.getProperty("os.name").toLowerCase(Locale.ROOT);
    return name.startsWith("linux") ? "linux" : name.replace(' ', '-');
  }

  static String arch() {
    String name = System.getProperty("os.arch").toLowerCase(Locale.ROOT);
    return name.equals("amd64") ? "x86_64" : name;
  }
}

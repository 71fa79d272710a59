package io.asyncpal;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Collections;
import java.util.List;
import java.util.jar.JarFile;
import java.util.zip.CRC32;
import java.util.zip.Deflater;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * A part of a jar that is inside of another one, as a jar of its own. All JVMs of a user share it:
 * its name tells its contents.
 */
final class JarCopy {
  private JarCopy() {}

  /** The entries that begin with one of {@code prefixes}. */
  static Path of(JarFile jar, String... prefixes) throws IOException {
    List<? extends ZipEntry> entries =
        Collections.list(jar.entries()).stream()
            .filter(entry -> List.of(prefixes).stream().anyMatch(entry.getName()::startsWith))
            .filter(entry -> !entry.isDirectory())
            .toList();
    String folder =
        System.getProperty(NativeLibrary.FOLDER_PROPERTY, System.getProperty("java.io.tmpdir"));
    Path own = UserFolder.in(Path.of(folder));
    Path copy = own.resolve("asyncpal-" + nameFor(entries) + ".jar");
    if (Files.exists(copy)) {
      return copy;
    }
    Path fresh = Files.createTempFile(own, ".new-", ".jar");
    try {
      write(jar, entries, fresh);
      Files.move(fresh, copy, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(fresh);
    }
    return copy;
  }

  private static String nameFor(List<? extends ZipEntry> entries) {
    CRC32 crc = new CRC32();
    long size = 0;
    for (ZipEntry entry : entries) {
      String text = entry.getName() + entry.getCrc();
      crc.update(text.getBytes(StandardCharsets.UTF_8));
      size += entry.getSize();
    }
    return Long.toHexString(size) + "-" + Long.toHexString(crc.getValue());
  }

  private static void write(JarFile jar, List<? extends ZipEntry> entries, Path to)
      throws IOException {
    try (OutputStream file = Files.newOutputStream(to);
        ZipOutputStream out = new ZipOutputStream(file)) {
      out.setLevel(Deflater.BEST_SPEED);
      for (ZipEntry entry : entries) {
        out.putNextEntry(new ZipEntry(entry.getName()));
        try (InputStream in = jar.getInputStream(entry)) {
          in.transferTo(out);
        }
        out.closeEntry();
      }
    }
  }
}

package io.asyncpal;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** What the kernel says of file systems. */
final class Mounts {
  private Mounts() {}

  /** Where the file system of a file is mounted, if nothing on it can be executed; else null. */
  static String noexecMountOf(Path file) {
    try {
      Path path = file.toRealPath();
      String found = null;
      boolean isNoexec = false;
      for (String line : Files.readAllLines(Path.of("/proc/self/mountinfo"))) {
        // 36 35 98:0 /root /mount/point rw,noexec - ext4 /dev/root rw
        String[] fields = line.split(" ");
        String point = fields[4].replace("\\040", " ");
        // The last one of two at one place covers the other.
        if (path.startsWith(point) && (found == null || point.length() >= found.length())) {
          found = point;
          isNoexec = List.of(fields[5].split(",")).contains("noexec");
        }
      }
      return isNoexec ? found : null;
    } catch (IOException | RuntimeException e) {
      return null; // it is only for a message
    }
  }
}

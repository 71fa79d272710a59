package io.asyncpal;

import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;

/** A folder that is this user's alone, for files that all JVMs of the user share. */
final class UserFolder {
  private static final Set<PosixFilePermission> OWNER_ONLY =
      PosixFilePermissions.fromString("rwx------");

  private UserFolder() {}

  /**
   * The one in {@code parent}, which is made if it is not there, with its parents.
   *
   * @throws IOException if it can't be made, or something else has its name
   */
  static Path in(Path parent) throws IOException {
    String user = userId();
    Path folder = parent.toAbsolutePath().resolve("asyncpal-" + user);
    if (!Files.exists(parent)) {
      Files.createDirectories(parent);
    }
    try {
      Files.createDirectory(folder, PosixFilePermissions.asFileAttribute(OWNER_ONLY));
    } catch (FileAlreadyExistsException e) {
      // By now or from before; whoever made it.
    }
    check(folder, user);
    return folder;
  }

  private static void check(Path folder, String user) throws IOException {
    PosixFileAttributes found =
        Files.readAttributes(folder, PosixFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
    if (!found.isDirectory()) {
      throw new IOException(folder + " is a link or a file; a folder is needed there");
    }
    Object owner = Files.getAttribute(folder, "unix:uid", LinkOption.NOFOLLOW_LINKS);
    if (!user.equals(owner.toString())) {
      throw new IOException(
          folder + " belongs to user " + owner + ", and this process to user " + user);
    }
    if (!found.permissions().equals(OWNER_ONLY)) {
      throw new IOException(
          folder
              + " has permissions "
              + PosixFilePermissions.toString(found.permissions())
              + "; nobody but its owner may have any (chmod 700)");
    }
  }

  /** The number of the user that this process acts for. */
  private static String userId() throws IOException {
    String status;
    // Not by NIO: this is on the way of each start, and channels take many classes.
    try (InputStream in = new FileInputStream("/proc/self/status")) {
      status = new String(in.readAllBytes(), StandardCharsets.ISO_8859_1);
    }
    int line = status.indexOf("\nUid:\t"); // Uid: real, effective, ...
    int begin = status.indexOf('\t', line + 6) + 1;
    int end = status.indexOf('\t', begin);
    if (line < 0 || begin == 0 || end < 0) {
      throw new IOException("/proc/self/status doesn't tell this process's user");
    }
    return status.substring(begin, end);
  }
}

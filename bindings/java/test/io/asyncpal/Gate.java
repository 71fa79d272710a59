package io.asyncpal;

import java.io.IOException;
import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Something that tasks of either kind of pool wait for, in this process or another. It is open as
 * soon as its file exists.
 */
final class Gate implements Serializable {
  private static final long serialVersionUID = 1;
  private static final long DEADLINE_NANOS = 30_000_000_000L;

  private final String file;

  private Gate(String file) {
    this.file = file;
  }

  static Gate closed() {
    try {
      return new Gate(Files.createTempDirectory("gate-").resolve("open").toString());
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  void open() {
    try {
      Files.createFile(Path.of(file));
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  boolean isOpen() {
    return Files.exists(Path.of(file));
  }

  /** Waits, 30 s at most; throws an InterruptedException as any wait. */
  boolean pass() throws InterruptedException {
    long start = System.nanoTime();
    while (!isOpen()) {
      if (System.nanoTime() - start > DEADLINE_NANOS) {
        return false;
      }
      Thread.sleep(2);
    }
    return true;
  }
}

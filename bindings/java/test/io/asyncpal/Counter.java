package io.asyncpal;

import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Counts, also in other processes. */
final class Counter implements Serializable {
  private static final long serialVersionUID = 1;

  private final String file;

  Counter() {
    try {
      file = Files.createTempFile("counter-", ".txt").toString();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  void add() {
    try {
      Files.write(Path.of(file), new byte[1], StandardOpenOption.APPEND);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  long get() {
    try {
      return Files.size(Path.of(file));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

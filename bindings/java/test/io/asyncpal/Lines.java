package io.asyncpal;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/** Counts the lines of the logger that have this in them, or in what was thrown. */
final class Lines extends Handler implements AutoCloseable {
  private final Logger logger = Logger.getLogger("io.asyncpal");
  final AtomicInteger count = new AtomicInteger();
  private final String part;

  Lines(String part) {
    this.part = part;
    logger.setUseParentHandlers(false);
    logger.addHandler(this);
  }

  @Override
  public void publish(LogRecord line) {
    Throwable thrown = line.getThrown();
    if (line.getMessage().contains(part)
        || (thrown != null && thrown.getMessage().contains(part))) {
      count.incrementAndGet();
    }
  }

  @Override
  public void flush() {}

  @Override
  public void close() {
    logger.removeHandler(this);
    logger.setUseParentHandlers(true);
  }
}

package io.asyncpal;

import io.asyncpal.internal.swig.Library;
import io.asyncpal.internal.swig.LogHost;
import java.lang.System.Logger.Level;

/**
 * Gives what the native library has to say to the {@link System.Logger} "io.asyncpal".
 *
 * <p>Once the JVM has begun to end it goes to standard error: a shutdown hook of {@code
 * java.util.logging} takes its handlers away at that time.
 *
 * <p><b>Threads:</b> any. <b>Lifetime:</b> native code has it until the JVM ends.
 */
final class NativeLog extends LogHost {
  private static final Level[] LEVELS = {Level.INFO, Level.WARNING, Level.ERROR};

  private NativeLog() {}

  static void install() {
    NativeLog log = new NativeLog();
    log.swigReleaseOwnership();
    Library.setLogHost(log);
  }

  @Override
  public void write(int severity, String message) {
    try {
      if (GlobalShutdown.isJvmEnding()) {
        System.err.println("asyncpal: " + message);
      } else {
        System.getLogger("io.asyncpal").log(LEVELS[severity], message);
      }
    } catch (Throwable e) {
      // Native code can't do anything about it.
    }
  }
}

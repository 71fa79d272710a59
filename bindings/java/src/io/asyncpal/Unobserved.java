package io.asyncpal;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/** Failures that no future of the user's can tell of. */
final class Unobserved {
  private Unobserved() {}

  /**
   * For a future that nobody has: a failure is to go to the handler of the thread that completes
   * it. That it was cancelled is none.
   */
  static void reportFailureOf(CompletableFuture<?> posted) {
    posted.whenComplete(
        (result, thrown) -> {
          if (thrown != null && !posted.isCancelled()) {
            boolean wrapped = thrown instanceof CompletionException && thrown.getCause() != null;
            report(Thread.currentThread(), wrapped ? thrown.getCause() : thrown);
          }
        });
  }

  /** Calls the uncaught exception handler as the JVM does. */
  static void report(Thread thread, Throwable thrown) {
    try {
      thread.getUncaughtExceptionHandler().uncaughtException(thread, thrown);
    } catch (Throwable inHandler) {
      // The JVM ignores what a handler throws, and nobody would know of the failure.
      tell(thread, thrown);
    }
  }

  private static void tell(Thread thread, Throwable thrown) {
    try {
      System.err.println(
          "Exception in thread \"" + thread.getName() + "\" " + SentThrowable.describe(thrown));
    } catch (Throwable ignored) {
      // There is no memory for it.
    }
  }
}

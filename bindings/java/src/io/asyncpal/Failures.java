package io.asyncpal;

import io.asyncpal.internal.swig.Failure;
import io.asyncpal.internal.swig.FailureKind;
import io.asyncpal.internal.swig.FailureLink;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeoutException;

/** Exceptions on their way over the border to C++ and back. */
final class Failures {
  private static final byte[] NO_STATE = {};

  private Failures() {}

  /** Adds an exception and its causes to a failure. */
  static void describe(Throwable thrown, Failure failure) {
    Set<Throwable> seen = Collections.newSetFromMap(new IdentityHashMap<>());
    for (Throwable e = thrown; e != null && seen.add(e); e = e.getCause()) {
      failure.add(
          FailureKind.kRemoteFailure, e.getClass().getName(), messageOf(e), stackOf(e), NO_STATE);
    }
  }

  private static String messageOf(Throwable e) {
    String message = e.getMessage();
    return message == null ? "" : message;
  }

  private static String stackOf(Throwable e) {
    StringBuilder stack = new StringBuilder();
    for (StackTraceElement frame : e.getStackTrace()) {
      stack.append("    at ").append(frame).append('\n');
    }
    return stack.toString();
  }

  /**
   * The Java exception for a failure that C++ has thrown, which is of no use after this.
   *
   * @param original the exception of this JVM that it began with, or null
   */
  static Throwable take(Failure failure, Throwable original) {
    try {
      return toThrowable(failure, original);
    } finally {
      failure.delete();
    }
  }

  /** The same, leaving the failure to its owner. */
  static Throwable toThrowable(Failure failure, Throwable original) {
    Throwable cause = null;
    for (int i = failure.size() - 1; i >= 0; i--) {
      FailureLink link = failure.link(i);
      if (original != null && link.getKind() == FailureKind.kRemoteFailure) {
        cause = original; // with all causes of its own
      } else {
        cause = toThrowable(link, cause);
      }
    }
    return cause;
  }

  private static Throwable toThrowable(FailureLink link, Throwable cause) {
    String message = link.getMessage();
    return switch (link.getKind()) {
      case FailureKind.kInvalidArgument -> new IllegalArgumentException(message, cause);
      case FailureKind.kInvalidState -> new IllegalStateException(message, cause);
      case FailureKind.kTimeout -> withCause(new TimeoutException(message), cause);
      case FailureKind.kCancelled -> withCause(new CancellationException(message), cause);
      case FailureKind.kClosedPool, FailureKind.kRejected ->
          new RejectedExecutionException(message, cause);
      case FailureKind.kBrokenPool -> new BrokenPoolException(message, cause);
      case FailureKind.kInitializerFailed -> new InitializerException(message, cause);
      case FailureKind.kFinalizerFailed -> new FinalizerException(message, cause);
      default -> new RemoteException(link.getType(), message, link.getTraceback(), cause);
    };
  }

  private static Throwable withCause(Throwable e, Throwable cause) {
    return e.initCause(cause);
  }
}

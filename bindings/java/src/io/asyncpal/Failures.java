package io.asyncpal;

import io.asyncpal.internal.swig.Failure;
import io.asyncpal.internal.swig.FailureKind;
import io.asyncpal.internal.swig.FailureLink;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeoutException;

/** Exceptions on their way over the border to C++ and back. */
final class Failures {
  private static final byte[] NO_STATE = {};
  // What C++ takes along without cutting it short.
  private static final int MAX_STATE_BYTES = 24 * 1024;
  private static final int MAX_STACK_CHARS = 8 * 1024;
  private static final int MAX_FRAMES = 40; // of a stack that made the state too large

  private Failures() {}

  /** Adds an exception and its causes to a failure. */
  static void describe(Throwable thrown, Failure failure) {
    for (Throwable e : chainOf(thrown)) {
      failure.add(
          FailureKind.kRemoteFailure, e.getClass().getName(), messageOf(e), stackOf(e), NO_STATE);
    }
  }

  /** The same, with what another JVM needs to make the exception itself again. */
  static void describeRemotely(Throwable thrown, Failure failure) {
    byte[] state = stateOf(thrown);
    boolean first = true;
    for (Throwable e : chainOf(thrown)) {
      failure.add(
          FailureKind.kRemoteFailure,
          e.getClass().getName(),
          messageOf(e),
          stackOf(e),
          first ? state : NO_STATE);
      first = false;
    }
  }

  /** Empty if it can't be sent. */
  private static byte[] stateOf(Throwable thrown) {
    try {
      byte[] state = Serialization.write(thrown, "the exception");
      if (state.length <= MAX_STATE_BYTES) {
        return state;
      }
      for (Throwable e : chainOf(thrown)) {
        StackTraceElement[] stack = e.getStackTrace();
        e.setStackTrace(Arrays.copyOf(stack, Math.min(stack.length, MAX_FRAMES)));
      }
      state = Serialization.write(thrown, "the exception");
      return state.length <= MAX_STATE_BYTES ? state : NO_STATE;
    } catch (SerializationException e) {
      return NO_STATE;
    }
  }

  /** It and its causes, outermost first. */
  private static List<Throwable> chainOf(Throwable thrown) {
    List<Throwable> chain = new ArrayList<>();
    Set<Throwable> seen = Collections.newSetFromMap(new IdentityHashMap<>());
    for (Throwable e = thrown; e != null && seen.add(e); e = e.getCause()) {
      chain.add(e);
    }
    return chain;
  }

  private static String messageOf(Throwable e) {
    String message = e.getMessage();
    return message == null ? "" : message;
  }

  private static String stackOf(Throwable e) {
    StringBuilder stack = new StringBuilder();
    for (StackTraceElement frame : e.getStackTrace()) {
      if (stack.length() > MAX_STACK_CHARS) {
        return stack.append("    ...\n").toString();
      }
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
      Throwable sent = read(link.getState());
      if (sent != null) {
        cause = sent; // with all causes of its own
      } else if (original != null && link.getKind() == FailureKind.kRemoteFailure) {
        cause = original; // with all causes of its own
      } else {
        cause = toThrowable(link, cause);
      }
    }
    return cause;
  }

  private static Throwable read(byte[] state) {
    if (state.length == 0) {
      return null;
    }
    try {
      return (Throwable) Serialization.read(state, "the exception");
    } catch (SerializationException e) {
      return null; // its class is not here, or will not have it: then it is a RemoteException
    }
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
      case FailureKind.kSerializationFailed -> new SerializationException(message, cause);
      case FailureKind.kWorkerLost ->
          new WorkerLostException(
              message,
              link.getPid(),
              link.getSignal(),
              link.getExitCode(),
              link.getPhase(),
              cause);
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

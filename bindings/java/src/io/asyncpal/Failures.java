package io.asyncpal;

import io.asyncpal.internal.swig.Failure;
import io.asyncpal.internal.swig.FailureKind;
import io.asyncpal.internal.swig.FailureLink;
import java.util.concurrent.CancellationException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * Exceptions on their way over the border to C++ and back. Nothing here throws, whatever they are:
 * {@link SentThrowable} sees to that.
 */
final class Failures {
  private static final byte[] NO_STATE = {};

  private Failures() {}

  /** Adds an exception and its causes to a failure. */
  static void describe(Throwable thrown, Failure failure) {
    add(SentThrowable.of(thrown), failure);
  }

  /**
   * The same, with what another JVM needs to make the exception itself again, if that has no more
   * than that many bytes.
   */
  static void describeRemotely(Throwable thrown, int maxBytes, Failure failure) {
    add(SentThrowable.toSend(thrown, maxBytes), failure);
  }

  private static void add(SentThrowable thrown, Failure failure) {
    byte[] state = thrown.state();
    try {
      for (SentThrowable.Link link : thrown.links()) {
        failure.add(
            FailureKind.kRemoteFailure, link.type(), link.message(), link.stack(), state);
        state = NO_STATE;
      }
    } catch (Throwable e) {
      // No memory for all of it: what there is by now will do.
      if (failure.empty()) {
        failure.add(
            FailureKind.kRemoteFailure, thrown.links().get(0).type(), "", "", NO_STATE);
      }
    }
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
    return toThrowable(failure, original, state -> SentThrowable.read(state, null));
  }

  /** The same, with the states of workers' exceptions read by {@code reader}; null: it can't. */
  static Throwable toThrowable(
      Failure failure, Throwable original, Function<byte[], Throwable> reader) {
    try {
      Throwable cause = null;
      for (int i = failure.size() - 1; i >= 0; i--) {
        FailureLink link = failure.link(i);
        Throwable sent = readState(link, reader);
        if (sent != null) {
          cause = sent; // with all causes of its own
        } else if (original != null && link.getKind() == FailureKind.kRemoteFailure) {
          cause = original; // with all causes of its own
        } else {
          cause = toThrowable(link, cause);
        }
      }
      return cause;
    } catch (Throwable e) {
      return e; // there is no memory for it
    }
  }

  private static Throwable readState(FailureLink link, Function<byte[], Throwable> reader) {
    try {
      return reader.apply(link.getState());
    } catch (Throwable e) {
      return null; // it is larger than the memory of this JVM
    }
  }

  private static Throwable toThrowable(FailureLink link, Throwable cause) {
    String message = textOf(link::getMessage);
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
      default -> new RemoteException(link.getType(), message, textOf(link::getTraceback), cause);
    };
  }

  private static String textOf(Supplier<String> text) {
    try {
      return text.get();
    } catch (OutOfMemoryError e) {
      return "(a text that doesn't fit into the memory of this JVM)";
    }
  }

  private static Throwable withCause(Throwable e, Throwable cause) {
    return e.initCause(cause);
  }
}

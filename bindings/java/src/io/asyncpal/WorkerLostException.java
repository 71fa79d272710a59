package io.asyncpal;

import java.util.OptionalInt;

/**
 * The worker process that ran the task died. The pool continues, with another worker in its place.
 */
public class WorkerLostException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** Of the worker. */
  private final long pid;

  /** What it died of; 0: no signal, or it is not known. */
  private final int signal;

  /** What it ended with; negative: a signal, or it is not known. */
  private final int exitCode;

  /** What it was doing. */
  private final String phase;

  /**
   * Makes one.
   *
   * @param message tells all that is known
   * @param pid of the worker
   * @param signal what it died of, 0 if that was no signal
   * @param exitCode what it ended with, negative if that is not known or was a signal
   * @param phase what it was doing
   * @param cause may be null
   */
  public WorkerLostException(
      String message, long pid, int signal, int exitCode, String phase, Throwable cause) {
    super(message, cause);
    this.pid = pid;
    this.signal = signal;
    this.exitCode = exitCode;
    this.phase = phase;
  }

  /**
   * Which process it was.
   *
   * @return the process id, which may be in use again
   */
  public long pid() {
    return pid;
  }

  /**
   * The signal that ended it: 9 is SIGKILL.
   *
   * @return empty if it was none, or is not known
   */
  public OptionalInt signal() {
    return signal > 0 ? OptionalInt.of(signal) : OptionalInt.empty();
  }

  /**
   * The code that it exited with.
   *
   * @return empty if a signal ended it, or if that is not known
   */
  public OptionalInt exitCode() {
    return exitCode >= 0 ? OptionalInt.of(exitCode) : OptionalInt.empty();
  }

  /**
   * What it was doing.
   *
   * @return for example {@code "running"}
   */
  public String phase() {
    return phase;
  }
}

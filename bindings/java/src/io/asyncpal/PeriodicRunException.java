package io.asyncpal;

/**
 * The failure of one run of a {@link Periodic}, for an uncaught exception handler. Its cause is
 * what the run failed with.
 */
public final class PeriodicRunException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** That of the task. */
  private final String name;

  /** Which run it was. */
  private final long run;

  PeriodicRunException(String message, Throwable cause, String name, long run) {
    super(message, cause);
    this.name = name;
    this.run = run;
  }

  /**
   * That of its {@link PeriodicOptions#task}.
   *
   * @return may be empty
   */
  public String name() {
    return name;
  }

  /**
   * Which run it was.
   *
   * @return 1, 2, 3, ...
   */
  public long run() {
    return run;
  }
}

package io.asyncpal;

/** A pool's finalizer threw in a worker. What it threw is the cause. */
public class FinalizerException extends BrokenPoolException {
  private static final long serialVersionUID = 1;

  /**
   * Makes one.
   *
   * @param message names the pool
   * @param cause what the finalizer threw
   */
  public FinalizerException(String message, Throwable cause) {
    super(message, cause);
  }
}

package io.asyncpal;

/** A pool's initializer threw in a worker. What it threw is the cause. */
public class InitializerException extends BrokenPoolException {
  private static final long serialVersionUID = 1;

  /**
   * Makes one.
   *
   * @param message names the pool
   * @param cause what the initializer threw
   */
  public InitializerException(String message, Throwable cause) {
    super(message, cause);
  }
}

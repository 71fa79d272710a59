package io.asyncpal;

/**
 * The pool can no longer run tasks. The cause, if there is one, tells what broke it.
 *
 * <p>The futures of pending tasks fail with it; a later submission throws a {@link
 * java.util.concurrent.RejectedExecutionException} with it as the cause.
 */
public class BrokenPoolException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /**
   * Makes one.
   *
   * @param message what happened, to which pool
   * @param cause what broke it, may be null
   */
  public BrokenPoolException(String message, Throwable cause) {
    super(message, cause);
  }
}

package io.asyncpal;

/**
 * A pool can't run tasks any more. Its cause, if there is one, tells what broke it.
 *
 * <p>Futures of tasks that were pending fail with it; whoever submits to the pool later gets a
 * {@link java.util.concurrent.RejectedExecutionException} with it as the cause.
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

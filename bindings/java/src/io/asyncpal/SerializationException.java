package io.asyncpal;

/**
 * A task, its result or its arguments can't be sent to another process, or can't be read there. The
 * message names the class at fault.
 */
public class SerializationException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /**
   * Makes one.
   *
   * @param message what can't be sent or read, and why
   * @param cause may be null
   */
  public SerializationException(String message, Throwable cause) {
    super(message, cause);
  }
}

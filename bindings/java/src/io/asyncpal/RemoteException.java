package io.asyncpal;

/**
 * An exception from C++ or another process for which there is no class here. It has the original's
 * message, and its cause stands for the original's cause.
 */
public class RemoteException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** As {@link #typeName()} returns it. */
  private final String typeName;

  /** As {@link #remoteStack()} returns it. */
  private final String remoteStack;

  /**
   * Makes one.
   *
   * @param typeName the original's type, as it is named there: {@code "std::out_of_range"}
   * @param message the original's message
   * @param remoteStack where it was thrown, one line for each frame; may be empty
   * @param cause may be null
   */
  public RemoteException(String typeName, String message, String remoteStack, Throwable cause) {
    super(message, cause);
    this.typeName = typeName;
    this.remoteStack = remoteStack;
  }

  /**
   * The type of the original, as it is named in its own language.
   *
   * @return for example {@code "std::out_of_range"}
   */
  public String typeName() {
    return typeName;
  }

  /**
   * The stack at the point of the throw.
   *
   * @return one line for each frame, innermost first; empty if it is not known
   */
  public String remoteStack() {
    return remoteStack;
  }

  @Override
  public String toString() {
    String message = getMessage();
    return message.isEmpty() ? typeName : typeName + ": " + message;
  }
}

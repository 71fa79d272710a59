package io.asyncpal.tools.testing;

/** Greets from C++. */
public final class Greeter {
  private Greeter() {}

  static {
    System.loadLibrary("greeter");
  }

  /**
   * Greets someone.
   *
   * @param name who it is
   * @return the greeting
   */
  public static native String greet(String name);
}

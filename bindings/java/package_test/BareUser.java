package user;

import io.asyncpal.Pool;
import io.asyncpal.ThreadPool;

/** A program in a JVM that has neither JMX nor a Flight Recorder. */
public final class BareUser {
  private BareUser() {}

  public static void main(String[] args) throws Exception {
    try (ThreadPool pool = new ThreadPool(1)) {
      check(pool.submit(() -> 42).get() == 42, "the task");
      check(Pool.dumpState().contains("pool 'ThreadPool'"), Pool.dumpState());
    }
    check(ModuleLayer.boot().findModule("jdk.jfr").isEmpty(), "there is a Flight Recorder");
    check(ModuleLayer.boot().findModule("java.management").isEmpty(), "there is JMX");
    System.out.println("bare");
  }

  private static void check(boolean holds, String message) {
    if (!holds) {
      throw new AssertionError(message);
    }
  }
}

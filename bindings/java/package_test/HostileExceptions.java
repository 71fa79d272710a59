package user;

import io.asyncpal.SerializableRunnable;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.util.List;

/** Exceptions that stand in the way of whoever handles them. */
final class HostileExceptions {
  private HostileExceptions() {}

  /** One of each kind. */
  static List<SerializableRunnable> throwers() {
    return List.of(
        () -> raise(new FailsToRead("m")),
        () -> raise(new ExitsByError("m")),
        () -> raise(new BecomesText("m")),
        () -> raise(new BecomesNothing("m")),
        () -> raise(new FailsToWrite("m")),
        () -> raise(new WritesForEver("m")),
        () -> raise(new HasNoMessage("m")),
        () -> raise(new ThrowsItself("m")),
        () -> raise(new HasNoCause("m")),
        () -> raise(new HasEndlessCauses("m")),
        () -> raise(new HasNoStack("m")),
        () -> raise(new HasNoText("m")),
        () -> raise(new Recurses("m")),
        () -> raise(new TakesAllMemory("m")),
        () -> raise(new HoldsWhatCanNotBeSent("m")));
  }

  private static void raise(Hostile thrown) {
    throw thrown;
  }

  /** What they have in common. */
  static class Hostile extends RuntimeException {
    private static final long serialVersionUID = 1;

    Hostile(String message) {
      super(message);
    }
  }

  static final class FailsToRead extends Hostile {
    private static final long serialVersionUID = 1;

    FailsToRead(String message) {
      super(message);
    }

    private void readObject(ObjectInputStream in) {
      throw new AssertionError("readObject");
    }
  }

  static final class ExitsByError extends Hostile {
    private static final long serialVersionUID = 1;

    ExitsByError(String message) {
      super(message);
    }

    private void readObject(ObjectInputStream in) {
      throw new ThreadDeath();
    }
  }

  static final class BecomesText extends Hostile {
    private static final long serialVersionUID = 1;

    BecomesText(String message) {
      super(message);
    }

    private Object writeReplace() {
      return "no exception";
    }
  }

  static final class BecomesNothing extends Hostile {
    private static final long serialVersionUID = 1;

    BecomesNothing(String message) {
      super(message);
    }

    private Object readResolve() {
      return null;
    }
  }

  static final class FailsToWrite extends Hostile {
    private static final long serialVersionUID = 1;

    FailsToWrite(String message) {
      super(message);
    }

    private void writeObject(ObjectOutputStream out) {
      throw new LinkageError("writeObject");
    }
  }

  static final class WritesForEver extends Hostile {
    private static final long serialVersionUID = 1;

    WritesForEver(String message) {
      super(message);
    }

    private void writeObject(ObjectOutputStream out) throws IOException {
      while (true) {
        out.write(new byte[1 << 16]);
      }
    }
  }

  static final class HasNoMessage extends Hostile {
    private static final long serialVersionUID = 1;

    HasNoMessage(String message) {
      super(message);
    }

    @Override
    public String getMessage() {
      throw new IllegalStateException("getMessage");
    }
  }

  static final class ThrowsItself extends Hostile {
    private static final long serialVersionUID = 1;

    ThrowsItself(String message) {
      super(message);
    }

    @Override
    public String getMessage() {
      throw this;
    }
  }

  static final class HasNoCause extends Hostile {
    private static final long serialVersionUID = 1;

    HasNoCause(String message) {
      super(message);
    }

    @Override
    public synchronized Throwable getCause() {
      throw new IllegalStateException("getCause");
    }
  }

  static final class HasEndlessCauses extends Hostile {
    private static final long serialVersionUID = 1;

    HasEndlessCauses(String message) {
      super(message);
    }

    @Override
    public synchronized Throwable getCause() {
      return new HasEndlessCauses("another");
    }
  }

  static final class HasNoStack extends Hostile {
    private static final long serialVersionUID = 1;

    HasNoStack(String message) {
      super(message);
    }

    @Override
    public StackTraceElement[] getStackTrace() {
      return null;
    }
  }

  static final class HasNoText extends Hostile {
    private static final long serialVersionUID = 1;

    HasNoText(String message) {
      super(message);
    }

    @Override
    public String toString() {
      throw new Error("toString");
    }
  }

  static final class Recurses extends Hostile {
    private static final long serialVersionUID = 1;

    Recurses(String message) {
      super(message);
    }

    @Override
    public String getMessage() {
      return getMessage() + ".";
    }
  }

  static final class TakesAllMemory extends Hostile {
    private static final long serialVersionUID = 1;

    TakesAllMemory(String message) {
      super(message);
    }

    @Override
    public String getMessage() {
      return "x".repeat(Integer.MAX_VALUE - 1) + "y".repeat(Integer.MAX_VALUE - 1);
    }
  }

  static final class HoldsWhatCanNotBeSent extends Hostile {
    private static final long serialVersionUID = 1;

    @SuppressWarnings("serial") // that is what it is for
    private final Object held = new Object();

    HoldsWhatCanNotBeSent(String message) {
      super(message);
    }

    @Override
    public String toString() {
      return super.toString() + held.hashCode();
    }
  }
}

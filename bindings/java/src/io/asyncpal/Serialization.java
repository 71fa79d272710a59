package io.asyncpal;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.NotSerializableException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.ObjectStreamClass;

/** Objects as bytes, for the way between a pool and its worker processes. */
final class Serialization {
  private Serialization() {}

  /** {@code what} begins the message: "the task". */
  static byte[] write(Object object, String what) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(256);
    try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
      out.writeObject(object);
    } catch (NotSerializableException e) {
      throw new SerializationException(
          what
              + " can't be sent to another process: "
              + e.getMessage()
              + " is not Serializable"
              + (e.getMessage().contains("$$Lambda")
                  ? " (a lambda is if it is made as a SerializableCallable or the like)"
                  : ""),
          e);
    } catch (IOException | RuntimeException | StackOverflowError e) {
      throw new SerializationException(
          what + ", of " + object.getClass().getName() + ", can't be written: " + e, e);
    }
    return bytes.toByteArray();
  }

  /** Reads what write() has written, with the classes of the thread's context. */
  static Object read(byte[] bytes, String what) {
    try (ObjectInputStream in = new ContextInputStream(bytes)) {
      return in.readObject();
    } catch (ClassNotFoundException e) {
      throw new SerializationException(
          what + " can't be read: there is no class " + e.getMessage() + " in this process", e);
    } catch (IOException | RuntimeException | LinkageError | StackOverflowError e) {
      throw new SerializationException(what + " can't be read: " + e, e);
    }
  }

  private static final class ContextInputStream extends ObjectInputStream {
    ContextInputStream(byte[] bytes) throws IOException {
      super(new ByteArrayInputStream(bytes));
    }

    @Override
    protected Class<?> resolveClass(ObjectStreamClass description)
        throws IOException, ClassNotFoundException {
      ClassLoader loader = Thread.currentThread().getContextClassLoader();
      if (loader != null) {
        try {
          return Class.forName(description.getName(), false, loader);
        } catch (ClassNotFoundException e) {
          // A primitive type, or one that only this library's loader knows.
        }
      }
      return super.resolveClass(description);
    }
  }
}

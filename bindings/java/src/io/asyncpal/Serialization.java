package io.asyncpal;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InvalidClassException;
import java.io.NotSerializableException;
import java.io.ObjectInputFilter;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.ObjectStreamClass;

/** Objects as bytes, for the way between a pool and its worker processes. */
final class Serialization {
  private Serialization() {}

  /** {@code what} begins the message: "the task". */
  static byte[] write(Object object, String what) {
    return write(object, what, Integer.MAX_VALUE);
  }

  /** The same for what has no more than that many bytes. */
  static byte[] write(Object object, String what, int maxBytes) {
    return write(new BoundedBytes(maxBytes), object, what);
  }

  /** The same with a byte in front. */
  static byte[] writeAfter(int first, Object object, String what) {
    ByteArrayOutputStream bytes = new BoundedBytes(Integer.MAX_VALUE);
    bytes.write(first);
    return write(bytes, object, what);
  }

  private static byte[] write(ByteArrayOutputStream bytes, Object object, String what) {
    try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
      out.writeObject(object);
    } catch (NotSerializableException e) {
      throw new SerializationException(
          what
              + " can't be sent to another process: "
              + e.getMessage()
              + " is not Serializable"
              + (String.valueOf(e.getMessage()).contains("$$Lambda")
                  ? " (a lambda is if it is made as a SerializableCallable or the like)"
                  : ""),
          e);
    } catch (Throwable e) { // user code writes, and may throw what it likes
      throw new SerializationException(
          what
              + ", of "
              + (object == null ? "null" : object.getClass().getName())
              + ", can't be written: "
              + SentThrowable.describe(e),
          e);
    }
    return bytes.toByteArray();
  }

  /**
   * Reads what write() has written, with the classes of the thread's context, as far as {@code
   * filter} allows.
   *
   * @param filter beside that of the JVM ({@code jdk.serialFilter}); null: none
   */
  static Object read(byte[] bytes, String what, ObjectInputFilter filter) {
    return read(bytes, 0, what, filter);
  }

  /** The same for what writeAfter() has written. */
  static Object readAfter(byte[] bytes, String what, ObjectInputFilter filter) {
    return read(bytes, 1, what, filter);
  }

  private static Object read(byte[] bytes, int offset, String what, ObjectInputFilter filter) {
    try (ObjectInputStream in = new ContextInputStream(bytes, offset)) {
      if (filter != null) {
        // Setting one would take the place of the JVM's.
        in.setObjectInputFilter(ObjectInputFilter.merge(filter, in.getObjectInputFilter()));
      }
      return in.readObject();
    } catch (ClassNotFoundException e) {
      throw new SerializationException(
          what + " can't be read: there is no class " + e.getMessage() + " in this process", e);
    } catch (InvalidClassException e) {
      String reason = filter instanceof ResultFilter own ? own.reason() : null;
      throw new SerializationException(
          what + " can't be read: " + (reason == null ? e.toString() : reason), e);
    } catch (OutOfMemoryError e) {
      throw new SerializationException(
          what + ", of " + bytes.length + " bytes, doesn't fit into the memory of this JVM", e);
    } catch (Throwable e) { // user code reads, and may throw what it likes
      throw new SerializationException(what + " can't be read: " + SentThrowable.describe(e), e);
    }
  }

  private static final class BoundedBytes extends ByteArrayOutputStream {
    private final int maxBytes;

    BoundedBytes(int maxBytes) {
      super(256);
      this.maxBytes = maxBytes;
    }

    @Override
    public synchronized void write(int b) {
      check(1);
      super.write(b);
    }

    @Override
    public synchronized void write(byte[] bytes, int offset, int length) {
      check(length);
      super.write(bytes, offset, length);
    }

    private void check(int more) {
      if (more > maxBytes - count) {
        throw new IllegalArgumentException("it has more than " + maxBytes + " bytes");
      }
    }
  }

  private static final class ContextInputStream extends ObjectInputStream {
    ContextInputStream(byte[] bytes, int offset) throws IOException {
      super(new ByteArrayInputStream(bytes, offset, bytes.length - offset));
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

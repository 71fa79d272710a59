package io.asyncpal;

import java.util.Arrays;

/**
 * Tasks as bytes, and back: a letter, and the serialized object. A lambda that captures nothing is
 * the same object each time that it is read, so it need not be written and read for each call.
 */
final class SentTask {
  private static final byte OBJECT = 'o';
  private static final byte CONSTANT = 'c';

  private SentTask() {}

  /** What is known of a class. */
  private static final class Form {
    final boolean isConstant;
    volatile byte[] bytes; // of a constant that has been written

    Form(Class<?> type) {
      this.isConstant =
          type.isHidden()
              && type.isSynthetic()
              && type.getSuperclass() == Object.class
              && type.getDeclaredFields().length == 0;
    }
  }

  private static final ClassValue<Form> FORMS =
      new ClassValue<>() {
        @Override
        protected Form computeValue(Class<?> type) {
          return new Form(type);
        }
      };

  /**
   * The bytes, which are not to be changed.
   *
   * @throws SerializationException if it has none; {@code what} begins the message
   */
  static byte[] write(Object task, String what) {
    Form form = FORMS.get(task.getClass());
    if (!form.isConstant) {
      return Serialization.writeAfter(OBJECT, task, what);
    }
    byte[] bytes = form.bytes;
    if (bytes == null) {
      bytes = Serialization.writeAfter(CONSTANT, task, what);
      form.bytes = bytes;
    }
    return bytes;
  }

  /** Reads tasks in a worker. For one thread. */
  static final class Reader {
    private static final int MAX_CONSTANTS = 16;

    private final byte[][] written = new byte[MAX_CONSTANTS][];
    private final Object[] constants = new Object[MAX_CONSTANTS];
    private int next; // where the next one goes, in place of the oldest

    /**
     * What {@link SentTask#write} has written in a process that is trusted.
     *
     * @throws SerializationException if it can't be read here
     */
    Object read(byte[] bytes) {
      if (bytes[0] != CONSTANT) {
        return Serialization.readAfter(bytes, "the task", null);
      }
      for (int i = 0; i < MAX_CONSTANTS; i++) {
        if (Arrays.equals(written[i], bytes)) {
          return constants[i];
        }
      }
      Object constant = Serialization.readAfter(bytes, "the task", null);
      written[next] = bytes;
      constants[next] = constant;
      next = (next + 1) % MAX_CONSTANTS;
      return constant;
    }
  }
}

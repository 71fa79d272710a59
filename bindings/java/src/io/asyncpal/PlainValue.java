package io.asyncpal;

import io.asyncpal.internal.swig.ResultKind;
import java.io.ObjectInputFilter;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * Results that need no serialization: null, numbers, truth values, characters, strings and arrays
 * of bytes. To read one runs no code of anybody's, and takes no longer than its bytes are many.
 *
 * <p>A {@link ResultKind}, a letter for the type, and the value.
 */
final class PlainValue {
  private static final int HEADER = 2;
  private static final int MAX_ARRAY = Integer.MAX_VALUE - 16;

  private static final byte NULL = 'n';
  private static final byte BOOLEAN = 'z';
  private static final byte BYTE = 'b';
  private static final byte CHARACTER = 'c';
  private static final byte SHORT = 's';
  private static final byte INTEGER = 'i';
  private static final byte LONG = 'l';
  private static final byte FLOAT = 'f';
  private static final byte DOUBLE = 'd';
  private static final byte LATIN1 = '1';
  private static final byte UTF16 = '2';
  private static final byte BYTES = 'a';

  private PlainValue() {}

  static boolean isOne(byte[] result) {
    return result.length > 0 && result[0] == ResultKind.kPlainResult;
  }

  /** Its bytes; null: it is none of these values. */
  static byte[] write(Object value) {
    if (value == null) {
      return begin(NULL, 0).array();
    } else if (value instanceof Integer n) {
      return begin(INTEGER, Integer.BYTES).putInt(n).array();
    } else if (value instanceof Long n) {
      return begin(LONG, Long.BYTES).putLong(n).array();
    } else if (value instanceof Boolean truth) {
      return begin(BOOLEAN, 1).put((byte) (truth ? 1 : 0)).array();
    } else if (value instanceof Double x) {
      return begin(DOUBLE, Double.BYTES).putDouble(x).array();
    } else if (value instanceof String text) {
      return write(text);
    } else if (value instanceof byte[] bytes) {
      return bytes.length > MAX_ARRAY ? null : begin(BYTES, bytes.length).put(bytes).array();
    } else if (value instanceof Byte n) {
      return begin(BYTE, 1).put(n).array();
    } else if (value instanceof Short n) {
      return begin(SHORT, Short.BYTES).putShort(n).array();
    } else if (value instanceof Character c) {
      return begin(CHARACTER, Character.BYTES).putChar(c).array();
    } else if (value instanceof Float x) {
      return begin(FLOAT, Float.BYTES).putFloat(x).array();
    }
    return null;
  }

  private static byte[] write(String text) {
    if (isLatin1(text)) {
      byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
      return bytes.length > MAX_ARRAY ? null : begin(LATIN1, bytes.length).put(bytes).array();
    }
    if (text.length() > MAX_ARRAY / Character.BYTES) {
      return null;
    }
    // As it is: half a surrogate pair, too, which an encoding would replace.
    ByteBuffer out = begin(UTF16, text.length() * Character.BYTES);
    out.asCharBuffer().put(text);
    return out.array();
  }

  private static boolean isLatin1(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (text.charAt(i) > 0xff) {
        return false;
      }
    }
    return true;
  }

  private static ByteBuffer begin(byte type, int size) {
    return ByteBuffer.allocate(HEADER + size).put((byte) ResultKind.kPlainResult).put(type);
  }

  /**
   * What {@link #write} has written.
   *
   * @throws SerializationException if it has not
   */
  static Object read(byte[] bytes) {
    try {
      ByteBuffer in = ByteBuffer.wrap(bytes);
      in.get();
      Object value = read(in.get(), in);
      if (!in.hasRemaining()) {
        return value;
      }
    } catch (RuntimeException e) {
      // As below.
    }
    throw new SerializationException("the result can't be read: it is no plain value", null);
  }

  private static Object read(byte type, ByteBuffer in) {
    switch (type) {
      case NULL:
        return null;
      case BOOLEAN:
        return in.get() != 0;
      case BYTE:
        return in.get();
      case CHARACTER:
        return in.getChar();
      case SHORT:
        return in.getShort();
      case INTEGER:
        return in.getInt();
      case LONG:
        return in.getLong();
      case FLOAT:
        return in.getFloat();
      case DOUBLE:
        return in.getDouble();
      case LATIN1:
        return new String(rest(in), StandardCharsets.ISO_8859_1);
      case UTF16:
        char[] text = new char[in.remaining() / Character.BYTES];
        in.asCharBuffer().get(text);
        in.position(in.position() + text.length * Character.BYTES);
        return new String(text);
      case BYTES:
        return rest(in);
      default:
        throw new IllegalArgumentException("type " + type);
    }
  }

  private static byte[] rest(ByteBuffer in) {
    byte[] rest = new byte[in.remaining()];
    in.get(rest);
    return rest;
  }

  /**
   * What a filter is to be told of {@code value}, as a stream of objects would: so it decides on
   * this one, too. Null: of such a value a stream tells nothing.
   */
  static ObjectInputFilter.FilterInfo describe(Object value, int bytes) {
    return value == null || value instanceof String
        ? null
        : new Info(value.getClass(), value instanceof byte[] array ? array.length : -1, bytes);
  }

  private record Info(Class<?> serialClass, long arrayLength, long streamBytes)
      implements ObjectInputFilter.FilterInfo {
    @Override
    public long depth() {
      return 1;
    }

    @Override
    public long references() {
      return 1;
    }
  }
}

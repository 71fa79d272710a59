package io.asyncpal;

import io.asyncpal.internal.swig.Failure;
import io.asyncpal.internal.swig.ValueReader;
import io.asyncpal.internal.swig.ValueWriter;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** Arguments and results of C++ tasks. */
final class CppValues {
  private static final Map<Class<?>, Function<ValueReader, ?>> READERS =
      Map.ofEntries(
          Map.entry(Boolean.class, ValueReader::readBool),
          Map.entry(Byte.class, ValueReader::readInt8),
          Map.entry(Short.class, ValueReader::readInt16),
          Map.entry(Integer.class, ValueReader::readInt32),
          Map.entry(Long.class, ValueReader::readInt64),
          Map.entry(Float.class, ValueReader::readFloat),
          Map.entry(Double.class, ValueReader::readDouble),
          Map.entry(String.class, ValueReader::readString),
          Map.entry(byte[].class, ValueReader::readBytes),
          Map.entry(Duration.class, in -> Duration.ofNanos(in.readDuration())),
          Map.entry(int[].class, CppValues::readInts),
          Map.entry(long[].class, CppValues::readLongs),
          Map.entry(double[].class, CppValues::readDoubles),
          Map.entry(String[].class, CppValues::readStrings));

  private CppValues() {}

  /** What makes a result of the type out of the bytes of a C++ one. */
  static <T> Function<byte[], T> decoder(Class<T> type) {
    if (type != Void.class && !READERS.containsKey(type)) {
      throw new IllegalArgumentException(
          "a C++ task can't return a " + type.getName() + "; see ProcessPool.call()");
    }
    return bytes -> decode(type, bytes);
  }

  private static <T> T decode(Class<T> type, byte[] bytes) {
    ValueReader in = new ValueReader(bytes);
    try {
      T value = type == Void.class ? null : type.cast(READERS.get(type).apply(in));
      in.expectEnd();
      return value;
    } catch (Failure e) {
      throw new SerializationException(
          "the result of the C++ task is no " + type.getSimpleName(), Failures.take(e, null));
    } finally {
      in.delete();
    }
  }

  private static int[] readInts(ValueReader in) {
    int[] values = new int[(int) in.readSize(Integer.BYTES)];
    for (int i = 0; i < values.length; i++) {
      values[i] = in.readInt32();
    }
    return values;
  }

  private static long[] readLongs(ValueReader in) {
    long[] values = new long[(int) in.readSize(Long.BYTES)];
    for (int i = 0; i < values.length; i++) {
      values[i] = in.readInt64();
    }
    return values;
  }

  private static double[] readDoubles(ValueReader in) {
    double[] values = new double[(int) in.readSize(Double.BYTES)];
    for (int i = 0; i < values.length; i++) {
      values[i] = in.readDouble();
    }
    return values;
  }

  private static String[] readStrings(ValueReader in) {
    String[] values = new String[(int) in.readSize(Long.BYTES)];
    for (int i = 0; i < values.length; i++) {
      values[i] = in.readString();
    }
    return values;
  }

  /** The bytes of C++ arguments. */
  static byte[] encode(Object[] arguments) {
    ValueWriter out = new ValueWriter();
    try {
      for (Object argument : arguments) {
        write(argument, out);
      }
      return out.finish();
    } finally {
      out.delete();
    }
  }

  private static void write(Object value, ValueWriter out) {
    if (value instanceof Boolean v) {
      out.writeBool(v);
    } else if (value instanceof Byte v) {
      out.writeInt8(v);
    } else if (value instanceof Short v) {
      out.writeInt16(v);
    } else if (value instanceof Integer v) {
      out.writeInt32(v);
    } else if (value instanceof Long v) {
      out.writeInt64(v);
    } else if (value instanceof Float v) {
      out.writeFloat(v);
    } else if (value instanceof Double v) {
      out.writeDouble(v);
    } else if (value instanceof String v) {
      out.writeString(v);
    } else if (value instanceof byte[] v) {
      out.writeBytes(v);
    } else if (value instanceof Duration v) {
      out.writeDuration(v.toNanos());
    } else if (value instanceof int[] v) {
      out.writeSize(v.length);
      for (int element : v) {
        out.writeInt32(element);
      }
    } else if (value instanceof long[] v) {
      out.writeSize(v.length);
      for (long element : v) {
        out.writeInt64(element);
      }
    } else if (value instanceof double[] v) {
      out.writeSize(v.length);
      for (double element : v) {
        out.writeDouble(element);
      }
    } else if (value instanceof String[] v) {
      writeAll(List.of(v), out);
    } else if (value instanceof List<?> v) {
      writeAll(v, out);
    } else {
      throw new IllegalArgumentException(
          "a C++ task can't take "
              + (value == null ? "null" : "a " + value.getClass().getName())
              + "; see ProcessPool.call()");
    }
  }

  private static void writeAll(Collection<?> values, ValueWriter out) {
    out.writeSize(values.size());
    for (Object value : values) {
      write(value, out);
    }
  }
}

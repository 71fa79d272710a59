package io.asyncpal;

import java.util.Iterator;
import java.util.Map;
import java.util.Objects;
import java.util.function.BiFunction;
import java.util.function.Function;

/** Brings the arguments of the map family into one form: an item is one object. */
final class Maps {
  private Maps() {}

  @SuppressWarnings("unchecked") // it gets items of the type that it takes
  static <R> Function<Object, R> unary(Function<?, ? extends R> f) {
    Objects.requireNonNull(f, "f");
    return (Function<Object, R>) f;
  }

  @SuppressWarnings("unchecked") // the same
  static <R> SerializableFunction<Object, R> unary(SerializableFunction<?, R> f) {
    Objects.requireNonNull(f, "f");
    return (SerializableFunction<Object, R>) f;
  }

  @SuppressWarnings("unchecked") // the same
  static <R> Function<Object, R> binary(BiFunction<?, ?, ? extends R> f) {
    BiFunction<Object, Object, R> g =
        (BiFunction<Object, Object, R>) Objects.requireNonNull(f, "f");
    return item -> g.apply(((Object[]) item)[0], ((Object[]) item)[1]);
  }

  @SuppressWarnings("unchecked") // the same
  static <R> SerializableFunction<Object, R> binary(SerializableBiFunction<?, ?, R> f) {
    SerializableBiFunction<Object, Object, R> g =
        (SerializableBiFunction<Object, Object, R>) Objects.requireNonNull(f, "f");
    return item -> g.apply(((Object[]) item)[0], ((Object[]) item)[1]);
  }

  /** Pairs, up to the end of the shorter one. */
  static Iterator<Object[]> zip(Iterable<?> first, Iterable<?> second) {
    Iterator<?> a = first.iterator();
    Iterator<?> b = second.iterator();
    return new Iterator<>() {
      @Override
      public boolean hasNext() {
        return a.hasNext() && b.hasNext();
      }

      @Override
      public Object[] next() {
        return new Object[] {a.next(), b.next()};
      }
    };
  }

  static Iterator<Object[]> unzip(Iterable<? extends Map.Entry<?, ?>> pairs) {
    Iterator<? extends Map.Entry<?, ?>> entries = pairs.iterator();
    return new Iterator<>() {
      @Override
      public boolean hasNext() {
        return entries.hasNext();
      }

      @Override
      public Object[] next() {
        Map.Entry<?, ?> pair = entries.next();
        return new Object[] {pair.getKey(), pair.getValue()};
      }
    };
  }
}

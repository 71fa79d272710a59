package io.micrometer.core.instrument;

import java.util.function.ToDoubleFunction;

/** As Micrometer's, with what is called here. */
public interface FunctionCounter {
  static <T> Builder<T> builder(String name, T object, ToDoubleFunction<T> value) {
    return new Builder<>(name, object, value);
  }

  /** Makes one. */
  final class Builder<T> {
    private final String name;
    private final T object;
    private final ToDoubleFunction<T> value;
    private String tags = "";

    private Builder(String name, T object, ToDoubleFunction<T> value) {
      this.name = name;
      this.object = object;
      this.value = value;
    }

    public Builder<T> tag(String key, String tag) {
      tags += "{" + key + "=" + tag + "}";
      return this;
    }

    public FunctionCounter register(MeterRegistry registry) {
      registry.add(name + tags, () -> value.applyAsDouble(object));
      return new FunctionCounter() {};
    }
  }
}

package io.micrometer.core.instrument;

import java.util.Map;
import java.util.TreeMap;
import java.util.function.DoubleSupplier;

/**
 * A stand-in for Micrometer's own, which is not at hand here: as much of it as binders need that
 * are written for the real one. What is registered is read by "name{key=value}".
 */
public class MeterRegistry {
  private final Map<String, DoubleSupplier> meters = new TreeMap<>();

  void add(String meter, DoubleSupplier value) {
    if (meters.putIfAbsent(meter, value) != null) {
      throw new IllegalStateException(meter + " was registered before");
    }
  }

  /** The names of all meters. */
  public Iterable<String> names() {
    return meters.keySet();
  }

  /** The value of a meter, now. */
  public double read(String meter) {
    return meters.get(meter).getAsDouble();
  }
}

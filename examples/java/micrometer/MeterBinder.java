package io.micrometer.core.instrument.binder;

import io.micrometer.core.instrument.MeterRegistry;

/** As Micrometer's. */
public interface MeterBinder {
  void bindTo(MeterRegistry registry);
}

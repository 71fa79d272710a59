package io.asyncpal.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.asyncpal.Pool;
import io.asyncpal.PoolStats;
import io.asyncpal.ThreadPool;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.MeterBinder;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.ToDoubleFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The guide's binder for Micrometer, with stand-ins for its classes. */
@Timeout(120)
final class MicrometerTest {
  record PoolMetrics(Pool pool) implements MeterBinder {
    @Override
    public void bindTo(MeterRegistry registry) {
      gauge(registry, "workers.busy", PoolStats::busy);
      gauge(registry, "workers.idle", PoolStats::idle);
      gauge(registry, "tasks.pending", PoolStats::pending);
      count(registry, "tasks.completed", PoolStats::completed);
      count(registry, "tasks.failed", PoolStats::failed);
      count(registry, "workers.lost", PoolStats::workersLost);
    }

    private void gauge(MeterRegistry r, String name, ToDoubleFunction<PoolStats> value) {
      Gauge.builder("asyncpal." + name, pool, p -> value.applyAsDouble(p.stats()))
          .tag("pool", pool.name()).register(r);
    }

    private void count(MeterRegistry r, String name, ToDoubleFunction<PoolStats> value) {
      FunctionCounter.builder("asyncpal." + name, pool, p -> value.applyAsDouble(p.stats()))
          .tag("pool", pool.name()).register(r);
    }
  }

  @Test
  void binderReadsWhatThePoolCounts() throws Exception {
    MeterRegistry registry = new MeterRegistry();
    try (ThreadPool pool = ThreadPool.builder().maxWorkers(1).name("images").build()) {
      new PoolMetrics(pool).bindTo(registry);
      assertEquals(0, registry.read("asyncpal.tasks.completed{pool=images}"));
      assertEquals(1, pool.submit(() -> 1).get(60, TimeUnit.SECONDS));
      assertEquals(1, registry.read("asyncpal.tasks.completed{pool=images}"));
      assertEquals(0, registry.read("asyncpal.tasks.failed{pool=images}"));
      assertEquals(0, registry.read("asyncpal.tasks.pending{pool=images}"));
    }
    List<String> names = new ArrayList<>();
    registry.names().forEach(names::add);
    assertEquals(6, names.size(), names::toString);
  }
}

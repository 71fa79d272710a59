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
import java.util.Map;
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
      Map<String, ToDoubleFunction<PoolStats>> now =
          Map.of("workers.busy", PoolStats::busy, "tasks.pending", PoolStats::pending);
      Map<String, ToDoubleFunction<PoolStats>> ever =
          Map.of("tasks.completed", PoolStats::completed, "tasks.failed", PoolStats::failed);
      now.forEach((name, count) ->
          Gauge.builder("asyncpal." + name, pool, p -> count.applyAsDouble(p.stats()))
              .tag("pool", pool.name()).register(registry));
      ever.forEach((name, count) ->
          FunctionCounter.builder("asyncpal." + name, pool, p -> count.applyAsDouble(p.stats()))
              .tag("pool", pool.name()).register(registry));
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
    assertEquals(4, names.size(), names::toString);
  }
}

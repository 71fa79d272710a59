package io.asyncpal;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;

/** Gives for each call of a map how it ended. For one map, and one thread at a time. */
final class SettledChunks<R> implements MapRun.Outcomes<Attempt<R>, Settled<R>> {
  private record Range(long first, int calls) {}

  private final Map<Object, Range> ranges = new ConcurrentHashMap<>();
  private long submitted;

  @Override
  public void expect(Object chunk, int calls) {
    ranges.put(chunk, new Range(submitted, calls));
    submitted += calls;
  }

  @Override
  public boolean goesOn() {
    return true;
  }

  @Override
  public void expectRest(Object chunk, Object rest, int calls) {
    Range whole = ranges.get(chunk);
    int made = whole.calls() - calls;
    ranges.put(chunk, new Range(whole.first(), made));
    ranges.put(rest, new Range(whole.first() + made, calls));
  }

  @Override
  public Iterator<Settled<R>> of(Object chunk, MapChunk.Results<Attempt<R>> results) {
    Range range = ranges.remove(chunk);
    long index = range.first();
    List<Settled<R>> settled = new ArrayList<>();
    for (Attempt<R> attempt : results.values()) {
      settled.add(new Settled<>(index++, attempt.value(), attempt.thrown()));
    }
    while (settled.size() < range.calls()) {
      // It was lost, and nobody makes these calls.
      settled.add(new Settled<>(index++, null, results.thrown().getCause()));
    }
    return settled.iterator();
  }

  @Override
  public Iterator<Settled<R>> ofFailed(Object chunk, ExecutionException failure) {
    Range range = ranges.remove(chunk);
    List<Settled<R>> settled = new ArrayList<>();
    for (long i = 0; i < range.calls(); i++) {
      settled.add(new Settled<>(range.first() + i, null, failure.getCause()));
    }
    return settled.iterator();
  }

  @Override
  public int countFailed(CompletableFuture<MapChunk.Results<Attempt<R>>> chunk, int calls) {
    return Attempt.countFailed(chunk, calls);
  }
}

package io.asyncpal;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Set;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * A map that is going on: keeps up to this many tasks in the pool, and gives results as they are
 * asked for. One thread at a time.
 */
final class MapRun<R> implements Iterator<R> {
  /** What the two kinds of pools do in their own ways. */
  interface Executor {
    <T> CompletableFuture<T> submit(SerializableCallable<T> task);

    /** Calls {@code wait}, which waits for tasks of the pool. */
    default <T> T block(Callable<T> wait) throws Exception {
      return wait.call();
    }
  }

  private final Executor pool;
  private final String label;
  private final Function<Object, R> f;
  private final Iterator<?> items;
  private final MapOptions options;
  private final long start = System.nanoTime();
  private final long limit; // ns
  private final int window;

  private final ArrayDeque<CompletableFuture<MapChunk.Results<R>>> inOrder = new ArrayDeque<>();
  private final LinkedBlockingQueue<CompletableFuture<MapChunk.Results<R>>> done =
      new LinkedBlockingQueue<>();
  private final Set<CompletableFuture<MapChunk.Results<R>>> submitted =
      Collections.newSetFromMap(new ConcurrentHashMap<>());
  private Iterator<R> current = Collections.emptyIterator();
  private Throwable thrown; // comes after `current`

  private MapRun(
      Executor pool,
      String label,
      MapOptions options,
      int window,
      Function<Object, R> f,
      Iterator<?> items) {
    this.pool = pool;
    this.label = label;
    this.options = options;
    this.limit = Durations.toNanos("timeout", options.timeout());
    this.window = window;
    this.f = f;
    this.items = items;
  }

  /** Starts the map; what is left of it when the stream is closed is cancelled. */
  static <R> Stream<R> start(
      Executor pool,
      String label,
      MapOptions options,
      int window,
      Function<Object, R> f,
      Iterator<?> items) {
    MapRun<R> run = new MapRun<>(pool, label, options, window, f, items);
    try {
      run.fill();
    } catch (Throwable e) {
      run.cancelRest();
      throw e;
    }
    return StreamSupport.stream(
            Spliterators.spliteratorUnknownSize(run, Spliterator.ORDERED), false)
        .onClose(run::cancelRest);
  }

  private void fill() {
    while (submitted.size() < window && items.hasNext()) {
      ArrayList<Object> chunk = new ArrayList<>();
      while (chunk.size() < options.chunkSize() && items.hasNext()) {
        chunk.add(items.next());
      }
      CompletableFuture<MapChunk.Results<R>> future = pool.submit(new MapChunk<>(f, chunk));
      submitted.add(future);
      if (options.keepOrder()) {
        inOrder.add(future);
      } else {
        future.whenComplete((value, e) -> done.add(future));
      }
    }
  }

  @Override
  public boolean hasNext() {
    while (!current.hasNext()) {
      if (thrown != null) {
        RuntimeException e = asUnchecked(thrown);
        cancelRest();
        throw e;
      }
      if (submitted.isEmpty()) {
        return false;
      }
      try {
        MapChunk.Results<R> results = awaitNext();
        current = results.values().iterator();
        thrown = results.thrown();
        if (thrown == null) {
          fill();
        }
      } catch (Throwable e) {
        cancelRest();
        throw asUnchecked(e);
      }
    }
    return true;
  }

  @Override
  public R next() {
    if (!hasNext()) {
      throw new NoSuchElementException();
    }
    return current.next();
  }

  private MapChunk.Results<R> awaitNext() throws Exception {
    CompletableFuture<MapChunk.Results<R>> next;
    if (options.keepOrder()) {
      next = inOrder.remove();
    } else {
      next = done.poll();
      if (next == null) {
        next = pool.block(() -> done.poll(remaining(), TimeUnit.NANOSECONDS));
      }
      if (next == null) {
        throw timedOut();
      }
    }
    try {
      return limit == Long.MAX_VALUE ? next.get() : next.get(remaining(), TimeUnit.NANOSECONDS);
    } catch (TimeoutException e) {
      throw timedOut();
    } finally {
      if (next.isDone()) {
        submitted.remove(next); // else it is still to be cancelled
      }
    }
  }

  private long remaining() {
    return limit == Long.MAX_VALUE ? limit : Math.max(0, limit - (System.nanoTime() - start));
  }

  private TimeoutException timedOut() {
    return new TimeoutException(
        label + " was not done in its timeout, " + options.timeout());
  }

  private void cancelRest() {
    submitted.forEach(future -> future.cancel(false));
    submitted.clear();
    inOrder.clear();
    current = Collections.emptyIterator();
    thrown = null;
  }

  private static RuntimeException asUnchecked(Throwable e) {
    if (e instanceof InterruptedException) {
      Thread.currentThread().interrupt();
      CancellationException cancelled = new CancellationException("interrupted during a map");
      cancelled.initCause(e);
      return cancelled;
    }
    if (e instanceof CancellationException || e instanceof CompletionException) {
      return (RuntimeException) e;
    }
    return SafeFuture.completion(e instanceof ExecutionException ? e.getCause() : e);
  }
}

package io.asyncpal;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.OptionalLong;
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
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * A map that is going on: keeps up to this many tasks in the pool, and gives results as they are
 * asked for. One thread at a time.
 */
final class MapRun<X, R> implements Iterator<R> {
  /** What the two kinds of pools do in their own ways. */
  interface Executor {
    <T> CompletableFuture<T> submit(SerializableCallable<T> task);

    /** Calls {@code wait}, which waits for tasks of the pool. */
    default <T> T block(Callable<T> wait) throws Exception {
      return wait.call();
    }
  }

  /** What a map gives of its chunks, where X is what their calls return. */
  interface Outcomes<X, R> {
    /** A chunk of that many calls was submitted. */
    void expect(Object chunk, int calls);

    /** Whether no call ends the map. Then X is an {@link Attempt}. */
    default boolean goesOn() {
      return false;
    }

    /** The last calls of a chunk that was lost, that many, were submitted as another one. */
    default void expectRest(Object chunk, Object rest, int calls) {}

    /** It is done with these results, or was lost and has not more. */
    Iterator<R> of(Object chunk, MapChunk.Results<X> results);

    /** It has failed. Throws the failure, where that ends the map. */
    Iterator<R> ofFailed(Object chunk, ExecutionException failure) throws ExecutionException;

    /** How many of its calls have failed. */
    int countFailed(CompletableFuture<MapChunk.Results<X>> chunk, int calls);

    static <R> Outcomes<R, R> asTheyAre() {
      return new Outcomes<>() {
        @Override
        public void expect(Object chunk, int calls) {}

        @Override
        public Iterator<R> of(Object chunk, MapChunk.Results<R> results) {
          return results.values().iterator();
        }

        @Override
        public Iterator<R> ofFailed(Object chunk, ExecutionException failure)
            throws ExecutionException {
          throw failure;
        }

        @Override
        public int countFailed(CompletableFuture<MapChunk.Results<R>> chunk, int calls) {
          boolean failed = chunk.isCompletedExceptionally() || chunk.join().thrown() != null;
          return failed ? calls : 0;
        }
      };
    }
  }

  private final Executor pool;
  private final String label;
  private final Function<Object, X> f;
  private final Outcomes<X, R> outcomes;
  private final Iterator<?> items;
  private final MapOptions options;
  private final long start = System.nanoTime();
  private final long limit; // ns
  private final int window;
  private final boolean inParts;
  private final ChunkSizer sizer; // null: the options say it
  private OptionalLong left; // items; empty: nobody knows
  // Calls of the chunks that the sizer has not seen.
  private final Map<CompletableFuture<MapChunk.Results<X>>, Integer> unlearned =
      new HashMap<>();

  private final ArrayDeque<CompletableFuture<MapChunk.Results<X>>> inOrder = new ArrayDeque<>();
  private final LinkedBlockingQueue<CompletableFuture<MapChunk.Results<X>>> done =
      new LinkedBlockingQueue<>();
  private final Set<CompletableFuture<MapChunk.Results<X>>> submitted =
      Collections.newSetFromMap(new ConcurrentHashMap<>());
  // Null: nobody wants to know how far it is.
  private final MapCounter counter;
  // Those that the counter has not seen, with the number of their calls.
  private final Map<CompletableFuture<MapChunk.Results<X>>, Integer> uncounted = new HashMap<>();
  private long calls; // that were submitted
  private Iterator<R> current = Collections.emptyIterator();
  private Throwable thrown; // comes after `current`

  private MapRun(
      MapTarget target,
      String label,
      MapOptions options,
      int window,
      Function<Object, X> f,
      Iterator<?> items,
      OptionalLong count,
      Outcomes<X, R> outcomes) {
    this.pool = target.executor();
    this.outcomes = outcomes;
    this.label = label;
    this.options = options;
    this.limit = Durations.toNanos("timeout", options.timeout());
    this.inParts = target.sends() && outcomes.goesOn();
    boolean isAutomatic = options.chunkSize() == 0;
    this.window =
        isAutomatic ? Math.min(window, ChunkSizer.CHUNKS_AHEAD * target.width()) : window;
    this.sizer = isAutomatic ? new ChunkSizer(target.taskNanos(), target.width()) : null;
    this.left = count;
    this.f = f;
    this.items = items;
    this.counter =
        options.progress() == null ? null : new MapCounter(options.progress(), count);
  }

  /** Starts the map; what is left of it when the stream is closed is cancelled. */
  static <X, R> Stream<R> start(
      MapTarget target,
      String label,
      MapOptions options,
      int window,
      Function<Object, X> f,
      Iterator<?> items,
      OptionalLong count,
      Outcomes<X, R> outcomes) {
    MapRun<X, R> run =
        new MapRun<>(target, label, options, window, f, items, count, outcomes);
    try {
      if (run.counter != null) {
        run.counter.begin();
      }
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
      int size = sizer == null ? options.chunkSize() : sizer.next(left);
      while (chunk.size() < size && items.hasNext()) {
        chunk.add(items.next());
      }
      CompletableFuture<MapChunk.Results<X>> future = submit(chunk);
      outcomes.expect(future, chunk.size());
      if (left.isPresent()) {
        left = OptionalLong.of(Math.max(0, left.getAsLong() - chunk.size()));
      }
      if (options.keepOrder()) {
        inOrder.add(future);
      }
      calls += chunk.size();
    }
    if (counter != null && submitted.size() < window) {
      counter.setTotal(calls); // the items have ended
    }
  }

  private CompletableFuture<MapChunk.Results<X>> submit(ArrayList<Object> chunk) {
    int size = chunk.size();
    CompletableFuture<MapChunk.Results<X>> future =
        pool.submit(new MapChunk<>(f, chunk, sizer != null, inParts && size > 1));
    submitted.add(future);
    if (sizer != null) {
      unlearned.put(future, size);
    }
    if (counter != null) {
      uncounted.put(future, size);
    }
    if (counter != null || !options.keepOrder()) {
      future.whenComplete((value, e) -> done.add(future));
    }
    return future;
  }

  /** A chunk was lost in the middle: what had not begun of it is a chunk again, in its place. */
  private void goOnAfter(CompletableFuture<?> chunk, MapChunk.Lost lost) {
    ArrayList<Object> items = new ArrayList<>(lost.rest());
    if (items.isEmpty()) {
      return;
    }
    try {
      CompletableFuture<MapChunk.Results<X>> rest = submit(items);
      outcomes.expectRest(chunk, rest, items.size());
      if (options.keepOrder()) {
        inOrder.addFirst(rest);
      }
    } catch (RejectedExecutionException | SerializationException e) {
      if (e.getCause() instanceof BrokenPoolException) {
        throw e;
      }
      // The pool is shutting down, and does what it has; or an item has changed meanwhile.
      if (counter != null) {
        counter.count(items.size(), items.size());
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
        if (counter != null) {
          counter.end();
        }
        return false;
      }
      try {
        takeNext();
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

  private void takeNext() throws Exception {
    CompletableFuture<MapChunk.Results<X>> next;
    if (options.keepOrder()) {
      next = inOrder.remove();
      while (uncounted.containsKey(next)) {
        awaitDone();
      }
    } else {
      next = awaitDone();
    }
    try {
      MapChunk.Results<X> results =
          limit == Long.MAX_VALUE ? next.get() : next.get(remaining(), TimeUnit.NANOSECONDS);
      learn(next, results.nanos());
      if (results.thrown() instanceof MapChunk.Lost lost) {
        goOnAfter(next, lost);
        current = outcomes.of(next, results);
      } else {
        current = outcomes.of(next, results);
        thrown = results.thrown();
      }
    } catch (ExecutionException e) {
      current = outcomes.ofFailed(next, e);
    } catch (TimeoutException e) {
      throw timedOut();
    } finally {
      if (next.isDone()) {
        submitted.remove(next); // else it is still to be cancelled
        unlearned.remove(next);
      }
    }
  }

  private void learn(CompletableFuture<?> chunk, long nanos) {
    Integer chunkCalls = unlearned.remove(chunk);
    if (chunkCalls != null && nanos > 0) {
      sizer.learn(chunkCalls, nanos);
    }
  }

  /** The next that is done; one that is to be counted is, with that. */
  private CompletableFuture<MapChunk.Results<X>> awaitDone() throws Exception {
    CompletableFuture<MapChunk.Results<X>> next = done.poll();
    if (next == null) {
      next = pool.block(() -> done.poll(remaining(), TimeUnit.NANOSECONDS));
    }
    if (next == null) {
      throw timedOut();
    }
    Integer chunk = uncounted.remove(next);
    if (chunk != null && !next.isCancelled()) {
      counter.count(outcomes.countFailed(next, chunk), countEnded(next, chunk));
    }
    return next;
  }

  private static int countEnded(CompletableFuture<? extends MapChunk.Results<?>> chunk, int calls) {
    return !chunk.isCompletedExceptionally() && chunk.join().thrown() instanceof MapChunk.Lost
        ? chunk.join().values().size()
        : calls;
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
    uncounted.clear();
    unlearned.clear();
    if (counter != null) {
      counter.end();
    }
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

package io.asyncpal;

import java.util.Collections;
import java.util.Iterator;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.RejectedExecutionException;

/** Leaves out what has failed, as {@link MapOptions.OnError#SKIP} says. Threads: any. */
final class SkippingChunks<R> implements MapRun.Outcomes<Attempt<R>, R> {
  @Override
  public void expect(Object chunk, int calls) {}

  @Override
  public boolean goesOn() {
    return true;
  }

  @Override
  public Iterator<R> of(Object chunk, MapChunk.Results<Attempt<R>> results) {
    return results.values().stream()
        .filter(attempt -> attempt.thrown() == null)
        .map(Attempt::value)
        .iterator();
  }

  @Override
  public Iterator<R> ofFailed(Object chunk, ExecutionException failure)
      throws ExecutionException {
    if (failure.getCause() instanceof RejectedExecutionException
        || failure.getCause() instanceof BrokenPoolException) {
      throw failure; // so would all that follow
    }
    return Collections.emptyIterator();
  }

  @Override
  public int countFailed(CompletableFuture<MapChunk.Results<Attempt<R>>> chunk, int calls) {
    return Attempt.countFailed(chunk, calls);
  }
}

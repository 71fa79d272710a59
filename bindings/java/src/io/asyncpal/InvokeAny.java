package io.asyncpal;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;

/** The invokeAny() of pools whose tasks can't be wrapped into others, as the JDK does it. */
final class InvokeAny {
  private InvokeAny() {}

  /** Submits all, and gives the first result that is no failure; cancels the others. */
  static <T> T within(
      Function<Callable<T>, CompletableFuture<T>> submit,
      Collection<? extends Callable<T>> tasks,
      long nanos)
      throws InterruptedException, ExecutionException, TimeoutException {
    if (tasks.isEmpty()) {
      throw new IllegalArgumentException("there are no tasks");
    }
    long start = System.nanoTime();
    List<CompletableFuture<T>> futures = new ArrayList<>();
    LinkedBlockingQueue<CompletableFuture<T>> done = new LinkedBlockingQueue<>();
    try {
      for (Callable<T> task : tasks) {
        CompletableFuture<T> future = submit.apply(task);
        futures.add(future);
        future.whenComplete((value, thrown) -> done.add(future));
      }
      ExecutionException failure = null;
      for (int left = futures.size(); left > 0; left--) {
        long wait = nanos == Long.MAX_VALUE ? nanos : nanos - (System.nanoTime() - start);
        CompletableFuture<T> first = done.poll(wait, TimeUnit.NANOSECONDS);
        if (first == null) {
          throw new TimeoutException();
        }
        try {
          return first.get();
        } catch (ExecutionException e) {
          failure = e;
        }
      }
      throw failure;
    } finally {
      for (CompletableFuture<T> future : futures) {
        future.cancel(true);
      }
    }
  }
}

package io.asyncpal;

import io.asyncpal.internal.swig.NativePeriodicOptions;
import io.asyncpal.internal.swig.PeriodicSchedule;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.RunnableFuture;
import java.util.function.Supplier;

/**
 * A task that a pool runs again and again; what {@link PoolTimers#every} returns.
 *
 * <pre>{@code
 * Periodic sweep = pool.every(Duration.ofSeconds(10), () -> sweepCache());
 * ...
 * sweep.cancel();
 * }</pre>
 *
 * <p>Each run is a task of the pool, submitted when its time has come. It does not begin before the
 * last one has returned, even where that has missed its timeout. Until then it is counted as
 * delayed, and {@link Pool#join} does not wait for it.
 *
 * <p><b>Threads:</b> any may call any method, runs included; none blocks. <b>Lifetime:</b> it goes
 * on without being referred to. <b>Ordering:</b> what one run has done happens before the next.
 * <b>Errors:</b> see {@link PeriodicOptions.OnError}; a run that a full pool rejects has failed.
 * <b>Shutdown:</b> of the pool ends it; {@link #done} is cancelled then.
 */
public final class Periodic {
  private static final Duration NEVER = Duration.ofNanos(Long.MAX_VALUE);

  private final Pool pool;
  private final PeriodicOptions options;
  private final Supplier<RunnableFuture<Object>> maker;
  private final long origin = System.nanoTime();
  private final CompletableFuture<Void> done = new SafeFuture<>();
  private final PeriodicSchedule schedule; // native code's arithmetic; guarded by this, as is:
  private Run current; // null: none waits or goes on
  private boolean triggered; // while a run went on
  private boolean cancelled;
  private boolean ended;

  /** One run. Guarded by the Periodic. */
  private final class Run {
    DelayedTask<Object> task;
    boolean given; // to the pool
    boolean returned; // or never runs
    boolean isDone; // its future
    boolean wasCancelled;
    Throwable failure;

    boolean isOver() {
      return isDone && (returned || !given);
    }
  }

  Periodic(
      Pool pool,
      Duration period,
      PeriodicOptions options,
      Supplier<RunnableFuture<Object>> maker) {
    this.pool = pool;
    String traceparent = TaskContext.ofSubmissions();
    this.options =
        traceparent.isEmpty() || !options.task().traceparent().isEmpty()
            ? options
            : options.withTask(options.task().withTraceparent(traceparent)); // for all runs
    this.maker = maker;
    NativePeriodicOptions settings = options.toNative(period);
    try {
      this.schedule = new PeriodicSchedule(settings, 0);
    } finally {
      settings.delete();
    }
    Pool.clean(this, schedule::delete);
  }

  /** Submits the first run, and throws what that throws. */
  void start() {
    submitNext();
    done.whenComplete((nothing, thrown) -> cancel()); // of no effect if it has ended
  }

  private long now() {
    return System.nanoTime() - origin;
  }

  /** For the delayed tasks. */
  private long timeOf(long due) {
    return origin + Math.min(due, Delays.MAX_DELAY);
  }

  private void submitNext() {
    Run run = new Run();
    long due;
    synchronized (this) {
      due = schedule.due();
      run.task = new DelayedTask<>(pool, maker, timeOf(due), task -> give(run, task));
      current = run;
    }
    try {
      pool.delays().add(run.task);
    } catch (RuntimeException | Error e) {
      synchronized (this) {
        current = null;
      }
      throw e;
    }
    boolean wasCancelled;
    synchronized (this) {
      wasCancelled = cancelled;
      if (!run.given && schedule.due() != due) { // by one who has not found it waiting
        pool.delays().move(run.task, timeOf(schedule.due()));
      }
    }
    if (wasCancelled) {
      run.task.cancel(true);
    }
    run.task.whenComplete((value, thrown) -> onDone(run, thrown));
  }

  /** Its time has come. */
  private void give(Run run, RunnableFuture<?> task) {
    pool.start(
        options.task(),
        1,
        its -> {
          synchronized (this) {
            run.given = true;
          }
          return new InView(null, 0, () -> onReturned(run));
        },
        task);
  }

  private void onReturned(Run run) {
    boolean isOver;
    synchronized (this) {
      isOver = !run.isOver();
      run.returned = true;
      isOver = isOver && run.isOver();
    }
    if (isOver) {
      goOn(run);
    }
  }

  private void onDone(Run run, Throwable thrown) {
    boolean isOver;
    synchronized (this) {
      run.isDone = true;
      run.wasCancelled = run.task.isCancelled();
      run.failure = thrown;
      isOver = run.isOver();
    }
    if (isOver) {
      goOn(run);
    }
  }

  /** That run is over: brings about the next one, or the end. */
  private void goOn(Run run) {
    Throwable failure = run.failure;
    if (failure instanceof CompletionException && failure.getCause() != null) {
      failure = failure.getCause();
    }
    if (run.wasCancelled) {
      end(() -> done.cancel(false));
      return;
    }
    Throwable why = failure;
    if (failure instanceof RejectedExecutionException
        && failure.getCause() instanceof BrokenPoolException) {
      end(() -> done.completeExceptionally(why));
      return;
    }
    boolean isLast;
    long number;
    synchronized (this) {
      current = null;
      long now = now();
      isLast = !schedule.onEnd(now, failure != null);
      number = schedule.runs();
      if (triggered) {
        triggered = false;
        schedule.trigger(now);
      }
    }
    boolean stops = failure != null && options.onError() == PeriodicOptions.OnError.STOP;
    if (failure != null && !stops) {
      report(number, failure);
    }
    boolean wasCancelled;
    synchronized (this) {
      wasCancelled = cancelled;
    }
    if (stops) {
      end(() -> done.completeExceptionally(why));
    } else if (isLast) {
      end(() -> done.complete(null));
    } else if (wasCancelled) {
      end(() -> done.cancel(false));
    } else {
      try {
        submitNext();
      } catch (RejectedExecutionException e) { // it was shut down
        end(() -> done.cancel(false));
      }
    }
  }

  private void end(Runnable publish) {
    synchronized (this) {
      ended = true;
      current = null;
    }
    publish.run();
  }

  private void report(long run, Throwable failure) {
    String name = options.task().name();
    String who = name.isEmpty() ? "a periodic task" : "'" + name + "'";
    String message =
        "run " + run + " of " + who + " on pool '" + pool.name() + "' failed: "
            + SentThrowable.describe(failure);
    Unobserved.report(
        Thread.currentThread(), new PeriodicRunException(message, failure, name, run));
  }

  // ------------------------------------------------------------------ For its user

  /**
   * Ends it: no further run begins, and one that goes on is stopped as by {@code cancel(true)} of a
   * submitted task.
   *
   * @return false: it had ended, or had been cancelled
   */
  public boolean cancel() {
    Run run;
    synchronized (this) {
      if (ended || cancelled) {
        return false;
      }
      cancelled = true;
      run = current;
    }
    if (run != null) {
      run.task.cancel(true);
    }
    return true;
  }

  /**
   * A run is due now; the time of the next tick does not change. If one goes on, or is due already,
   * another one follows it, however often this is called. Counts in {@code maxRuns}.
   *
   * @return false: it has ended
   */
  public boolean trigger() {
    synchronized (this) {
      if (ended || cancelled) {
        return false;
      }
      if (goesOn()) {
        triggered = true;
      } else if (schedule.trigger(now())) {
        moveNext();
      }
      return true;
    }
  }

  /**
   * The period counts from the last tick, or the end of the last run. A run whose time has passed
   * by that comes now. Before the first run is due, its time stays. Of no effect on one that has
   * ended.
   *
   * @param period positive
   * @throws IllegalArgumentException if it is not
   */
  public void setPeriod(Duration period) {
    long nanos = Durations.toPositiveNanos("period", period);
    synchronized (this) {
      if (ended) {
        return;
      }
      boolean goesOn = goesOn();
      schedule.setPeriod(nanos, now(), goesOn);
      if (!goesOn) {
        moveNext();
      }
    }
  }

  /** Whether a run is due or goes on. With the monitor held. */
  private boolean goesOn() {
    return current != null && current.given;
  }

  /** The schedule has another time for the run to come. With the monitor held. */
  private void moveNext() {
    if (current != null) { // or it will be submitted for that time
      pool.delays().move(current.task, timeOf(schedule.due()));
    }
  }

  /**
   * What has become of its runs.
   *
   * @return a snapshot
   */
  public synchronized PeriodicStats stats() {
    long due = schedule.due();
    boolean comes = !ended && due != Long.MAX_VALUE;
    return new PeriodicStats(
        schedule.runs(),
        schedule.failed(),
        schedule.skipped(),
        comes ? Duration.ofNanos(Math.max(due - now(), 0)) : NEVER);
  }

  /**
   * Done when no run will begin and none goes on: completed after {@code maxRuns}; failed with what
   * the last run threw for {@link PeriodicOptions.OnError#STOP}, or with the error of a pool that
   * has broken; cancelled by {@link #cancel} or the pool's shutdown.
   *
   * @return the same with each call; to cancel it is {@link #cancel}, but it is done at once
   */
  public CompletableFuture<Void> done() {
    return done;
  }
}

package io.asyncpal;

import io.asyncpal.internal.swig.TraceScope;
import java.lang.System.Logger.Level;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Delayed;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.RunnableFuture;
import java.util.concurrent.RunnableScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

/**
 * A task that a pool gets later, perhaps again and again, and its future. Each of its runs is a
 * task of the pool with a future of its own, whose outcome becomes this one's.
 *
 * <p>Threads: any.
 */
final class DelayedTask<V> extends PoolFuture<V> implements RunnableScheduledFuture<V> {
  static final int NOWHERE = -1;

  private final Pool pool;
  // What its runs are made of: for Pool.newRun(); or a Supplier of them, if there is a submission.
  private final Object work;
  private final long period; // ns from start to start; negative: from end to start; 0: it runs once
  private final Submission submission; // null: the pool's own
  private final String traceparent; // of its submitter; empty: none, or in the options
  private final long number;
  private volatile long time; // by System.nanoTime(); written while it is not in the heap
  int place = NOWHERE; // in the heap, guarded by its lock

  private volatile RunnableFuture<V> run; // null: it waits for its time
  private volatile boolean handedOut; // by shutdownNow(): it runs once, if at all

  /** Gives a run to the pool. */
  interface Submission {
    void submit(RunnableFuture<?> run);
  }

  /**
   * Makes one that does not wait yet.
   *
   * @param work for {@link Pool#newRun}
   */
  DelayedTask(Pool pool, Object work, long time, long period) {
    this(pool, work, time, period, null, TaskContext.ofSubmissions());
  }

  /** Makes one that a shutdown does not wait for, but cancels. */
  DelayedTask(
      Pool pool, Supplier<RunnableFuture<V>> maker, long time, Submission submission) {
    this(pool, maker, time, 0, submission, "");
  }

  private DelayedTask(
      Pool pool,
      Object work,
      long time,
      long period,
      Submission submission,
      String traceparent) {
    super(pool.threadHost());
    this.pool = pool;
    this.work = work;
    this.time = time;
    this.period = period;
    this.submission = submission;
    this.traceparent = traceparent;
    this.number = pool.delays().nextNumber();
  }

  boolean endsAtShutdown() {
    return submission != null;
  }

  /** When it is due, by System.nanoTime(). */
  long time() {
    return time;
  }

  /** Of those that are due at the same time, the first comes first. */
  long number() {
    return number;
  }

  /** While it is not in the heap, whose lock is held. */
  void setTime(long time) {
    this.time = time;
  }

  /** Before it waits, the first time or again. One that the pool has had needs no room. */
  void reserve(boolean isFirst) {
    if (pool.limitsPending()) {
      pool.reserve(isFirst && submission == null, getDelay(TimeUnit.NANOSECONDS) <= 0);
    }
  }

  void freeReserved() {
    pool.freeReserved();
  }

  String poolName() {
    return pool.name();
  }

  // ------------------------------------------------------------------ Running

  @SuppressWarnings("unchecked") // they are of its type
  private RunnableFuture<V> makeRun() {
    return submission == null
        ? (RunnableFuture<V>) pool.newRun(work)
        : ((Supplier<RunnableFuture<V>>) work).get();
  }

  /** It is due. Lets nothing out. */
  void start() {
    RunnableFuture<V> due = makeRun();
    run = due;
    pool.delays().onStart(due, this);
    follow(due);
    if (isDone()) { // by one who may have seen no run
      due.cancel(false);
      return;
    }
    try {
      submit(due);
    } catch (Throwable e) {
      if (pool.isShutdown()) {
        due.cancel(false);
      } else {
        asFuture(due).completeExceptionally(e);
      }
    }
  }

  private void submit(RunnableFuture<V> due) {
    if (traceparent.isEmpty()) {
      give(due);
      return;
    }
    TraceScope trace = new TraceScope(traceparent);
    try {
      give(due);
    } finally {
      trace.delete();
    }
  }

  private void give(RunnableFuture<V> due) {
    if (submission == null) {
      pool.submitDue(due);
    } else {
      submission.submit(due);
    }
  }

  private void follow(RunnableFuture<V> due) {
    asFuture(due).whenComplete((value, thrown) -> end(due, value, thrown));
  }

  private void end(RunnableFuture<V> ended, V value, Throwable thrown) {
    if (thrown != null) {
      pool.delays().onEnd(ended, this);
      if (ended.isCancelled()) {
        super.cancel(false);
      } else if (super.completeExceptionally(thrown) && isPeriodic()) {
        report(thrown);
      }
    } else if (!isPeriodic() || handedOut) {
      pool.delays().onEnd(ended, this);
      super.complete(value);
    } else if (isDone() || !runAgain(ended)) {
      pool.delays().onEnd(ended, this);
      super.cancel(false);
    }
  }

  /** False: the pool takes it no more. */
  private boolean runAgain(RunnableFuture<V> ended) {
    run = null;
    time = period > 0 ? time + period : System.nanoTime() - period;
    if (!pool.delays().waitAgain(ended, this)) {
      return false;
    }
    if (isDone()) { // by a cancel() that has found it nowhere
      pool.delays().remove(this);
    }
    return true;
  }

  private void report(Throwable thrown) {
    System.getLogger("io.asyncpal")
        .log(
            Level.WARNING,
            "pool '" + pool.name() + "': a periodic task threw, and does not run again",
            thrown);
  }

  /** shutdownNow() returns it, before it was due. */
  void handOut() {
    handedOut = true;
    RunnableFuture<V> first = makeRun();
    run = first;
    follow(first);
    if (first instanceof RemoteTask<?> remote && remote.markSubmitted()) {
      remote.giveBack();
    }
    if (isDone()) { // by one who may have seen no run
      first.cancel(false);
    }
  }

  /** It is returned by shutdownNow(), after it was due. */
  void handOutLate() {
    handedOut = true;
  }

  /** What does its work, if shutdownNow() has returned it. */
  RunnableFuture<V> toRun() {
    return run;
  }

  /** Does the work of one that shutdownNow() has returned, the first time. */
  @Override
  public void run() {
    if (handedOut) {
      run.run();
    }
  }

  // ------------------------------------------------------------------ Its time

  @Override
  public boolean isPeriodic() {
    return period != 0;
  }

  @Override
  public long getDelay(TimeUnit unit) {
    return unit.convert(time - System.nanoTime(), TimeUnit.NANOSECONDS);
  }

  @Override
  public int compareTo(Delayed other) {
    if (other instanceof DelayedTask<?> task) {
      long difference = time - task.time;
      return difference != 0 ? Long.signum(difference) : Long.compare(number, task.number);
    }
    return Long.compare(getDelay(TimeUnit.NANOSECONDS), other.getDelay(TimeUnit.NANOSECONDS));
  }

  @Override
  boolean isDoneWithHelp() {
    return run instanceof PoolFuture<?> due && due.isDoneWithHelp() && isDone();
  }

  // ------------------------------------------------------------------ Ending it

  @Override
  public boolean cancel(boolean mayInterruptIfRunning) {
    boolean cancelled = super.completeExceptionally(Cancelled.get());
    leave(mayInterruptIfRunning);
    return cancelled || isCancelled();
  }

  @Override
  public boolean complete(V value) {
    boolean completed = super.complete(value);
    leave(false);
    return completed;
  }

  @Override
  public boolean completeExceptionally(Throwable e) {
    boolean completed = super.completeExceptionally(e);
    leave(false);
    return completed;
  }

  /** It is done: nobody need run it any more. */
  private void leave(boolean mayInterruptIfRunning) {
    pool.delays().remove(this);
    RunnableFuture<V> last = run;
    if (last == null) {
      return;
    }
    if (last instanceof RemoteTask<?> remote) {
      remote.markSubmitted(); // so that nobody submits it, if nobody has
    }
    last.cancel(mayInterruptIfRunning);
  }

  /**
   * That tasks were cancelled: one for many, and without a stack, as a new one for each would be
   * most of the cost. It has no cause; where it gets suppressed exceptions, later tasks get another
   * one.
   */
  private static final class Cancelled extends CancellationException {
    private static final long serialVersionUID = 1;

    private static volatile Cancelled last = new Cancelled();

    static Cancelled get() {
      Cancelled shared = last;
      if (shared.getSuppressed().length > 0) {
        shared = new Cancelled();
        last = shared;
      }
      return shared;
    }

    @Override
    public Throwable fillInStackTrace() {
      return this;
    }

    @Override
    public Throwable initCause(Throwable cause) {
      throw new IllegalStateException("this exception is that of several tasks", this);
    }

    @Override
    public void setStackTrace(StackTraceElement[] stack) {
      // It is that of several tasks.
    }
  }

  // Whoever asks for the result gets an exception with the stack of that, as of a FutureTask.

  @Override
  public V get() throws InterruptedException, ExecutionException {
    try {
      return super.get();
    } catch (Cancelled e) {
      throw new CancellationException();
    }
  }

  @Override
  public V get(long timeout, TimeUnit unit)
      throws InterruptedException, ExecutionException, TimeoutException {
    try {
      return super.get(timeout, unit);
    } catch (Cancelled e) {
      throw new CancellationException();
    }
  }

  @Override
  public V join() {
    try {
      return super.join();
    } catch (Cancelled e) {
      throw new CancellationException();
    }
  }

  private static <T> CompletableFuture<T> asFuture(RunnableFuture<T> run) {
    return (CompletableFuture<T>) run; // as pools make them
  }
}

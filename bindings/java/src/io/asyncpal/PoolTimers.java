package io.asyncpal;

import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;

/**
 * Tasks that a pool runs later, or again and again. Both kinds of pools have them.
 *
 * <pre>{@code
 * ScheduledFuture<?> beat = pool.scheduleAtFixedRate(() -> sendHeartbeat(), 0, 5, SECONDS);
 * Page page = pool.schedule(() -> load(url), 200, MILLISECONDS).get();
 * beat.cancel(false);
 * }</pre>
 *
 * <p><b>Delays</b> that are negative count as zero, and more than 146 years as 146. A delayed task
 * holds no worker. When it is due it goes to the back of the pool's queue, and those that are due
 * at the same time go in the order of these calls. If the pool has a limit for pending tasks, a
 * delayed task counts from this call on, and is never refused when it is due; in a full pool, the
 * call does what {@link WhenFull} says, and waits for room where that says to run the task on its
 * caller. {@link PoolStats#pending} counts it from when it is due, {@link #countDelayed} until
 * then. {@link Pool#join} does not wait for it before it is due. A process pool serializes the task
 * in the call.
 *
 * <p><b>Periodic tasks</b> never run beside themselves. A task at a fixed rate that has missed its
 * times makes up for them, one run after the other. The first run that throws is the last: its
 * exception is in the future, and the {@link System.Logger} "io.asyncpal" has a warning. In a
 * process pool the loss of its worker counts as an exception. A {@link Periodic}, of {@link
 * #every}, goes on after failures, leaves out what it has missed, and can be triggered.
 *
 * <p><b>Futures</b> are also {@link java.util.concurrent.CompletableFuture}s. {@code cancel} takes
 * a task that waits out of the pool at once; {@code cancel(true)} also stops the run that goes on,
 * as it does for a submitted task. Stages that depend on the future run where the pool's other
 * stages do, or on the thread that cancels.
 *
 * <p><b>After {@link Pool#shutdown}</b> no more tasks are taken, periodic ones are cancelled, and
 * those with a delay still run when their time has come; only then does the pool terminate. Two
 * policies change that, as in {@link java.util.concurrent.ScheduledThreadPoolExecutor}. {@link
 * Pool#shutdownNow} returns all that wait. {@code run} of such a future does its work once, on the
 * calling thread. The end of the JVM waits for no delay.
 */
public sealed interface PoolTimers extends ScheduledExecutorService permits Pool {
  /**
   * Submits a task when the delay has passed.
   *
   * @param task in a process pool, can be serialized
   * @return its future
   * @throws RejectedExecutionException if the pool was shut down or is broken
   */
  @Override
  default ScheduledFuture<?> schedule(Runnable task, long delay, TimeUnit unit) {
    Objects.requireNonNull(task, "task");
    Pool pool = (Pool) this; // nothing else is one
    return pool.delay(pool.workOf(task), Delays.timeAfter(delay, unit), 0);
  }

  /**
   * Submits a task when the delay has passed.
   *
   * @param task in a process pool, can be serialized, and so can its result
   * @return its future
   * @throws RejectedExecutionException if the pool was shut down or is broken
   */
  @Override
  default <V> ScheduledFuture<V> schedule(Callable<V> task, long delay, TimeUnit unit) {
    Objects.requireNonNull(task, "task");
    Pool pool = (Pool) this;
    return pool.delay(pool.workOf(task), Delays.timeAfter(delay, unit), 0);
  }

  /**
   * Submits a task again and again, so that its runs are due after {@code initialDelay}, then
   * {@code initialDelay + period}, then {@code initialDelay + 2 * period}, and so on.
   *
   * @param task in a process pool, can be serialized
   * @return its future, which is done when the task is cancelled, has thrown, or the pool was shut
   *     down
   * @throws IllegalArgumentException if {@code period} is not more than zero
   * @throws RejectedExecutionException if the pool was shut down or is broken
   */
  @Override
  default ScheduledFuture<?> scheduleAtFixedRate(
      Runnable task, long initialDelay, long period, TimeUnit unit) {
    Objects.requireNonNull(task, "task");
    Objects.requireNonNull(unit, "unit");
    checkPositive("period", period);
    Pool pool = (Pool) this;
    return pool.delay(
        pool.workOf(task), Delays.timeAfter(initialDelay, unit), Delays.clamp(period, unit));
  }

  /**
   * Submits a task again and again, each time when {@code delay} has passed since the end of the
   * run before.
   *
   * @param task in a process pool, can be serialized
   * @return its future, which is done when the task is cancelled, has thrown, or the pool was shut
   *     down
   * @throws IllegalArgumentException if {@code delay} is not more than zero
   * @throws RejectedExecutionException if the pool was shut down or is broken
   */
  @Override
  default ScheduledFuture<?> scheduleWithFixedDelay(
      Runnable task, long initialDelay, long delay, TimeUnit unit) {
    Objects.requireNonNull(task, "task");
    Objects.requireNonNull(unit, "unit");
    checkPositive("delay", delay);
    Pool pool = (Pool) this;
    return pool.delay(
        pool.workOf(task), Delays.timeAfter(initialDelay, unit), -Delays.clamp(delay, unit));
  }

  /**
   * Runs a task at once, and again after each period, whatever becomes of a run; as {@link
   * PeriodicOptions#DEFAULT} has it.
   *
   * @param period positive
   * @param task in a process pool, can be serialized
   * @return the periodic task
   * @throws IllegalArgumentException if {@code period} is not positive
   * @throws RejectedExecutionException if the pool was shut down or is broken
   */
  default Periodic every(Duration period, Runnable task) {
    return every(period, PeriodicOptions.DEFAULT, task);
  }

  /**
   * Runs a task again and again.
   *
   * @param period positive
   * @param options how
   * @param task in a process pool, can be serialized
   * @return the periodic task
   * @throws IllegalArgumentException if {@code period} is not positive
   * @throws RejectedExecutionException if the pool was shut down or is broken
   */
  default Periodic every(Duration period, PeriodicOptions options, Runnable task) {
    Objects.requireNonNull(task, "task");
    Pool pool = (Pool) this;
    pool.check();
    Periodic periodic = new Periodic(pool, period, options, pool.runsOf(task));
    periodic.start();
    return periodic;
  }

  private static void checkPositive(String name, long value) {
    if (value <= 0) {
      throw new IllegalArgumentException(name + " is " + value + "; it must be more than zero");
    }
  }

  /**
   * How many tasks wait for their time, periodic ones included.
   *
   * @return the number, without those that were cancelled
   */
  default int countDelayed() {
    return ((Pool) this).delays().count();
  }

  /**
   * Whether tasks with a delay run after a shutdown. Also affects a shutdown that is going on.
   *
   * @param value false: {@link Pool#shutdown} cancels those that are not due; true by default
   */
  default void setExecuteExistingDelayedTasksAfterShutdownPolicy(boolean value) {
    ((Pool) this).delays().setRunsDelayed(value);
  }

  /**
   * Whether tasks with a delay run after a shutdown.
   *
   * @return what was set
   */
  default boolean getExecuteExistingDelayedTasksAfterShutdownPolicy() {
    return ((Pool) this).delays().runsDelayed();
  }

  /**
   * Whether periodic tasks go on after a shutdown. Also affects a shutdown that is going on.
   *
   * @param value true: {@link Pool#shutdown} leaves them, and the pool terminates when all of them
   *     are cancelled or have thrown; false by default
   */
  default void setContinueExistingPeriodicTasksAfterShutdownPolicy(boolean value) {
    ((Pool) this).delays().setContinuesPeriodic(value);
  }

  /**
   * Whether periodic tasks go on after a shutdown.
   *
   * @return what was set
   */
  default boolean getContinueExistingPeriodicTasksAfterShutdownPolicy() {
    return ((Pool) this).delays().continuesPeriodic();
  }

  /**
   * For programs written for {@link java.util.concurrent.ScheduledThreadPoolExecutor}. A cancelled
   * task leaves these pools at once, whatever is set here.
   *
   * @param value what {@link #getRemoveOnCancelPolicy} returns from now on
   */
  default void setRemoveOnCancelPolicy(boolean value) {
    ((Pool) this).delays().setSaysItRemoves(value);
  }

  /**
   * What {@link #setRemoveOnCancelPolicy} was told.
   *
   * @return false by default, as there
   */
  default boolean getRemoveOnCancelPolicy() {
    return ((Pool) this).delays().saysItRemoves();
  }
}

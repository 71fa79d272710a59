package io.asyncpal;

import io.asyncpal.internal.swig.PoolSettings;
import java.time.Duration;
import java.util.Objects;

/**
 * What the builders of thread pools and process pools have in common. Threads: one at a time. A
 * builder may be used again.
 *
 * @param <B> the builder's own class
 */
public abstract class PoolBuilder<B extends PoolBuilder<B>> {
  private int maxWorkers;
  private String name = "";
  private Duration idleTimeout; // null: not said
  private int maxTasksPerWorker;
  private boolean closeOnExit = true;
  private long maxPending;
  private WhenFull whenFull = WhenFull.BLOCK;
  private Duration initializerTimeout; // null: none

  PoolBuilder() {}

  abstract B self();

  /**
   * Makes the pool. It starts no worker.
   *
   * @return a new one with each call
   * @throws IllegalArgumentException if an option is negative, or {@code maxWorkers} is more than
   *     32768
   * @throws UnsatisfiedLinkError if the native library can't be loaded
   */
  public abstract Pool build();

  /**
   * At most this many tasks run at once.
   *
   * @param maxWorkers 0, the default: the CPUs that this process may use, and for a thread pool
   *     five more
   * @return this
   */
  public B maxWorkers(int maxWorkers) {
    this.maxWorkers = maxWorkers;
    return self();
  }

  /**
   * For messages and thread names.
   *
   * @param name the name of the pool's class by default
   * @return this
   */
  public B name(String name) {
    this.name = Objects.requireNonNull(name, "name");
    return self();
  }

  /**
   * A worker that has had nothing to do for this long goes.
   *
   * @param timeout 60 seconds by default; more than 292 years is for ever
   * @return this
   * @throws IllegalArgumentException if {@code timeout} is negative
   */
  public B idleTimeout(Duration timeout) {
    Durations.toNanos("idleTimeout", timeout);
    this.idleTimeout = timeout;
    return self();
  }

  /**
   * A worker goes after this many tasks, and another takes its place.
   *
   * @param tasks 0, the default: no limit
   * @return this
   */
  public B maxTasksPerWorker(int tasks) {
    this.maxTasksPerWorker = tasks;
    return self();
  }

  /**
   * Whether the end of the JVM takes care of the pool, as {@link GlobalShutdown} says.
   *
   * @param close true by default; false: the pool is neither waited for nor closed, and what it
   *     still has to do ends with the JVM
   * @return this
   */
  public B closeOnExit(boolean close) {
    this.closeOnExit = close;
    return self();
  }

  /**
   * At most this many tasks wait; those for which a worker is free do not count.
   *
   * @param tasks 0, the default: no limit
   * @return this
   */
  public B maxPending(long tasks) {
    this.maxPending = tasks;
    return self();
  }

  /**
   * What a submission to a full pool does.
   *
   * @param whenFull {@link WhenFull#BLOCK} by default
   * @return this
   */
  public B whenFull(WhenFull whenFull) {
    this.whenFull = Objects.requireNonNull(whenFull, "whenFull");
    return self();
  }

  /** Whether the pool has limits, which native code keeps. */
  final boolean hasLimits() {
    return maxPending != 0 || maxTasksPerWorker != 0 || initializerTimeout != null;
  }

  /**
   * An initializer that takes longer breaks the pool, with an {@link InitializerException} whose
   * cause is a {@link java.util.concurrent.TimeoutException}. A worker that is a process is killed;
   * a thread can't be, so it is left behind, and a warning of the {@link System.Logger}
   * "io.asyncpal" names it.
   *
   * @param timeout for ever by default
   * @return this
   * @throws IllegalArgumentException if {@code timeout} is negative
   */
  public B initializerTimeout(Duration timeout) {
    Durations.toNanos("initializerTimeout", timeout);
    this.initializerTimeout = timeout;
    return self();
  }

  final boolean isClosedOnExit() {
    return closeOnExit;
  }

  /** Copies the options to native code's. */
  final void apply(PoolSettings settings) {
    settings.setMaxWorkers(maxWorkers);
    settings.setName(name);
    if (idleTimeout != null) {
      settings.setIdleTimeout(Durations.toNanos("idleTimeout", idleTimeout));
    }
    settings.setMaxTasksPerWorker(maxTasksPerWorker);
    settings.setCloseOnExit(closeOnExit);
    if (initializerTimeout != null) {
      settings.setInitializerTimeout(Durations.toNanos("initializerTimeout", initializerTimeout));
    }
    settings.setMaxPending(maxPending);
    settings.setWhenFull(whenFull.ordinal()); // in native code's order
  }
}

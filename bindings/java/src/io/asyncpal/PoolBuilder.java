package io.asyncpal;

import io.asyncpal.internal.swig.Native;
import io.asyncpal.internal.swig.NativePoolOptions;
import java.time.Duration;
import java.util.Objects;
import java.util.function.LongFunction;

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
  private Duration stallThreshold; // null: none
  private PoolObserver observer; // null: none
  private boolean histograms;
  private ContextHook context; // null: none
  private Duration priorityStep; // null: not said
  private int minWorkers;
  private Duration maxWorkerAge; // null: none
  private String fixedBy; // null: its size may change

  PoolBuilder() {}

  abstract B self();

  /**
   * Makes the pool. It starts no worker but those of {@link #minWorkers}.
   *
   * @return a new one with each call
   * @throws IllegalArgumentException if an option is negative, {@code maxWorkers} is more than
   *     32768, or {@code minWorkers} is more than that
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
   * A worker that has been idle for this long ends.
   *
   * @param timeout 60 seconds by default; more than 292 years means forever
   * @return this
   * @throws IllegalArgumentException if {@code timeout} is negative
   */
  public B idleTimeout(Duration timeout) {
    Durations.toNanos("idleTimeout", timeout);
    this.idleTimeout = timeout;
    return self();
  }

  /**
   * A worker ends after this many tasks, and another takes its place.
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
   * At most this many tasks wait for a worker; a task for which one is free does not count.
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

  /** Whether the number of tasks that wait has one. */
  final boolean limitsPending() {
    return maxPending != 0;
  }

  /** Whether the pool has limits, which native code keeps. */
  final boolean hasLimits() {
    return maxPending != 0
        || maxTasksPerWorker != 0
        || initializerTimeout != null
        || maxWorkerAge != null;
  }

  /**
   * By how long a task counts as older than it is for each class that its {@link TaskPriority} is
   * above another's. {@link Duration#ofNanos Duration.ofNanos(Long.MAX_VALUE)}: a lower class waits
   * until no higher one does.
   *
   * @param step 1 second by default
   * @return this
   * @throws IllegalArgumentException if {@code step} is not positive
   */
  public B priorityStep(Duration step) {
    Durations.toPositiveNanos("priorityStep", step);
    this.priorityStep = step;
    return self();
  }

  /**
   * This many workers are started with the pool, in the background, stay when they are idle, and
   * are replaced if they end.
   *
   * @param workers 0, the default; at most {@code maxWorkers}
   * @return this
   */
  public B minWorkers(int workers) {
    this.minWorkers = workers;
    return self();
  }

  /**
   * A worker that is older, by a tenth more or less, ends when it has no task, and another takes
   * its place if there is work.
   *
   * @param age forever by default
   * @return this
   * @throws IllegalArgumentException if {@code age} is not positive
   */
  public B maxWorkerAge(Duration age) {
    Durations.toPositiveNanos("maxWorkerAge", age);
    this.maxWorkerAge = age;
    return self();
  }

  /** Its size is that of what it is made by, and stays. */
  final B fixedBy(String maker) {
    this.fixedBy = maker;
    return self();
  }

  final String fixedBy() {
    return fixedBy;
  }

  /**
   * An initializer that takes longer breaks the pool, with an {@link InitializerException} whose
   * cause is a {@link java.util.concurrent.TimeoutException}. A worker that is a process is killed;
   * a thread can't be, so it is left behind, and a warning of the {@link System.Logger}
   * "io.asyncpal" names it.
   *
   * @param timeout forever by default
   * @return this
   * @throws IllegalArgumentException if {@code timeout} is negative
   */
  public B initializerTimeout(Duration timeout) {
    Durations.toNanos("initializerTimeout", timeout);
    this.initializerTimeout = timeout;
    return self();
  }

  /**
   * A task that runs longer is reported once, while it runs: to the observer, and by a warning of
   * the {@link System.Logger} "io.asyncpal". A thread pool with a threshold has the costs of an
   * {@link #observer}.
   *
   * @param threshold forever by default
   * @return this
   * @throws IllegalArgumentException if {@code threshold} is negative
   */
  public B stallThreshold(Duration threshold) {
    Durations.toNanos("stallThreshold", threshold);
    this.stallThreshold = threshold;
    return self();
  }

  /**
   * Is told what happens in the pool.
   *
   * @param observer none by default
   * @return this
   */
  public B observer(PoolObserver observer) {
    this.observer = Objects.requireNonNull(observer, "observer");
    return self();
  }

  /**
   * Whether {@link PoolStats#waitTimes} and {@link PoolStats#runTimes} are measured. An observer
   * does so, too, and a thread pool with histograms has the costs of one.
   *
   * @param measure false by default
   * @return this
   */
  public B histograms(boolean measure) {
    this.histograms = measure;
    return self();
  }

  /**
   * What tasks take along from the thread that submits them.
   *
   * @param hook none by default
   * @return this
   */
  public B context(ContextHook hook) {
    this.context = Objects.requireNonNull(hook, "hook");
    return self();
  }

  final ContextHook context() {
    return context;
  }

  /** Whether native code must see each task. */
  final boolean isObserved() {
    return histograms || observer != null || stallThreshold != null;
  }

  final boolean isClosedOnExit() {
    return closeOnExit;
  }

  /**
   * Copies the options to native code's.
   *
   * @param stackOf what a worker does, by its number; empty: it is not known
   */
  final void apply(NativePoolOptions settings, LongFunction<String> stackOf) {
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
    if (stallThreshold != null) {
      settings.setStallThreshold(Durations.toNanos("stallThreshold", stallThreshold));
    }
    settings.setHistograms(histograms);
    if (observer != null) {
      ObserverCalls calls = new ObserverCalls(observer, stackOf);
      calls.swigReleaseOwnership(); // the settings have it, and then the native pool
      Native.setObserver(settings, calls);
    }
    if (priorityStep != null) {
      settings.setPriorityStep(Durations.toNanos("priorityStep", priorityStep));
    }
    settings.setMinWorkers(minWorkers);
    if (maxWorkerAge != null) {
      settings.setMaxWorkerAge(Durations.toNanos("maxWorkerAge", maxWorkerAge));
    }
    settings.setMaxPending(maxPending);
    settings.setWhenFull(whenFull.ordinal()); // in native code's order
  }
}

package io.asyncpal;

import io.asyncpal.internal.swig.CloseMode;
import io.asyncpal.internal.swig.Failure;
import io.asyncpal.internal.swig.NativeProcessPool;
import io.asyncpal.internal.swig.NativeProcessPoolOptions;
import io.asyncpal.internal.swig.NativeTaskOptions;
import java.io.ObjectInputFilter;
import java.lang.ref.Reference;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.RunnableFuture;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * An {@link java.util.concurrent.ExecutorService} whose tasks run in JVMs of their own, which can
 * crash and be killed without harm to this one.
 *
 * <pre>{@code
 * try (ProcessPool pool = new ProcessPool(2)) {
 *   CompletableFuture<Long> fib = pool.submit(() -> Fib.of(40));
 *   CompletableFuture<Long> inCpp = pool.call("math.fib", Long.class, 40L);
 *   System.out.println(fib.get());
 * }
 * }</pre>
 *
 * <p>A task is a {@link SerializableCallable} or {@link SerializableRunnable}; a lambda given to
 * {@code submit} becomes one by itself. It is serialized in the call, with what it captures; if it
 * can't be serialized, the call throws a {@link SerializationException}. Workers have this JVM's
 * class path and none of its state.
 *
 * <p>When a worker dies, the one task that it was running fails with {@link WorkerLostException},
 * all others continue, and a new worker is started. {@code cancel(true)} on the future of a running
 * task kills its worker, and another takes its place; {@code cancel(false)} lets the task continue.
 * A task runs at most once, unless its {@link TaskOptions} say otherwise.
 *
 * <p>What a task throws is the cause of the {@link ExecutionException}: the same exception, with
 * its message, causes and the stack that it had in the worker, if it can be serialized and its
 * class is here, otherwise a {@link RemoteException}.
 *
 * <p>Stages that depend on a future run on a thread of the pool, usually the one that serves the
 * worker. That thread also waits until the result has been read, so a stage that blocks keeps the
 * worker from its next task. Reading a result may take as long as its task; {@code cancel}, the
 * task's timeout and {@link #shutdownNow} end the wait for it. What a task prints appears on this
 * process's output, line by line; its standard input is empty.
 *
 * <p>What {@link Pool} says of threads, lifetime, ordering and shutdown holds here. Workers end
 * when this process does, however it ends.
 */
public final class ProcessPool extends Pool {
  static {
    NativeLibrary.load();
  }

  private final RemoteHost host;
  private final NativeProcessPool pool;
  private final ContextHook context; // null: none

  private ProcessPool(Builder builder, RemoteHost host, NativeProcessPool pool) {
    super(pool, host, builder);
    this.host = host;
    this.pool = pool;
    this.context = builder.context();
    LivePools.add(host, this);
  }

  /**
   * A pool of default options but its size. It starts no process.
   *
   * @param maxWorkers at most this many tasks run at once; 0: the CPUs that this process may use
   * @throws IllegalArgumentException if {@code maxWorkers} is negative or more than 32768
   * @throws UnsatisfiedLinkError if the native library can't be loaded
   */
  public ProcessPool(int maxWorkers) {
    this(builder().maxWorkers(maxWorkers));
  }

  private ProcessPool(Builder builder) {
    this(builder, builder.makeHost());
  }

  private ProcessPool(Builder builder, RemoteHost host) {
    this(builder, host, builder.makeNative(host));
  }

  /**
   * Begins to make a pool.
   *
   * @return a builder with all defaults
   */
  public static Builder builder() {
    return new Builder();
  }

  // ------------------------------------------------------------------ Submitting

  /**
   * Sends the task to a worker, or queues it when all are busy, without waiting; if the pool is
   * full, it does what {@link WhenFull} says. What the task throws goes to the uncaught exception
   * handler of the thread that serves its worker.
   *
   * @throws SerializationException if the task can't be serialized
   * @throws RejectedExecutionException if the pool was shut down, is broken (its cause is a {@link
   *     BrokenPoolException} then), or has no room
   */
  @Override
  public void execute(Runnable command) {
    Objects.requireNonNull(command, "command");
    checkOpen();
    Runnable work = command instanceof DelayedTask<?> returned ? returned.toRun() : command;
    if (work instanceof RemoteTask<?> own) {
      submit(own.toSubmit());
      return;
    }
    RemoteTask<?> task = RemoteTask.ofRunnable(context, command, null);
    Unobserved.reportFailureOf(task);
    submit(task);
  }

  @Override
  void start(
      TaskOptions options, int attempt, InView.Places places, RunnableFuture<?> future) {
    checkOpen();
    NativeTaskOptions settings = options.toNative(attempt);
    try {
      RemoteTask<?> task = (RemoteTask<?>) future;
      task.setTimeout(settings.getTimeout());
      mark(task);
      task.setView(places.enter(task));
      submitMarked(task, settings, task.isOfMap());
    } finally {
      settings.delete();
    }
  }

  @Override
  boolean hasMade(Runnable command) {
    return command instanceof RemoteTask<?>;
  }

  private void submit(RemoteTask<?> task) {
    mark(task);
    submitMarked(task, null, task.isOfMap());
  }

  private static void mark(RemoteTask<?> task) {
    if (!task.markSubmitted()) {
      throw new IllegalStateException("this task was given to a process pool before");
    }
  }

  private void submitMarked(
      RemoteTask<?> task, NativeTaskOptions settings, boolean waitsForRoom) {
    long id = host.add(task);
    InView in = task.view();
    String name = task.call().name();
    byte[] arguments = task.call().arguments();
    try {
      task.setHandle(
          host,
          submitInTime(
              () -> {
                if (in != null && in.view() != null) {
                  return pool.submitToView(
                      in.view(), in.key(), id, name, arguments, settings);
                }
                if (settings != null) {
                  return pool.submit(id, name, arguments, settings);
                }
                return waitsForRoom
                    ? pool.submitChunk(id, name, arguments)
                    : pool.submit(id, name, arguments);
              },
              settings));
    } catch (Failure e) {
      host.refuse(id);
      throw rejection(e);
    } catch (RejectedExecutionException e) {
      host.refuse(id);
      throw e;
    } finally {
      Reference.reachabilityFence(this);
      Reference.reachabilityFence(in); // which has the view
    }
  }

  /**
   * Submits a task without a future; otherwise the same as {@link #execute(Runnable)}.
   *
   * @param task can be serialized
   */
  public void execute(SerializableRunnable task) {
    execute((Runnable) task);
  }

  /**
   * Submits a task without a future, with options of its own; see {@link Pool#execute(TaskOptions,
   * Runnable)}.
   *
   * @param options its name and limits
   * @param task can be serialized
   */
  public void execute(TaskOptions options, SerializableRunnable task) {
    execute(options, (Runnable) task);
  }

  /**
   * Submits a task; see {@link #execute(Runnable)} for what that throws.
   *
   * @param <T> the type of its result
   * @param task can be serialized, and so can its result
   * @return its future
   */
  public <T> CompletableFuture<T> submit(SerializableCallable<T> task) {
    return submit((Callable<T>) task);
  }

  /**
   * Submits a task without a result; see {@link #execute(Runnable)} for what that throws.
   *
   * @param task can be serialized
   * @return its future
   */
  public CompletableFuture<?> submit(SerializableRunnable task) {
    return submit((Runnable) task);
  }

  /**
   * Submits a task with options of its own; otherwise the same as {@code submit} without them.
   *
   * @param <T> the type of its result
   * @param options its name and limits
   * @param task can be serialized, and so can its result
   * @return its future
   */
  public <T> CompletableFuture<T> submit(TaskOptions options, SerializableCallable<T> task) {
    return submit(options, (Callable<T>) task);
  }

  /**
   * Submits a task without a result, with options of its own; otherwise the same as {@code submit}
   * without them.
   *
   * @param options its name and limits
   * @param task can be serialized
   * @return its future
   */
  public CompletableFuture<?> submit(TaskOptions options, SerializableRunnable task) {
    return submit(options, (Runnable) task);
  }

  /**
   * Submits a task, whose class must be serializable; see {@link #execute(Runnable)} for what that
   * throws.
   *
   * @return its future
   */
  @Override
  public <T> CompletableFuture<T> submit(Callable<T> task) {
    return start(RemoteTask.of(context, Objects.requireNonNull(task, "task")));
  }

  @Override
  public CompletableFuture<?> submit(Runnable task) {
    return submit(task, null);
  }

  /**
   * Submits a task when the delay has passed; see {@link PoolTimers#schedule(Callable, long,
   * TimeUnit)}.
   *
   * @param <T> the type of its result
   * @param task can be serialized, and so can its result
   * @param delay until it is due
   * @param unit of {@code delay}
   * @return its future
   */
  public <T> ScheduledFuture<T> schedule(SerializableCallable<T> task, long delay, TimeUnit unit) {
    return schedule((Callable<T>) task, delay, unit);
  }

  /**
   * Submits a task when the delay has passed; see {@link PoolTimers#schedule(Runnable, long,
   * TimeUnit)}.
   *
   * @param task can be serialized
   * @param delay until it is due
   * @param unit of {@code delay}
   * @return its future
   */
  public ScheduledFuture<?> schedule(SerializableRunnable task, long delay, TimeUnit unit) {
    return schedule((Runnable) task, delay, unit);
  }

  /**
   * Submits a task again and again; see {@link PoolTimers#scheduleAtFixedRate(Runnable, long, long,
   * TimeUnit)}.
   *
   * @param task can be serialized
   * @param initialDelay until it is first due
   * @param period from one time to the next
   * @param unit of both
   * @return its future
   */
  public ScheduledFuture<?> scheduleAtFixedRate(
      SerializableRunnable task, long initialDelay, long period, TimeUnit unit) {
    return scheduleAtFixedRate((Runnable) task, initialDelay, period, unit);
  }

  /**
   * Submits a task again and again; see {@link PoolTimers#scheduleWithFixedDelay(Runnable, long,
   * long, TimeUnit)}.
   *
   * @param task can be serialized
   * @param initialDelay until it is first due
   * @param delay from the end of one run until the next is due
   * @param unit of both
   * @return its future
   */
  public ScheduledFuture<?> scheduleWithFixedDelay(
      SerializableRunnable task, long initialDelay, long delay, TimeUnit unit) {
    return scheduleWithFixedDelay((Runnable) task, initialDelay, delay, unit);
  }

  /**
   * Runs a task again and again; see {@link PoolTimers#every(Duration, Runnable)}.
   *
   * @param period positive
   * @param task can be serialized
   * @return the periodic task
   */
  public Periodic every(Duration period, SerializableRunnable task) {
    return every(period, (Runnable) task);
  }

  /**
   * Runs a task again and again; see {@link PoolTimers#every(Duration, PeriodicOptions, Runnable)}.
   *
   * @param period positive
   * @param options how
   * @param task can be serialized
   * @return the periodic task
   */
  public Periodic every(Duration period, PeriodicOptions options, SerializableRunnable task) {
    return every(period, options, (Runnable) task);
  }

  @Override
  public <T> CompletableFuture<T> submit(Runnable task, T result) {
    return start(RemoteTask.ofRunnable(context, Objects.requireNonNull(task, "task"), result));
  }

  /**
   * Calls a C++ function that the workers' program has registered by name ({@code
   * ASYNCPAL_REGISTER_TASK}).
   *
   * <p>Arguments and results have the types of the function's C++ parameters: {@code bool} {@link
   * Boolean}, {@code int8_t} {@link Byte}, {@code int16_t} {@link Short}, {@code int32_t} {@link
   * Integer}, {@code int64_t} {@link Long}, {@code float} {@link Float}, {@code double} {@link
   * Double}, {@code std::string} {@link String}, {@code std::vector<uint8_t>} {@code byte[]},
   * {@code absl::Duration} {@link Duration}, {@code std::vector} of those {@link List} as an
   * argument; {@code std::vector<int32_t>}, {@code <int64_t>}, {@code <double>}, {@code
   * <std::string>} {@code int[]}, {@code long[]}, {@code double[]}, {@code String[]} as either.
   * Nothing is converted.
   *
   * @param <T> the type of the result
   * @param name the task's name
   * @param resultType {@code Void.class} for a function without a result
   * @param arguments none is null
   * @return its future, which fails with a {@link SerializationException} if the types are others,
   *     as far as their sizes tell
   * @throws IllegalArgumentException if {@code name} is empty, or {@code resultType} or the type of
   *     an argument is none of these
   */
  public <T> CompletableFuture<T> call(String name, Class<T> resultType, Object... arguments) {
    if (name.isEmpty()) {
      throw new IllegalArgumentException("the name of the C++ task is empty");
    }
    Function<byte[], T> decoder = CppValues.decoder(resultType);
    byte[] encoded = CppValues.encode(arguments);
    return start(
        new RemoteTask<>(
            new RemoteTask.Call(name, encoded),
            null,
            (bytes, reader, task) -> decoder.apply(bytes)));
  }

  private <T> CompletableFuture<T> start(RemoteTask<T> task) {
    execute(task);
    return task;
  }

  @Override
  protected <T> RunnableFuture<T> newTaskFor(Callable<T> callable) {
    return RemoteTask.of(context, Objects.requireNonNull(callable, "callable"));
  }

  @Override
  protected <T> RunnableFuture<T> newTaskFor(Runnable runnable, T value) {
    Objects.requireNonNull(runnable, "runnable");
    return RemoteTask.ofRunnable(context, runnable, value);
  }

  @Override
  public <T> T invokeAny(Collection<? extends Callable<T>> tasks)
      throws InterruptedException, ExecutionException {
    try {
      return InvokeAny.within(this::submit, tasks, Long.MAX_VALUE);
    } catch (TimeoutException e) {
      throw new AssertionError(e); // in 292 years
    }
  }

  @Override
  public <T> T invokeAny(Collection<? extends Callable<T>> tasks, long timeout, TimeUnit unit)
      throws InterruptedException, ExecutionException, TimeoutException {
    return InvokeAny.within(this::submit, tasks, unit.toNanos(timeout));
  }

  // ------------------------------------------------------------------ Ending

  /**
   * Refuses further tasks, takes back those that are pending, and kills the workers of those that
   * run, whose futures are cancelled.
   *
   * @return the futures of the tasks that were pending, in the order of their submission, then
   *     those of what waits for its time. None has run and none will; such a future is not done.
   *     Its {@code run} does the work after all, in this process, and {@code execute} of another
   *     process pool does it there.
   */
  @Override
  public List<Runnable> shutdownNow() {
    List<DelayedTask<?>> waiting = delays().takeAll();
    List<Runnable> returned = new ArrayList<>();
    host.returningCancelled(returned, () -> call(p -> p.close(CloseMode.kCloseCancelPending)));
    List<Runnable> all = withDelayed(waiting, returned);
    call(p -> p.close(CloseMode.kCloseKill));
    host.stopReading();
    return all;
  }

  @Override
  Object workOf(Callable<?> task) {
    return RemoteTask.of(context, task);
  }

  @Override
  Object workOf(Runnable task) {
    return RemoteTask.ofRunnable(context, task, null);
  }

  @Override
  RunnableFuture<?> newRun(Object work) {
    return ((RemoteTask<?>) work).again();
  }

  @Override
  <T> Supplier<RunnableFuture<T>> runsOf(Callable<T> task) {
    return RemoteTask.of(context, task)::again;
  }

  @Override
  Supplier<RunnableFuture<Object>> runsOf(Runnable task) {
    return RemoteTask.<Object>ofRunnable(context, task, null)::again;
  }

  @Override
  void submitDue(RunnableFuture<?> run) {
    RemoteTask<?> task = (RemoteTask<?>) run;
    if (!task.markSubmitted()) {
      return;
    }
    NativeTaskOptions settings = TaskOptions.DEFAULT.toNative();
    try {
      settings.setNextDue(0);
      submitMarked(task, settings, false);
    } finally {
      settings.delete();
    }
  }

  @Override
  ThreadPoolHost threadHost() {
    return null;
  }

  @Override
  MapRun.Executor executor() {
    return new MapRun.Executor() {
      @Override
      public <T> CompletableFuture<T> submit(SerializableCallable<T> task) {
        return ProcessPool.this.submit(task);
      }
    };
  }

  @Override
  long countStalls() {
    return 0; // its workers are other JVMs
  }

  @Override
  boolean isOwnWorker() {
    return false; // their tasks are in other processes
  }

  @Override
  Throwable brokenBy() {
    return null; // whatever it was, it was not in this process
  }

  /** Makes a {@link ProcessPool}. Threads: one at a time. It may be used again. */
  public static final class Builder extends WorkerOptions<Builder> {
    private byte[] initializer = {};
    private byte[] finalizer = {};
    private long maxPayloadBytes; // 0: not said
    private long maxPendingBytes;
    private long maxWorkerBytes;
    private int maxRestarts;
    private Duration restartWindow = Duration.ofSeconds(5);
    private List<String> workerCommand = List.of();
    private ObjectInputFilter resultFilter;

    private Builder() {}

    @Override
    Builder self() {
      return this;
    }

    /**
     * Run by each worker process before its first task. What it throws breaks the pool.
     *
     * @param initializer is serialized in this call
     * @return this
     * @throws SerializationException if it can't be
     */
    public Builder initializer(SerializableRunnable initializer) {
      this.initializer = SentTask.write(initializer, "the initializer");
      return this;
    }

    /**
     * Run by each worker process after its last task. What it throws breaks the pool.
     *
     * @param finalizer is serialized in this call
     * @return this
     * @throws SerializationException if it can't be
     */
    public Builder finalizer(SerializableRunnable finalizer) {
      this.finalizer = SentTask.write(finalizer, "the finalizer");
      return this;
    }

    /**
     * A larger task or result fails with a {@link SerializationException}.
     *
     * @param bytes 4 GiB by default, of which a Java array holds 2 GiB
     * @return this
     */
    public Builder maxPayloadBytes(long bytes) {
      if (bytes <= 0) {
        throw new IllegalArgumentException(
            "maxPayloadBytes is " + bytes + "; it must be more than 0");
      }
      this.maxPayloadBytes = bytes;
      return this;
    }

    /**
     * At most this many bytes of serialized tasks wait; {@code whenFull} applies to them, too. A
     * task that exceeds the limit by itself is rejected.
     *
     * @param bytes 0, the default: no limit
     * @return this
     */
    public Builder maxPendingBytes(long bytes) {
      this.maxPendingBytes = bytes;
      return this;
    }

    /**
     * A worker that has more resident memory of its own after a task, shared memory aside, ends,
     * and another takes its place. A limit below what a new worker takes is said once, by a
     * warning of the {@link System.Logger} "io.asyncpal", and is none.
     *
     * @param bytes 0, the default: no limit
     * @return this
     */
    public Builder maxWorkerBytes(long bytes) {
      this.maxWorkerBytes = bytes;
      return this;
    }

    /**
     * The pool breaks when more workers than this die within {@link #restartWindow} while they run
     * no task, and none finishes one. A task that ends its worker never breaks a pool.
     *
     * @param restarts 0, the default: twice the number of workers, and 8 at least
     * @return this
     */
    public Builder maxRestarts(int restarts) {
      this.maxRestarts = restarts;
      return this;
    }

    /**
     * The time within which {@link #maxRestarts} counts.
     *
     * @param window 5 seconds by default
     * @return this
     * @throws IllegalArgumentException if {@code window} is negative
     */
    public Builder restartWindow(Duration window) {
      Durations.toNanos("restartWindow", window);
      this.restartWindow = window;
      return this;
    }

    /**
     * Runs another program than a JVM in the workers, such as one in C++ that links the library.
     * Such workers can only run the tasks of {@link #call}.
     *
     * @param command the program and its arguments; empty, the default: a JVM
     * @return this
     * @throws IllegalArgumentException if the program is not there
     */
    public Builder workerCommand(List<String> command) {
      if (!command.isEmpty()) {
        WorkerCommand.checkProgram("workerCommand", command.get(0));
      }
      this.workerCommand = List.copyOf(command);
      return this;
    }

    /**
     * Decides which classes may come from a worker, in results and in exceptions. Without a filter,
     * any class that this process can load may come, so a worker that has been taken over could
     * attack this process, too.
     *
     * <p>Whatever the filter allows: what is rejected by the filter of this JVM ({@code
     * jdk.serialFilter}) is rejected, and so are an array or a number of references that the bytes
     * that came could not hold. A result that is rejected is a {@link SerializationException}, an
     * exception arrives as a {@link RemoteException}.
     *
     * @param filter for example {@code ObjectInputFilter.Config.createFilter("com.example.*;!*")};
     *     null, the default: none
     * @return this
     */
    public Builder resultFilter(ObjectInputFilter filter) {
      this.resultFilter = filter;
      return this;
    }

    @Override
    public ProcessPool build() {
      return new ProcessPool(this);
    }

    private RemoteHost makeHost() {
      WorkerCommand command =
          workerCommand.isEmpty()
              ? WorkerCommand.make(this)
              : new WorkerCommand(workerCommand, false, null);
      return new RemoteHost(
          Thread.currentThread().getContextClassLoader(), resultFilter, command);
    }

    private NativeProcessPool makeNative(RemoteHost host) {
      NativeProcessPoolOptions settings = new NativeProcessPoolOptions();
      try {
        apply(settings, worker -> ""); // it runs in another process
        if (maxPayloadBytes != 0) {
          settings.setMaxPayloadBytes(maxPayloadBytes);
        }
        if (handshakeTimeout != null) {
          settings.setHandshakeTimeout(Durations.toNanos("handshakeTimeout", handshakeTimeout));
        }
        settings.setNoNewPrivileges(noNewPrivileges);
        host.command().words().forEach(settings::addWorkerArgument);
        settings.setAnswersWorkers(host.command().asksParent());
        if (workerCommand.isEmpty()) {
          JvmOptions.VARIABLES.forEach(settings::hideFromWorkers);
        }
        settings.setMaxPendingBytes(maxPendingBytes);
        settings.setMaxWorkerBytes(maxWorkerBytes);
        settings.setMaxRestarts(maxRestarts);
        settings.setRestartWindow(Durations.toNanos("restartWindow", restartWindow));
        settings.setInitializer(initializer);
        settings.setFinalizer(finalizer);
        host.swigReleaseOwnership(); // the native pool has it from here on
        return new NativeProcessPool(host, settings);
      } catch (Failure e) {
        host.terminated();
        throw (RuntimeException) Failures.take(e, null);
      } finally {
        settings.delete();
      }
    }
  }
}

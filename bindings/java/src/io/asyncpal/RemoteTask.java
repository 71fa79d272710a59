package io.asyncpal;

import io.asyncpal.internal.swig.NativeProcessPool;
import io.asyncpal.internal.swig.NativeTaskProgress;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.RunnableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * A task of a process pool, and its future. The native task's handle is given up when the outcome
 * has come, the submission has returned and nobody is using it.
 *
 * <p>A thread that waits for a result receives it itself, if it comes soon and nobody else is about
 * to: so a call costs no wake-up of a third thread.
 */
final class RemoteTask<V> extends SafeFuture<V> implements RunnableFuture<V> {
  /** What goes to the worker; an empty name stands for a call in Java. */
  record Call(String name, byte[] arguments) {}

  /** Makes the result out of what the worker sent. */
  interface Decoder<V> {
    V decode(byte[] result, ResultReader reader, RemoteTask<V> task) throws TimeoutException;
  }

  // In native code, where no interrupt ends a wait, nor an outcome that comes in another way.
  private static final long MAX_RECEIVE_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

  private final Call call;
  private final Callable<V> callable; // null: only C++ has it
  private final Decoder<V> decoder;

  private final Object lock = new Object();
  // Guarded by `lock`.
  private long handle; // 0: there is none yet
  private boolean settled;
  private int users;
  private boolean submitted;
  private boolean returned; // by shutdownNow(), and not run since

  private volatile RemoteHost host; // null: it is not submitted, or settled
  // What does the work after all; null: none does, or this one itself.
  private volatile RemoteTask<V> substitute;

  private volatile InView in; // null: in no view
  private volatile long timeoutNanos = Long.MAX_VALUE;
  // Of its result or exception; null: it has not come, or is harmless.
  private volatile ResultReader.Reading reading;

  RemoteTask(Call call, Callable<V> callable, Decoder<V> decoder) {
    this.call = call;
    this.callable = callable;
    this.decoder = decoder;
  }

  /** A task whose worker calls it with what {@code hook}, or null, captures. */
  static <T> RemoteTask<T> of(ContextHook hook, Callable<T> callable) {
    Call call = callOf(InContext.captureToSend(hook, callable));
    return new RemoteTask<>(
        call,
        callable,
        callable instanceof MapChunk<?> chunk && chunk.inParts()
            ? RemoteTask::readCalls
            : RemoteTask::readResult);
  }

  /** The same for one without a result of its own. */
  static <T> RemoteTask<T> ofRunnable(ContextHook hook, Runnable sent, T value) {
    return new RemoteTask<>(
        callOf(InContext.captureToSend(hook, sent)),
        Executors.callable(sent, value),
        (bytes, reader, task) -> value);
  }

  private static Call callOf(Object sent) {
    return new Call("", SentTask.write(sent, "the task"));
  }

  /** Another one that does the same, and was not submitted. */
  RemoteTask<V> again() {
    return new RemoteTask<>(call, callable, decoder);
  }

  @SuppressWarnings("unchecked") // what the callable returned in the worker
  private static <T> T readResult(byte[] bytes, ResultReader reader, RemoteTask<T> task)
      throws TimeoutException {
    return (T) reader.readResult(bytes, task);
  }

  @SuppressWarnings("unchecked") // it is what such a chunk brings back
  private static <T> T readCalls(byte[] bytes, ResultReader reader, RemoteTask<T> task)
      throws TimeoutException {
    int calls = ((MapChunk<?>) task.callable).items().size();
    return (T) reader.readCalls(bytes, calls, true, task);
  }

  boolean isOfMap() {
    return callable instanceof MapChunk;
  }

  Call call() {
    return call;
  }

  /** False: it was given to a pool before. */
  boolean markSubmitted() {
    synchronized (lock) {
      boolean first = !submitted;
      submitted = true;
      return first;
    }
  }

  /** It never ran, and shutdownNow() gives it back. */
  void giveBack() {
    synchronized (lock) {
      returned = true;
    }
  }

  private boolean takeBack() {
    synchronized (lock) {
      boolean was = returned;
      returned = false;
      return was;
    }
  }

  /** One for another pool that does this one's work, if that was given back; else this one. */
  RemoteTask<V> toSubmit() {
    if (!takeBack()) {
      return this;
    }
    RemoteTask<V> other = again();
    other.whenComplete(
        (value, thrown) -> {
          if (other.isCancelled()) {
            markCancelled();
          } else if (thrown == null) {
            super.complete(value);
          } else {
            super.completeExceptionally(thrown);
          }
        });
    substitute = other;
    return other;
  }

  void setView(InView view) {
    in = view;
  }

  InView view() {
    return in;
  }

  /** Native code has told the outcome, or has refused it. Once. */
  void goFromView() {
    InView its = in;
    if (its != null) {
      its.onGone().run();
    }
  }

  void setHandle(RemoteHost host, long handle) {
    synchronized (lock) {
      this.host = settled ? null : host;
      this.handle = handle;
      releaseIfUnused();
    }
  }

  /** Native code has told the outcome. */
  void settle() {
    synchronized (lock) {
      settled = true;
      host = null;
      releaseIfUnused();
    }
  }

  private void releaseIfUnused() {
    if (settled && users == 0 && handle != 0) {
      NativeProcessPool.release(handle);
      handle = 0;
    }
  }

  private long beginUse() {
    synchronized (lock) {
      if (settled || handle == 0) {
        return 0;
      }
      users++;
      return handle;
    }
  }

  private void endUse() {
    synchronized (lock) {
      users--;
      releaseIfUnused();
    }
  }

  /** As long as that may also reading the result take. */
  void setTimeout(long nanos) {
    timeoutNanos = nanos;
  }

  long timeoutNanos() {
    return timeoutNanos;
  }

  /** False: nobody waits for it any more. */
  boolean beginReading(ResultReader.Reading begun) {
    reading = begun;
    return !isDone();
  }

  private void stopReading() {
    ResultReader.Reading begun = reading;
    if (begun != null) {
      begun.cancel(false);
    }
  }

  void succeed(byte[] result, ResultReader reader) {
    completeWith(() -> decoder.decode(result, reader, this));
  }

  /**
   * It is a chunk in parts that was lost.
   *
   * @param results of its first calls
   * @param begun that many had begun, or all
   */
  @SuppressWarnings("unchecked") // it is what such a chunk brings back
  void loseCalls(byte[] results, long begun, Throwable error, ResultReader reader) {
    if (!(callable instanceof MapChunk<?> chunk) || !chunk.inParts()) {
      fail(error); // the worker should not have said so
      return;
    }
    List<Object> items = chunk.items();
    completeWith(
        () ->
            (V)
                MapChunk.lost(
                    items, reader.readCalls(results, items.size(), false, this), begun, error));
  }

  private void completeWith(Callable<V> read) {
    V value;
    try {
      value = read.call();
    } catch (CancellationException e) {
      markCancelled(); // while it was read
      return;
    } catch (Throwable e) {
      fail(e);
      return;
    }
    super.complete(value);
  }

  void fail(Throwable e) {
    super.completeExceptionally(toComplete(e));
  }

  void markCancelled() {
    super.cancel(false);
  }

  // ------------------------------------------------------------------ Waiting

  @Override
  public V get() throws InterruptedException, ExecutionException {
    receive(MAX_RECEIVE_NANOS);
    return super.get();
  }

  @Override
  public V get(long timeout, TimeUnit unit)
      throws InterruptedException, ExecutionException, TimeoutException {
    long nanos = unit.toNanos(timeout);
    long start = System.nanoTime();
    receive(Math.min(nanos, MAX_RECEIVE_NANOS));
    return super.get(nanos - (System.nanoTime() - start), TimeUnit.NANOSECONDS);
  }

  @Override
  public V join() {
    receive(MAX_RECEIVE_NANOS);
    return super.join();
  }

  /** Receives the result here, if it comes within that time and is harmless. */
  private void receive(long nanos) {
    RemoteHost at = host;
    if (nanos <= 0
        || at == null
        || isDone()
        || getNumberOfDependents() > 0 // which had better run on the pool's own thread
        || (call.name().isEmpty() && !at.expectsPlainResult())
        || Thread.currentThread().isInterrupted()) {
      return;
    }
    long used = beginUse();
    if (used == 0) {
      return;
    }
    try {
      NativeProcessPool.receive(used, nanos);
    } finally {
      endUse();
    }
  }

  /** What it has reported; null: nothing, or it does not run. */
  TaskProgress progress() {
    long used = beginUse();
    if (used == 0) {
      return null;
    }
    NativeTaskProgress progress = null;
    try {
      progress = NativeProcessPool.progress(used);
      return progress.getIsKnown()
          ? new TaskProgress(progress.getFraction(), progress.getText())
          : null;
    } finally {
      if (progress != null) {
        progress.delete();
      }
      endUse();
    }
  }

  // ------------------------------------------------------------------ Ending it

  @Override
  public boolean cancel(boolean mayInterruptIfRunning) {
    if (isDone()) {
      return isCancelled();
    }
    RemoteTask<V> other = substitute;
    if (other != null) {
      other.cancel(mayInterruptIfRunning);
    }
    long used = beginUse();
    if (used != 0) {
      try {
        // Either of these comes back as an outcome, which cancels the future.
        if (!NativeProcessPool.cancel(used) && mayInterruptIfRunning) {
          NativeProcessPool.kill(used);
        }
      } finally {
        endUse();
      }
    }
    super.cancel(mayInterruptIfRunning);
    stopReading();
    return isCancelled();
  }

  /** Cancels it if it is pending. False: it is not. */
  boolean cancelPending() {
    long used = beginUse();
    if (used == 0) {
      return false;
    }
    try {
      return NativeProcessPool.cancel(used); // which cancels the future, too
    } finally {
      endUse();
    }
  }

  @Override
  public boolean complete(V value) {
    boolean completed = super.complete(value);
    stopReading();
    withdraw();
    return completed;
  }

  @Override
  public boolean completeExceptionally(Throwable e) {
    boolean completed = super.completeExceptionally(e);
    stopReading();
    withdraw();
    return completed;
  }

  /** Others have completed it: if it is pending, it need not run. */
  private void withdraw() {
    long used = beginUse();
    if (used != 0) {
      try {
        NativeProcessPool.cancel(used);
      } finally {
        endUse();
      }
    }
  }

  /** Runs a task that shutdownNow() returned, in this process, the first time. */
  @Override
  public void run() {
    if (!takeBack()) {
      return;
    }
    if (callable == null) {
      throw new IllegalStateException(
          "the C++ task '" + call.name() + "' can't be run in this process");
    }
    try {
      super.complete(callable.call());
    } catch (Throwable e) {
      fail(e);
    }
  }
}

package io.asyncpal;

import java.io.InvalidClassException;
import java.io.ObjectInputFilter;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Reads what the workers of a pool send, and stands whatever that is.
 *
 * <p>How it works: reading an object runs code of its class, which may take for ever. So that is
 * done on a thread apart, and the thread that serves the worker waits for it as long as somebody
 * wants the result: until the future is done by other means, its timeout has passed or the pool is
 * stopped. Where only classes come that are known to be harmless, it reads them itself. So it does
 * with a {@link PlainValue}, which a thread that waits for the task may even receive in its place.
 *
 * <p><b>Threads:</b> any. <b>Errors:</b> a {@link SerializationException}, or one of those of a
 * wait.
 */
final class ResultReader {
  private static final Set<Class<?>> HARMLESS =
      Set.of(
          Boolean.class,
          Byte.class,
          Character.class,
          Short.class,
          Integer.class,
          Long.class,
          Float.class,
          Double.class,
          Number.class,
          String.class,
          Object.class, // as an element's type
          ArrayList.class,
          Attempt.class,
          MapChunk.Results.class);

  private static final AtomicInteger LAST_THREAD = new AtomicInteger();
  private static final ExecutorService THREADS =
      Executors.newCachedThreadPool(
          work -> {
            Thread thread = new Thread(work, "asyncpal-reader-" + LAST_THREAD.incrementAndGet());
            thread.setDaemon(true);
            thread.setContextClassLoader(null); // each result comes with its own
            return thread;
          });

  /** What is being read for a task; cancelling it ends the wait for it. */
  static final class Reading extends CompletableFuture<Object> {}

  private volatile ClassLoader loader; // null: closed
  private final ObjectInputFilter custom;
  private final Set<Reading> readings = ConcurrentHashMap.newKeySet();
  private volatile boolean stopped;
  private volatile boolean expectsPlain; // for the next result, as the last one was

  /**
   * Makes one.
   *
   * @param loader has the classes
   * @param custom what the user allows; may be null
   */
  ResultReader(ClassLoader loader, ObjectInputFilter custom) {
    this.loader = loader;
    this.custom = custom;
    this.expectsPlain = custom == null;
  }

  /** Whether a thread that waits for a result had better look for it itself. */
  boolean expectsPlain() {
    return expectsPlain;
  }

  /** The result that {@code task} gets, or an exception. */
  Object readResult(byte[] bytes, RemoteTask<?> task) throws TimeoutException {
    if (custom == null) {
      boolean isPlain = PlainValue.isOne(bytes);
      if (expectsPlain != isPlain) {
        expectsPlain = isPlain;
      }
      if (isPlain) {
        return readPlain(bytes);
      }
      try {
        return Serialization.readAfter(bytes, "the result", new HarmlessFilter(bytes.length));
      } catch (SerializationException e) {
        if (!(e.getCause() instanceof InvalidClassException)) {
          throw e;
        }
      }
    }
    return readApart(() -> PlainValue.isOne(bytes) ? readPlain(bytes) : readOther(bytes), task);
  }

  /**
   * What has come of a chunk in parts, of that many calls. A result that can't be read is that
   * call's failure.
   */
  MapChunk.Results<Attempt<Object>> readCalls(
      byte[] bytes, int calls, boolean isWhole, RemoteTask<?> task) throws TimeoutException {
    if (custom == null) {
      try {
        return CallFrames.read(
            bytes, calls, isWhole, one -> readCall(one, new HarmlessFilter(one.length)));
      } catch (UnknownClassException e) {
        // To be read with care.
      }
    }
    return readApart(
        () -> CallFrames.read(bytes, calls, isWhole, one -> readCall(one, filterFor(one.length))),
        task);
  }

  private Attempt<Object> readCall(byte[] bytes, ObjectInputFilter filter) {
    try {
      Object result =
          PlainValue.isOne(bytes)
              ? readPlain(bytes)
              : Serialization.readAfter(bytes, "the result", filter);
      return result instanceof Attempt.Failed<?> failed
          ? new Attempt<>(null, failed.thrown().rebuild(this::filterFor))
          : new Attempt<>(result, null);
    } catch (SerializationException e) {
      if (filter instanceof HarmlessFilter && e.getCause() instanceof InvalidClassException) {
        throw new UnknownClassException();
      }
      return new Attempt<>(null, e);
    }
  }

  private Object readPlain(byte[] bytes) {
    Object value = PlainValue.read(bytes);
    ObjectInputFilter ofJvm = ObjectInputFilter.Config.getSerialFilter();
    ObjectInputFilter.FilterInfo info =
        custom == null && ofJvm == null ? null : PlainValue.describe(value, bytes.length);
    if (info != null) {
      ResultFilter filter = filterFor(bytes.length);
      if (filter.checkInput(info) == ObjectInputFilter.Status.REJECTED) {
        throw new SerializationException("the result can't be read: " + filter.reason(), null);
      }
      if (ofJvm != null && ofJvm.checkInput(info) == ObjectInputFilter.Status.REJECTED) {
        throw new SerializationException(
            "the result can't be read: the filter of this JVM (jdk.serialFilter) rejects "
                + info.serialClass().getName(),
            null);
      }
    }
    return value;
  }

  private Object readOther(byte[] bytes) {
    Object result = Serialization.readAfter(bytes, "the result", filterFor(bytes.length));
    if (result instanceof MapChunk.Sent<?> sent) {
      return new MapChunk.Results<>(
          sent.values(), sent.thrown().rebuild(this::filterFor), sent.nanos());
    }
    if (result instanceof MapChunk.Results<?> results) {
      rebuildFailed(results.values());
    }
    return result;
  }

  @SuppressWarnings("unchecked") // they were such, where they come from
  private <T> void rebuildFailed(List<T> values) {
    values.replaceAll(
        value ->
            value instanceof Attempt.Failed<?> failed
                ? (T) new Attempt<>(null, failed.thrown().rebuild(this::filterFor))
                : value);
  }

  /** The exception that was sent as {@code state}; null: it can't be had. */
  Throwable readThrowable(byte[] state, RemoteTask<?> task) {
    if (state.length == 0) {
      return null;
    }
    try {
      return readApart(() -> SentThrowable.read(state, filterFor(state.length)), task);
    } catch (TimeoutException | RuntimeException | Error e) {
      return null;
    }
  }

  private ResultFilter filterFor(int bytes) {
    return new ResultFilter(bytes, custom);
  }

  @SuppressWarnings("unchecked") // what was read
  private <T> T readApart(Callable<T> read, RemoteTask<?> task) throws TimeoutException {
    Reading reading = new Reading();
    readings.add(reading);
    try {
      if (stopped || !task.beginReading(reading)) {
        throw new CancellationException();
      }
      THREADS.execute(
          () -> {
            Thread.currentThread().setContextClassLoader(loader);
            try {
              reading.complete(read.call());
            } catch (Throwable e) {
              reading.completeExceptionally(e);
            } finally {
              Thread.currentThread().setContextClassLoader(null);
            }
          });
      return (T) await(reading, task.timeoutNanos());
    } finally {
      readings.remove(reading);
    }
  }

  private static Object await(Reading reading, long nanos) throws TimeoutException {
    boolean interrupted = false;
    long end = System.nanoTime() + nanos;
    try {
      while (true) {
        try {
          return nanos == Long.MAX_VALUE
              ? reading.get()
              : reading.get(end - System.nanoTime(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
          interrupted = true;
        } catch (ExecutionException e) {
          throw e.getCause() instanceof SerializationException known
              ? known
              : new SerializationException("the result can't be read: " + e.getCause(), e);
        } catch (TimeoutException e) {
          throw new TimeoutException(
              "the result of the task came, but reading it took longer than the task's timeout");
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** Ends all waits, now and later; what has not been read by now is cancelled. */
  void stop() {
    stopped = true;
    readings.forEach(reading -> reading.cancel(false));
  }

  /** Nothing will come any more: lets go of the class loader. */
  void close() {
    loader = null;
  }

  /** A class came that is not known to be harmless. */
  private static final class UnknownClassException extends RuntimeException {
    private static final long serialVersionUID = 1;

    UnknownClassException() {
      super(null, null, false, false);
    }
  }

  /** Rejects whatever is not known to be harmless. */
  private static final class HarmlessFilter implements ObjectInputFilter {
    private final ResultFilter limits;

    HarmlessFilter(int bytes) {
      limits = new ResultFilter(bytes, null);
    }

    @Override
    public Status checkInput(FilterInfo info) {
      Class<?> type = info.serialClass();
      while (type != null && type.isArray()) {
        type = type.getComponentType();
      }
      if (type != null && !type.isPrimitive() && !HARMLESS.contains(type)) {
        return Status.REJECTED;
      }
      return limits.checkInput(info);
    }
  }
}

package io.asyncpal;

import io.asyncpal.internal.swig.Failure;
import io.asyncpal.internal.swig.Library;
import java.io.IOException;
import java.nio.file.Path;

/**
 * Records what all pools of this JVM do, task by task, into a file that <a
 * href="https://ui.perfetto.dev">Perfetto</a>, {@code chrome://tracing} and <a
 * href="https://www.speedscope.app">speedscope</a> show.
 *
 * <pre>{@code
 * try (Trace trace = Trace.start(Path.of("run.json"))) {
 *   pool.submit(() -> load(url)).get();
 * }
 * }</pre>
 *
 * <p>Without a change to the program, {@code ASYNCPAL_TRACE=run.json} in its environment starts one
 * with its first pool, which ends with the JVM. A file that can't be written is a message of the
 * {@link System.Logger} "io.asyncpal" there.
 *
 * <p>Each worker has a lane, a worker process as one of its own, with a slice for each run of a
 * task. An asynchronous event is the time that a task has waited, a flow leads from its submission
 * to its run, and an instant tells how a worker has ended. Tasks are called by the name that their
 * {@link TaskOptions} give them, or by their number. Those that were submitted before the start are
 * not there, though what a worker does for them may be one slice without a name; nor is what pools
 * inside of worker processes do. Meanwhile tasks of thread pools are handed to native code one by
 * one, as those with {@link TaskOptions} always are, which costs each some microseconds.
 *
 * <p><b>Threads:</b> any. <b>Lifetime:</b> from {@link #start} to {@link #stop}, or to the end of
 * the JVM unless that is by {@link Runtime#halt}. <b>Ordering:</b> events are in the order of their
 * times. <b>Errors:</b> as said; a disk that is full ends the trace, with one message, and nothing
 * else notices. <b>Shutdown:</b> what still waits or runs when it stops ends there in the file.
 */
public final class Trace implements AutoCloseable {
  private static final String VARIABLE = "ASYNCPAL_TRACE";
  // Of a JVM that is to become a worker: native code does not trace there.
  private static final String WORKER_VARIABLE = "ASYNCPAL_WORKER";

  private static volatile boolean on = isAskedFor();
  private static Trace current; // guarded by the class; null: none, or that of the environment

  static {
    NativeLibrary.load();
  }

  private Trace() {}

  /**
   * Starts to record. Overwrites the file.
   *
   * @param path of the file
   * @return what stops it; {@link #stop} does that, too
   * @throws IOException if the file can't be written
   * @throws IllegalStateException while there is a trace
   * @throws UnsupportedOperationException if the path is not one of the default file system
   */
  public static synchronized Trace start(Path path) throws IOException {
    try {
      Library.startTrace(path.toFile().getAbsolutePath());
    } catch (Failure e) {
      Throwable reason = Failures.take(e, null);
      if (reason instanceof RemoteException remote
          && remote.typeName().equals("std::system_error")) {
        throw new IOException(remote.getMessage());
      }
      throw (RuntimeException) reason;
    }
    on = true;
    current = new Trace();
    return current;
  }

  /** Stops the trace. The file is complete when this returns. Without a trace it does nothing. */
  public static synchronized void stop() {
    current = null;
    on = false;
    Library.stopTrace();
  }

  /** Stops this trace. Does nothing if it was stopped before. */
  @Override
  public void close() {
    synchronized (Trace.class) {
      if (current == this) {
        stop();
      }
    }
  }

  /** Whether native code must see each task; true for a while after a trace has ended by itself. */
  static boolean isOn() {
    return on;
  }

  private static boolean isAskedFor() {
    String path = System.getenv(VARIABLE);
    return path != null && !path.isEmpty() && System.getenv(WORKER_VARIABLE) == null;
  }
}

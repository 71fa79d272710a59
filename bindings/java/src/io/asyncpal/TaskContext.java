package io.asyncpal;

import io.asyncpal.internal.swig.HostedWorker;
import io.asyncpal.internal.swig.Library;
import java.util.Optional;

/**
 * What a task can know of itself while it runs, on a thread or in a process:
 *
 * <pre>{@code
 * static void render(Scene scene) {
 *   TaskContext task = TaskContext.current().orElseThrow();
 *   for (int line = 0; line < 100; line++) {
 *     scene.renderLine(line);
 *     task.reportProgress((line + 1) / 100.0, "line " + line);
 *   }
 * }
 * }</pre>
 *
 * <p>A task that never asks for it pays nothing. Whether it is to stop, its thread's interrupt flag
 * says; the worker of a task in a process is killed.
 *
 * <p><b>Threads:</b> {@link #current} is of the calling thread; what it returns may be used by any.
 * <b>Lifetime:</b> until the task returns; after that, reports do nothing. <b>Ordering:</b> none.
 * <b>Errors:</b> as said with the methods. <b>Shutdown:</b> none.
 */
public final class TaskContext {
  static {
    NativeLibrary.load();
  }

  /** Whether submissions may belong to a trace. From then on, each asks for that. */
  private static volatile boolean traces;

  private final String name;
  private final long id;
  private final int attempt;
  private final String traceparent;
  private final Reports reports; // null: the task is in a process

  /** Where a task of a thread pool reports to. Threads: any. */
  static final class Reports {
    volatile TaskProgress last;
  }

  TaskContext(String name, long id, int attempt, String traceparent, Reports reports) {
    this.name = name;
    this.id = id;
    this.attempt = attempt;
    this.traceparent = traceparent;
    this.reports = reports;
  }

  /**
   * That of the innermost task that runs on this thread.
   *
   * @return empty: none does, as in an initializer or in a thread that the task has started itself
   */
  public static Optional<TaskContext> current() {
    Worker worker = Worker.current();
    if (worker != null && worker.depth() > 0) {
      return Optional.of(worker.context());
    }
    return WorkerMain.runsOnThisThread() ? ofSent() : Optional.empty();
  }

  private static Optional<TaskContext> ofSent() {
    if (!HostedWorker.runsTask()) {
      return Optional.empty(); // an initializer or a finalizer runs
    }
    HostedWorker.shareTask();
    return Optional.of(
        new TaskContext(
            HostedWorker.taskName(),
            HostedWorker.taskId(),
            HostedWorker.taskAttempt(),
            HostedWorker.traceparent(),
            null));
  }

  /**
   * The task's name.
   *
   * @return that of its {@link TaskOptions}; may be empty
   */
  public String name() {
    return name;
  }

  /**
   * The task's number, which also {@link Pool#workers} and messages have.
   *
   * @return unique in its pool
   */
  public long id() {
    return id;
  }

  /**
   * How often the task has been started.
   *
   * @return 1; or more where earlier workers have died of the task, see {@link
   *     TaskOptions#maxAttempts}
   */
  public int attempt() {
    return attempt;
  }

  /**
   * The trace that the task belongs to, as W3C's Trace Context defines it: that of its {@link
   * TaskOptions}, or else of the task that has submitted it.
   *
   * @return empty: none
   */
  public String traceparent() {
    return traceparent;
  }

  /**
   * Tells those who ask by {@link TaskProgress#of} how far the task is. Takes about a microsecond,
   * and sends nothing.
   *
   * @param fraction how much is done, from 0 to 1
   * @param text for people; in a process, up to 256 bytes of it are kept
   * @throws IllegalArgumentException for any other fraction
   */
  public void reportProgress(double fraction, String text) {
    TaskProgress progress = new TaskProgress(fraction, text);
    if (reports != null) {
      reports.last = progress;
      return;
    }
    HostedWorker.reportProgress(id, attempt, fraction, text);
  }

  /** Submissions may belong to a trace from now on. */
  static void useTraces() {
    traces = true;
  }

  /** Whether what this thread submits belongs to a trace, which native code passes on. */
  static boolean isTraced() {
    return !ofSubmissions().isEmpty();
  }

  /** The trace that what this thread submits belongs to; empty: none. */
  static String ofSubmissions() {
    return traces ? Library.traceparent() : "";
  }
}

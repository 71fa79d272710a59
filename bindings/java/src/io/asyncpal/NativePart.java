package io.asyncpal;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/** What only those tasks of a thread pool need that are queued in native code. Threads: any. */
final class NativePart {
  private static final VarHandle LEFT;
  private static final VarHandle GONE;

  static {
    try {
      LEFT = MethodHandles.lookup().findVarHandle(NativePart.class, "left", boolean.class);
      GONE = MethodHandles.lookup().findVarHandle(NativePart.class, "gone", boolean.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  final long id; // in the host's table
  final boolean limited; // and in that of those with options
  final TaskOptions options; // its own, or none
  final int attempt; // where it is tried again

  final InView in; // null: in no view

  private volatile long handle; // 0: submit() has not returned yet
  private volatile boolean left;
  private volatile boolean gone;

  NativePart(long id, boolean limited, TaskOptions options, int attempt, InView in) {
    this.id = id;
    this.limited = limited;
    this.options = options;
    this.attempt = attempt;
    this.in = in;
  }

  void setHandle(long handle) {
    this.handle = handle;
  }

  /** What submit() has given, or is about to: the task was queued. */
  long awaitHandle() {
    while (handle == 0) {
      Thread.onSpinWait();
    }
    return handle;
  }

  /** It will never run, or has returned, and native code knows; whoever finds that first. */
  void goFromView() {
    if (in != null && GONE.compareAndSet(this, false, true)) {
      in.onGone().run();
    }
  }

  /** The task is pending no more. True: it was until now. */
  boolean leave() {
    return LEFT.compareAndSet(this, false, true);
  }
}

package io.asyncpal;

import java.util.List;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.Future;
import java.util.concurrent.locks.LockSupport;

/**
 * What a worker was seen to wait for inside of its task. All of it was true at one moment: what is
 * decided and what is reported about the wait can't differ.
 *
 * @param blocker what the thread is parked by; null: nothing says
 * @param isTimed whether it wakes up by itself
 * @param isKnown whether native code knows that it waits
 */
record BlockedWorker(
    Worker worker,
    Object blocker,
    boolean isTimed,
    boolean isKnown,
    List<StackTraceElement> stack) {

  /** Null if the worker does not wait, or goes on meanwhile. */
  static BlockedWorker of(Worker worker) {
    Thread thread = worker.thread;
    Object blocker = LockSupport.getBlocker(thread);
    boolean timed = thread.getState() == Thread.State.TIMED_WAITING;
    boolean known = worker.isBlocking();
    if (!worker.isBlocked()) {
      return null;
    }
    List<StackTraceElement> stack = List.of(thread.getStackTrace());
    return worker.isBlocked() && LockSupport.getBlocker(thread) == blocker
        ? new BlockedWorker(worker, blocker, timed, known, stack)
        : null;
  }

  /** Whether it is still the wait that {@code earlier} was, as far as one can see. */
  boolean continues(BlockedWorker earlier) {
    return worker == earlier.worker && blocker == earlier.blocker && stack.equals(earlier.stack);
  }

  /** Whether no time limit of its own will wake it up, but for that of a wait for tasks. */
  boolean needsOthers() {
    return !isTimed || isKnown || waitsForTasks();
  }

  /**
   * Whether what it waits for is the outcome of a task: it is parked by a {@link Future}, as all
   * waits of {@link java.util.concurrent.CompletableFuture} and {@link
   * java.util.concurrent.FutureTask} are, or inside of an {@link ExecutorCompletionService}.
   */
  boolean waitsForTasks() {
    return blocker instanceof Future
        || stack.stream()
            .anyMatch(
                frame -> frame.getClassName().equals(ExecutorCompletionService.class.getName()));
  }

  /** The class of what it waits for, for people. */
  String blockerName() {
    return blocker == null ? "something unknown" : blocker.getClass().getName();
  }

  /** " at" the innermost line that is neither the JDK's nor ours; empty if there is none. */
  String lineOfTask() {
    for (StackTraceElement frame : stack) {
      if (!frame.getClassName().matches("(java|javax|jdk|sun|io\\.asyncpal)\\..*")) {
        // Without the loader and module that frame.toString() begins with.
        return String.format(
            " at %s.%s(%s:%d)",
            frame.getClassName(),
            frame.getMethodName(),
            frame.getFileName(),
            frame.getLineNumber());
      }
    }
    return "";
  }
}

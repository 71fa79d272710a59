package io.asyncpal;

import java.io.Serializable;

/**
 * Takes what belongs to the thread that submits a task, such as SLF4J's MDC, to the thread or
 * process that runs it.
 *
 * <pre>{@code
 * ContextHook mdc =
 *     () -> {
 *       Map<String, String> mine = MDC.getCopyOfContextMap();
 *       return () -> {
 *         MDC.setContextMap(mine == null ? Map.of() : mine);
 *         return MDC::clear;
 *       };
 *     };
 * ThreadPool pool = ThreadPool.builder().context(mdc).build();
 * }</pre>
 *
 * <p>The same hook serves a process pool, where what it captures is serialized with the task.
 *
 * <p><b>Threads:</b> as said with the methods; several at once. <b>Lifetime:</b> that of the pool.
 * <b>Errors:</b> as said with the methods. <b>Ordering:</b> one after the other for each task.
 * <b>Shutdown:</b> none.
 */
@FunctionalInterface
public interface ContextHook {
  /**
   * Called in each submission, also of the chunks of a map, on the thread that submits; that may be
   * one that reads a map's results. What it throws is thrown by the submission.
   *
   * @return what the task is to have; null: nothing
   */
  Captured capture();

  /** What a submitter has handed to a task; in a process pool, it can be serialized. */
  @FunctionalInterface
  interface Captured extends Serializable {
    /**
     * Called right before the task, on the thread that runs it. What it throws fails the task.
     *
     * @return called after the task, on the same thread, to take the context away again; what that
     *     throws fails the task, unless it has failed before. Null: nothing is to be done.
     * @throws Exception any
     */
    AutoCloseable restore() throws Exception;
  }
}

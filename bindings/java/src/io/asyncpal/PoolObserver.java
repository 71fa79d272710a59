package io.asyncpal;

/**
 * Is told what happens in a pool, while it happens: for traces, metrics and logs of one's own.
 *
 * <pre>{@code
 * PoolObserver slow =
 *     new PoolObserver() {
 *       @Override
 *       public void onDone(TaskReport task) {
 *         if (task.ran().toSeconds() > 0) {
 *           System.err.println(task.name() + " was slow");
 *         }
 *       }
 *     };
 * ThreadPool pool = ThreadPool.builder().observer(slow).build();
 * }</pre>
 *
 * <p>Each task that is submitted (also by {@code execute} and maps) has one {@link #onSubmit} and
 * one {@link #onDone}, and in between an {@link #onStart} for each attempt to run it, if it comes
 * to that: it may be cancelled before, come too late, or be returned by {@code shutdownNow}. A
 * submission that the pool refuses for lack of room is a task that ends at once, as {@code FAILED};
 * one to a pool that is shut down or broken is not reported. A future that others complete while
 * its task runs is done before that; the task is done when it ends.
 *
 * <p>A thread pool with an observer gives each task to native code, which costs it microseconds,
 * many times as much as one that is not observed: observe pools of tasks that take tens of
 * microseconds or more.
 *
 * <p><b>Threads:</b> called on whatever thread does it (a submitter, a worker, one of native code's
 * own, one that cancels), on several at once, with no lock of the library held. It may use the
 * pools; if it submits to its own, {@code onSubmit} is called for that task in turn. It must not
 * wait for the task that it is told of. <b>Lifetime:</b> pools refer to it until their last worker
 * has gone; a pool that it refers to in turn is not collected before it is closed. <b>Ordering:</b>
 * {@code onSubmit}, {@code onStart}, {@code onDone} of one task in this order, but for a task that
 * is killed as it starts; {@code onWorkerStarted} before the tasks of that worker, {@code
 * onWorkerEnded} after them. A task's future is done after its {@code onDone}, and {@link
 * Pool#stats} counts the task then. <b>Errors:</b> the first thing that it throws goes to the
 * {@link System.Logger} "io.asyncpal"; nobody else notices. <b>Shutdown:</b> the tasks that it
 * cancels are reported before it returns.
 */
public interface PoolObserver {
  /**
   * The task is about to be queued.
   *
   * @param task with the outcome {@code PENDING}
   */
  default void onSubmit(TaskReport task) {}

  /**
   * The task is about to run.
   *
   * @param task with the outcome {@code RUNNING}
   */
  default void onStart(TaskReport task) {}

  /**
   * The task is over, and its future about to be done.
   *
   * @param task with its outcome
   */
  default void onDone(TaskReport task) {}

  /**
   * A worker is ready for tasks.
   *
   * @param worker a thread, on that thread, or a process
   */
  default void onWorkerStarted(WorkerInfo worker) {}

  /**
   * A worker is no more, or about to go.
   *
   * @param worker as it was at last
   * @param why for people
   */
  default void onWorkerEnded(WorkerInfo worker, String why) {}

  /**
   * The task runs longer than {@link PoolBuilder#stallThreshold}. Called once for it, on the thread
   * that keeps the pools' timeouts, which wait for it. It may come after the {@code onDone} of a
   * task that ends just then.
   *
   * @param task with the outcome {@code RUNNING}
   * @param stack what it does, a line for each frame; empty where that can't be told
   */
  default void onStall(TaskReport task, String stack) {}
}

package io.asyncpal;

import io.asyncpal.internal.swig.NativeView;
import java.util.concurrent.RunnableFuture;

/**
 * Where a task belongs that is submitted to a view of its pool.
 *
 * @param view native code's; null: none, and the task is only listened to
 * @param key in a view with keys; else of no meaning
 * @param onGone is called once: when the task will never run, or has returned and native code has
 *     passed its place on, as a rule after its future is done; or when the pool has refused it. On
 *     any thread; it throws nothing.
 */
record InView(NativeView view, long key, Runnable onGone) {
  /** What knows the views of tasks. */
  interface Places {
    /** Those of tasks that belong to none. */
    Places NONE = task -> null;

    /**
     * A task is about to be submitted.
     *
     * @throws java.util.concurrent.RejectedExecutionException if its view takes none
     */
    InView enter(RunnableFuture<?> task);
  }
}

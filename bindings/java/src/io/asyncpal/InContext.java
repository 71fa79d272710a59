package io.asyncpal;

import java.util.concurrent.Callable;

/** A task with what a {@link ContextHook} has captured for it. */
final class InContext<V> implements SerializableCallable<V> {
  private static final long serialVersionUID = 1;

  private final ContextHook.Captured context;
  private final Object task; // a Callable or a Runnable, which may be serializable

  private InContext(ContextHook.Captured context, Object task) {
    this.context = context;
    this.task = task;
  }

  /** The task with what its submitter carries, if there is a hook and that captures anything. */
  static <V> Callable<V> capture(ContextHook hook, Callable<V> task) {
    ContextHook.Captured context = hook == null ? null : hook.capture();
    return context == null ? task : new InContext<>(context, task);
  }

  /** The same for a Callable or Runnable that is to be serialized. */
  static Object captureToSend(ContextHook hook, Object task) {
    ContextHook.Captured context = hook == null ? null : hook.capture();
    return context == null ? task : new InContext<>(context, task);
  }

  /** What was submitted. */
  static Object unwrap(Object task) {
    return task instanceof InContext<?> wrapped ? wrapped.task : task;
  }

  @Override
  @SuppressWarnings({"unchecked", "try"}) // it is what was wrapped; the scope is only closed
  public V call() throws Exception {
    try (AutoCloseable scope = context.restore()) {
      if (task instanceof Callable<?> callable) {
        return (V) callable.call();
      }
      ((Runnable) task).run();
      return null;
    }
  }
}

package io.asyncpal;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/** A task without a future. It is run as such, even if it is a Task. */
class Post implements HostQueue.Item, Runnable {
  private static final VarHandle CLAIMED;

  static {
    try {
      CLAIMED = MethodHandles.lookup().findVarHandle(Post.class, "claimed", boolean.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  final Runnable task;
  private int number;
  private volatile boolean claimed;

  private Post(Runnable task) {
    this.task = task;
  }

  /** One in a pool with that hook, or null. Throws what that throws. */
  static Post of(ContextHook hook, Runnable task) {
    ContextHook.Captured context = hook == null ? null : hook.capture();
    return context == null ? new Post(task) : new InContextOf(context, task);
  }

  /** One with what its submitter carries. */
  private static final class InContextOf extends Post {
    private final ContextHook.Captured context;

    InContextOf(ContextHook.Captured context, Runnable task) {
      super(task);
      this.context = context;
    }

    @Override
    @SuppressWarnings("try") // it is only closed
    void call() throws Exception {
      try (AutoCloseable scope = context.restore()) {
        super.call();
      }
    }
  }

  /** On a worker. */
  void call() throws Exception {
    task.run();
  }

  /** Before anybody else sees it, where Java counts the pool's tasks. */
  final void setNumber(long number) {
    this.number = (int) number;
  }

  /** 0: native code counts them. */
  final long number() {
    return Integer.toUnsignedLong(number);
  }

  @Override
  public final void run() {
    task.run();
  }

  @Override
  public final boolean isPending() {
    return !claimed;
  }

  /** False: somebody else has. */
  final boolean claim() {
    return CLAIMED.compareAndSet(this, false, true);
  }
}

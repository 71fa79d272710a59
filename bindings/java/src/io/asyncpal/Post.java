package io.asyncpal;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/** A task without a future. It is run as such, even if it is a Task. */
final class Post implements HostQueue.Item, Runnable {
  private static final VarHandle CLAIMED;

  static {
    try {
      CLAIMED = MethodHandles.lookup().findVarHandle(Post.class, "claimed", boolean.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  final Runnable task;
  private final int number;
  private volatile boolean claimed;

  /** The number is 0 if native code counts the pool's tasks. */
  Post(Runnable task, long number) {
    this.task = task;
    this.number = (int) number;
  }

  long number() {
    return Integer.toUnsignedLong(number);
  }

  @Override
  public void run() {
    task.run();
  }

  @Override
  public boolean isPending() {
    return !claimed;
  }

  /** False: somebody else has. */
  boolean claim() {
    return CLAIMED.compareAndSet(this, false, true);
  }
}

package io.asyncpal;

import io.asyncpal.internal.swig.CloseMode;
import io.asyncpal.internal.swig.Failure;
import io.asyncpal.internal.swig.FailureKind;
import io.asyncpal.internal.swig.ProcessHost;
import java.util.Collection;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A process pool's side of Java, which native code calls. No method lets an exception out.
 *
 * <p>Native code holds it, and it holds the tasks.
 */
final class RemoteHost extends ProcessHost implements PoolHost {
  private final CountDownLatch ended = new CountDownLatch(1);
  private final Joins joins = new Joins();

  private final ClassLoader loader;
  private final AtomicLong lastId = new AtomicLong();
  private final ConcurrentHashMap<Long, RemoteTask<?>> tasks = new ConcurrentHashMap<>();
  // A shutdownNow() that collects what it cancels, on its own thread.
  private final ThreadLocal<Collection<Runnable>> returned = new ThreadLocal<>();

  RemoteHost(ClassLoader loader) {
    this.loader = loader;
  }

  long add(RemoteTask<?> task) {
    long id = lastId.incrementAndGet();
    tasks.put(id, task);
    return id;
  }

  void remove(long id) {
    tasks.remove(id);
  }

  /** Runs {@code f}, and gives what this thread cancels meanwhile to {@code to}. */
  void returningCancelled(Collection<Runnable> to, Runnable f) {
    returned.set(to);
    try {
      f.run();
    } finally {
      returned.remove();
    }
  }

  @Override
  public void complete(long id, byte[] result) {
    RemoteTask<?> task = take(id);
    task.succeed(result);
  }

  @Override
  public void fail(long id, Failure failure) {
    RemoteTask<?> task = take(id);
    if (failure.link(0).getKind() == FailureKind.kCancelled) {
      task.markCancelled();
    } else {
      task.fail(Failures.toThrowable(failure, null));
    }
  }

  @Override
  public void drop(long id, Failure why) {
    RemoteTask<?> task = take(id);
    Collection<Runnable> to = returned.get();
    if (!why.empty()) {
      task.fail(Failures.toThrowable(why, null));
    } else if (to == null || task.isOfMap()) {
      task.markCancelled(); // nobody would complete the future of a map's task
    } else if (!task.isDone()) {
      task.giveBack();
      to.add(task);
    }
  }

  @Override
  public void joined(long join) {
    joins.end(join);
  }

  private RemoteTask<?> take(long id) {
    // Results are read, and dependent stages run, with the classes of the pool's maker.
    Thread.currentThread().setContextClassLoader(loader);
    RemoteTask<?> task = tasks.remove(id);
    task.settle();
    return task;
  }

  @Override
  public void terminated() {
    OpenPools.remove(this);
    ended.countDown();
  }

  @Override
  public CountDownLatch ended() {
    return ended;
  }

  @Override
  public Joins joins() {
    return joins;
  }

  @Override
  public void leaveOutTasksThatExit() {
    // They end another JVM.
  }

  @Override
  public void stopAtExit(Pool pool) {
    if (pool != null) {
      pool.call(p -> p.close(CloseMode.kCloseKill));
    }
  }
}

package io.asyncpal;

import io.asyncpal.internal.swig.CloseMode;
import io.asyncpal.internal.swig.Failure;
import io.asyncpal.internal.swig.FailureKind;
import io.asyncpal.internal.swig.ProcessHost;
import java.io.ObjectInputFilter;
import java.util.Collection;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;

/**
 * A process pool's side of Java, which native code calls. No method lets an exception out.
 *
 * <p>Native code holds it, and it holds the tasks.
 */
final class RemoteHost extends ProcessHost implements PoolHost {
  private final CountDownLatch ended = new CountDownLatch(1);
  private final Joins joins = new Joins();

  private volatile ClassLoader loader; // null: terminated
  private final ClassServer classes;
  private final WorkerCommand command;
  private final ResultReader reader;
  private final AtomicLong lastId = new AtomicLong();
  private final ConcurrentHashMap<Long, RemoteTask<?>> tasks = new ConcurrentHashMap<>();
  // A shutdownNow() that collects what it cancels, on its own thread.
  private final ThreadLocal<Collection<Runnable>> returned = new ThreadLocal<>();

  RemoteHost(ClassLoader loader, ObjectInputFilter resultFilter, WorkerCommand command) {
    this.loader = loader;
    this.classes = new ClassServer(loader);
    this.command = command;
    this.reader = new ResultReader(loader, resultFilter);
  }

  WorkerCommand command() {
    return command;
  }

  /** Nobody wants the results any more that have come and are not read yet. */
  void stopReading() {
    reader.stop();
  }

  /** Whether the result of a Java task is likely to be a {@link PlainValue}. */
  boolean expectsPlainResult() {
    return reader.expectsPlain();
  }

  long add(RemoteTask<?> task) {
    long id = lastId.incrementAndGet();
    tasks.put(id, task);
    return id;
  }

  /** Native code has not taken it. */
  void refuse(long id) {
    tasks.remove(id).goFromView();
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
    settle(id, task -> task.succeed(result, reader));
  }

  @Override
  public void fail(long id, Failure failure) {
    settle(
        id,
        task -> {
          if (failure.link(0).getKind() == FailureKind.kCancelled) {
            task.markCancelled();
          } else {
            task.fail(
                Failures.toThrowable(
                    failure, null, state -> reader.readThrowable(state, task)));
          }
        });
  }

  @Override
  public void loseCalls(long id, byte[] results, long rest, Failure failure) {
    settle(
        id,
        task ->
            task.loseCalls(
                results,
                rest,
                Failures.toThrowable(failure, null, state -> reader.readThrowable(state, task)),
                reader));
  }

  @Override
  public void drop(long id, Failure why) {
    Collection<Runnable> to = returned.get();
    settle(
        id,
        task -> {
          if (!why.empty()) {
            task.fail(Failures.toThrowable(why, null));
          } else if (to == null || task.isOfMap()) {
            task.markCancelled(); // nobody would complete the future of a map's task
          } else if (!task.isDone()) {
            task.giveBack();
            to.add(task);
          }
        });
  }

  /** Lets nothing out: there is only native code below. */
  private void settle(long id, Consumer<RemoteTask<?>> outcome) {
    RemoteTask<?> task = tasks.remove(id);
    if (task == null) {
      return; // it has its outcome
    }
    Thread thread = Thread.currentThread();
    ClassLoader before = thread.getContextClassLoader();
    try {
      // Dependent stages run with the classes of the pool's maker.
      thread.setContextClassLoader(loader);
      task.settle();
      outcome.accept(task);
    } catch (Throwable e) {
      task.fail(e);
      Unobserved.report(thread, e);
    } finally {
      task.goFromView();
      thread.setContextClassLoader(before); // it may be one that waits for the task, or cancels it
    }
  }

  @Override
  public byte[] answer(byte[] request) {
    return classes.answer(request);
  }

  @Override
  public void onLoss(Failure loss) {
    try {
      FlightEvents.tellLost((WorkerLostException) Failures.toThrowable(loss, null));
    } catch (Throwable e) {
      // No event, then.
    }
  }

  @Override
  public void joined(long join) {
    joins.end(join);
  }

  @Override
  public void terminated() {
    command.delete();
    loader = null;
    classes.close();
    reader.close();
    OpenPools.remove(this);
    LivePools.remove(this);
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
    stopReading();
  }
}

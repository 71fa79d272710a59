package io.asyncpal;

import io.asyncpal.internal.swig.Failure;
import io.asyncpal.internal.swig.NativeThreadPool;
import io.asyncpal.internal.swig.TaskSettings;
import java.lang.ref.Reference;
import java.util.concurrent.RejectedExecutionException;

/**
 * How the tasks of a {@link ThreadPool} get to its workers: by the queue in Java, or by that of
 * native code where they have options, the pool has limits, or others are there before them.
 *
 * <p>Threads: any. Errors: those of {@link ThreadPool#execute(Runnable)}.
 */
final class ThreadTasks {
  private final ThreadPool front; // not to be collected while a task is being submitted
  private final ThreadHost host;
  private final NativeThreadPool pool;

  ThreadTasks(ThreadPool front, ThreadHost host, NativeThreadPool pool) {
    this.front = front;
    this.host = host;
    this.pool = pool;
  }

  /** Submits what has no future, or one that the pool has made before. */
  void execute(Runnable command) {
    if (host.queued == null || host.counts.mustFollowNative()) {
      executeNatively(command);
      return;
    }
    if (command instanceof Task<?> task && task.host == host && task.queueHere()) {
      task.setNumber(host.counts.number());
      push(task);
    } else {
      push(new Post(command, host.counts.number()));
    }
  }

  /** Submits a task that nobody else has seen. */
  void submit(Task<?> task) {
    if (host.queued == null || host.counts.mustFollowNative()) {
      executeNatively(task);
    } else {
      task.queueNewHere();
      task.setNumber(host.counts.number());
      push(task);
    }
  }

  /** The same for one with options. */
  void start(TaskOptions options, Task<?> task) {
    TaskSettings settings = options.toNative();
    try {
      long id = host.tasks.add(task);
      task.queueLimited(id, options.name());
      submit(id, task, settings);
    } finally {
      settings.delete();
    }
  }

  private void push(HostQueue.Item item) {
    try {
      if (!host.queued.push(item)) {
        throw rejectionOfClosedPool();
      }
      host.watch(front);
    } catch (Failure e) {
      throw front.rejection(e);
    } finally {
      Reference.reachabilityFence(front);
    }
  }

  private RejectedExecutionException rejectionOfClosedPool() {
    front.check(); // throws, as a rule
    return new RejectedExecutionException("pool '" + front.name() + "' was shut down");
  }

  private void executeNatively(Runnable command) {
    if (command instanceof Task<?> task && task.host == host) {
      long id = host.tasks.add(task);
      if (task.queue(id)) {
        submit(id, task, null);
        return;
      }
      host.tasks.take(id);
    }
    long number = host.queued == null ? 0 : host.counts.number();
    submit(host.tasks.add(new Post(command, number)), null, null);
  }

  private void submit(long id, Task<?> task, TaskSettings settings) {
    if (host.queued != null) {
      if (task != null) {
        long number = host.counts.number();
        task.setNumber(number);
        if (settings != null) {
          settings.setNumber(number);
        }
      }
      host.queued.enterNativeQueue();
    }
    try {
      long handle = front.submitInTime(() -> submitOnce(id, task, settings), settings);
      if (task != null) {
        task.setHandle(handle);
      }
      host.watch(front);
    } catch (Failure e) {
      forget(id, task);
      throw front.rejection(e);
    } catch (RejectedExecutionException e) {
      forget(id, task);
      throw e;
    } finally {
      Reference.reachabilityFence(front);
    }
  }

  private long submitOnce(long id, Task<?> task, TaskSettings settings) {
    if (settings != null) {
      return pool.submit(id, settings);
    }
    return task != null && task.isOfMap() ? pool.submitChunk(id) : pool.submit(id);
  }

  private void forget(long id, Task<?> task) {
    host.tasks.take(id);
    if (task != null) {
      task.unqueue();
    }
    if (host.queued != null) {
      host.counts.leaveNativeQueue();
      host.counts.refuse();
    }
  }
}

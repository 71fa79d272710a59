package io.asyncpal;

import io.asyncpal.internal.swig.Failure;
import io.asyncpal.internal.swig.NativeTaskOptions;
import io.asyncpal.internal.swig.NativeThreadPool;
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
  private final ThreadPoolHost host;
  private final NativeThreadPool pool;

  ThreadTasks(ThreadPool front, ThreadPoolHost host, NativeThreadPool pool) {
    this.front = front;
    this.host = host;
    this.pool = pool;
  }

  /** Whether a task may wait in Java. */
  private boolean mayWaitHere() {
    return host.queued != null
        && !host.counts.mustFollowNative()
        && !Trace.isOn()
        && !TaskContext.isTraced();
  }

  /** Submits what has no future, or one that the pool has made before. */
  void execute(Runnable command) {
    if (!mayWaitHere()) {
      executeNatively(command);
      return;
    }
    if (command instanceof Task<?> task && task.host == host && task.queueHere()) {
      task.setNumber(host.counts.number());
      push(task);
    } else {
      Post post = Post.of(host.context, command);
      post.setNumber(host.counts.number());
      push(post);
    }
  }

  /** Submits a task that nobody else has seen. */
  void submit(Task<?> task) {
    if (!mayWaitHere()) {
      executeNatively(task);
    } else {
      task.queueNewHere();
      task.setNumber(host.counts.number());
      push(task);
    }
  }

  /** The same, but needs no room: the pool has accepted it before. */
  void submitDue(Task<?> task) {
    if (mayWaitHere()) {
      if (task.queueHere()) {
        task.setNumber(host.counts.number());
        push(task);
      }
      return;
    }
    long id = host.tasks.add(task);
    if (!task.queue(id)) {
      host.tasks.take(id);
      return;
    }
    NativeTaskOptions settings = TaskOptions.DEFAULT.toNative();
    try {
      settings.setNextDue(0);
      submitNumbered(id, task, settings, null, false);
    } finally {
      settings.delete();
    }
  }

  /** The same for one with options. */
  void start(TaskOptions options, int attempt, InView.Places places, Task<?> task) {
    if (host.queued != null && options.priority() != TaskPriority.NORMAL) {
      host.queued.queue.yieldForGood();
    }
    NativeTaskOptions settings = options.toNative(attempt);
    try {
      InView in = places.enter(task);
      long id = host.tasks.add(task);
      if (!task.queueLimited(id, options, attempt, in)) {
        host.tasks.take(id);
        if (in != null) {
          in.onGone().run();
        }
        throw new IllegalStateException("this task was given to a pool before, or is done");
      }
      submitNumbered(id, task, settings, in, false);
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
        submit(id, task, null, task.isOfMap());
        return;
      }
      host.tasks.take(id);
    }
    Post post = Post.of(host.context, command);
    submit(host.tasks.add(post), post, null, false);
  }

  private void submit(
      long id, HostQueue.Item item, NativeTaskOptions settings, boolean waitsForRoom) {
    if (settings == null && host.queued != null && Trace.isOn()) {
      // A trace calls it by its number, too.
      NativeTaskOptions numbered = TaskOptions.DEFAULT.toNative();
      try {
        submitNumbered(id, item, numbered, null, waitsForRoom);
      } finally {
        numbered.delete();
      }
    } else {
      submitNumbered(id, item, settings, null, waitsForRoom);
    }
  }

  private void submitNumbered(
      long id,
      HostQueue.Item item,
      NativeTaskOptions settings,
      InView in,
      boolean waitsForRoom) {
    Task<?> task = item instanceof Task<?> own ? own : null;
    if (host.queued != null) {
      long number = host.counts.number();
      if (task != null) {
        task.setNumber(number);
      } else {
        ((Post) item).setNumber(number);
      }
      if (settings != null) {
        settings.setNumber(number);
      }
      host.queued.enterNativeQueue();
    }
    try {
      long handle = front.submitInTime(() -> submitOnce(id, settings, in, waitsForRoom), settings);
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
      Reference.reachabilityFence(in); // which has the view
    }
  }

  private long submitOnce(
      long id, NativeTaskOptions settings, InView in, boolean waitsForRoom) {
    if (in != null && in.view() != null) {
      return pool.submitToView(in.view(), in.key(), id, settings);
    }
    if (settings != null) {
      return pool.submit(id, settings);
    }
    return waitsForRoom ? pool.submitChunk(id) : pool.submit(id);
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

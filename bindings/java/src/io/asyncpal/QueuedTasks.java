package io.asyncpal;

import io.asyncpal.internal.swig.Failure;
import io.asyncpal.internal.swig.TaskOutcome;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Supplier;

/** The tasks of a thread pool that wait in Java: how they come into the queue, and leave it. */
final class QueuedTasks {
  final HostQueue<HostQueue.Item> queue;

  private final TaskCounts counts;
  private final Supplier<Throwable> brokenBy;

  QueuedTasks(TaskCounts counts, Supplier<Throwable> brokenBy) {
    this.queue = new HostQueue<>(counts);
    this.counts = counts;
    this.brokenBy = brokenBy;
  }

  /** For a task that has been numbered: true if it is queued, false if the pool is closed. */
  boolean push(HostQueue.Item task) {
    try {
      return !queue.push(task) || queue.seeToWorkers() || !unqueue(task);
    } catch (RuntimeException | Error e) {
      // Native code gives it no worker, or there is no memory.
      boolean mine = unqueue(task);
      dropStranded(e);
      if (mine) {
        throw e;
      }
      forget(e);
      return true;
    }
  }

  /** False: it is pending no more. */
  private boolean unqueue(HostQueue.Item task) {
    boolean mine = task instanceof Task<?> own ? own.unqueueHere() : ((Post) task).claim();
    if (mine) {
      counts.refuse();
      queue.addStale();
    }
    return mine;
  }

  /** After native code has refused or dropped a ticket, since it has no worker. */
  private void dropStranded(Throwable why) {
    List<HostQueue.Item> stranded = queue.takeStranded();
    if (!stranded.isEmpty()) {
      Throwable reason = why instanceof Failure f ? Failures.toThrowable(f, brokenBy.get()) : why;
      stranded.forEach(task -> drop(task, reason));
    }
  }

  private static void forget(Throwable refusal) {
    if (refusal instanceof Failure failure) {
      failure.delete();
    }
  }

  /** It never runs: because of {@code why}, or of a shutdown if that is null. */
  private void drop(HostQueue.Item task, Throwable why) {
    if (task instanceof Task<?> own) {
      own.dropHere(why);
    } else if (((Post) task).claim()) {
      counts.drop(why == null ? TaskOutcome.kTaskCancelled : TaskOutcome.kTaskFailed);
    }
  }

  private void giveBackOrDrop(HostQueue.Item task, Collection<Runnable> to) {
    if (task instanceof Post post) {
      if (post.claim()) {
        counts.drop(TaskOutcome.kTaskCancelled);
        to.add(post.task);
      }
    } else if (((Task<?>) task).isOfMap()) {
      drop(task, null); // nobody would complete its future
    } else if (((Task<?>) task).giveBackHere()) {
      to.add((Task<?>) task);
    }
  }

  /** Closes the pool, by {@code closeNative}, and runs what is pending. */
  void close(Runnable closeNative) {
    if (queue.close(true, closeNative)) {
      return;
    }
    for (HostQueue.Item task : queue.takeStranded()) {
      drop(task, new RejectedExecutionException("the system refused to start a thread"));
    }
  }

  /** Closes the pool, and takes back what is pending, or cancels it if {@code to} is null. */
  void close(Runnable closeNative, Collection<Runnable> to) {
    queue.close(false, closeNative);
    takeBack(to);
  }

  private void takeBack(Collection<Runnable> to) {
    for (HostQueue.Item task : queue.takeAll()) {
      if (to == null) {
        drop(task, null);
      } else {
        giveBackOrDrop(task, to);
      }
    }
  }

  /** A numbered task is about to be given to native code, behind those that are here. */
  void enterNativeQueue() {
    counts.enterNativeQueue();
    try {
      queue.goFirst();
    } catch (RuntimeException | Error e) {
      dropStranded(e);
      forget(e);
    }
  }

  /** Native code has dropped a ticket, in a shutdown that takes back tasks if `to` is not null. */
  void dropTicket(Failure why, Collection<Runnable> to) {
    queue.drop();
    if (queue.isRequesting()) {
      return; // as it can't be submitted: whoever does that sees to the rest
    }
    if (why.empty()) {
      takeBack(to); // perhaps native code has closed the pool, at the end of the process
    } else {
      dropStranded(why);
    }
  }

  /** Native code's pool has broken. */
  void fail(Failure why) {
    queue.close(false, () -> {});
    Throwable reason = Failures.toThrowable(why, brokenBy.get());
    queue.takeAll().forEach(task -> drop(task, reason));
  }

  /** On a worker, with what was polled. False: somebody else has claimed it. */
  boolean claim(Worker worker, HostQueue.Item task) {
    if (task instanceof Task<?> own) {
      return own.claimHere(worker);
    }
    if (!((Post) task).claim()) {
      return false;
    }
    counts.leave();
    return true;
  }

  /** On the same worker, after that. */
  void run(Worker worker, HostQueue.Item task) {
    try {
      if (task instanceof Task<?> own) {
        own.runClaimed(worker);
        return;
      }
      Post post = (Post) task;
      Throwable thrown = run(worker, post, false);
      worker.count(thrown == null ? TaskOutcome.kTaskCompleted : TaskOutcome.kTaskFailed);
      if (thrown != null) {
        Unobserved.report(worker.thread, thrown);
      }
    } catch (Throwable e) {
      // No memory or no stack, not even for that.
    }
  }

  /** What it throws; null: nothing. */
  static Throwable run(Worker worker, Post post, boolean isNative) {
    Throwable thrown = null;
    worker.begin(post.task, post.number(), isNative);
    try {
      FlightEvents.run(post, worker);
    } catch (Throwable e) {
      thrown = e;
    }
    worker.end();
    return thrown;
  }
}

package io.asyncpal;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * A future that a thread pool is to complete, or one that depends on such a future. A worker of the
 * pool that waits for it doesn't keep the pool from going on.
 */
class PoolFuture<T> extends SafeFuture<T> {
  final ThreadPoolHost host;

  PoolFuture(ThreadPoolHost host) {
    this.host = host;
  }

  @Override
  public <U> CompletableFuture<U> newIncompleteFuture() {
    return new PoolFuture<>(host);
  }

  @Override
  public T get() throws InterruptedException, ExecutionException {
    if (isDone() || !isWorkerOfHost() || isDoneWithHelp()) {
      return super.get();
    }
    boolean blocked = Worker.current().beginBlocking();
    try {
      return super.get();
    } finally {
      endBlocking(blocked);
    }
  }

  @Override
  public T get(long timeout, TimeUnit unit)
      throws InterruptedException, ExecutionException, TimeoutException {
    if (isDone() || !isWorkerOfHost()) {
      return super.get(timeout, unit);
    }
    checkWait();
    // A limited wait must not run a task of unknown length on this thread.
    boolean blocked = Worker.current().beginBlocking();
    try {
      return super.get(timeout, unit);
    } finally {
      endBlocking(blocked);
    }
  }

  @Override
  public T join() {
    if (isDone() || !isWorkerOfHost() || isDoneWithHelp()) {
      return super.join();
    }
    boolean blocked = Worker.current().beginBlocking();
    try {
      return super.join();
    } finally {
      endBlocking(blocked);
    }
  }

  /** Runs on this worker what the future waits for, if it can; whether it is done then. */
  boolean isDoneWithHelp() {
    return false;
  }

  /** Throws if the wait of this worker could only end after it. */
  void checkWait() {}

  private boolean isWorkerOfHost() {
    Worker worker = Worker.current();
    return worker != null && worker.host == host;
  }

  static void endBlocking(boolean blocked) {
    if (blocked) {
      Worker.current().endBlocking();
    }
  }
}

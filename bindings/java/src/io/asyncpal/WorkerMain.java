package io.asyncpal;

import io.asyncpal.internal.swig.Failure;
import io.asyncpal.internal.swig.FailureKind;
import io.asyncpal.internal.swig.HostedWorker;
import io.asyncpal.internal.swig.ResultKind;
import io.asyncpal.internal.swig.WorkerHost;
import java.util.concurrent.Callable;

/** What a worker JVM runs: it serves the pool that has started it until that lets it go. */
final class WorkerMain extends WorkerHost {
  private static final byte[] NOTHING = {};

  // Each task finds it, whatever the one before has set.
  private final ClassLoader loader = Thread.currentThread().getContextClassLoader();

  private final SentTask.Reader tasks = new SentTask.Reader();

  private static volatile Thread server; // null: this JVM is no worker

  private WorkerMain() {}

  /** Whether this thread is the one that runs tasks of the pool that has started this JVM. */
  static boolean runsOnThisThread() {
    return server == Thread.currentThread();
  }

  /**
   * Becomes a worker and does not return.
   *
   * @param args none
   */
  public static void main(String[] args) {
    NativeLibrary.load();
    if (!HostedWorker.isOne()) {
      System.err.println("asyncpal: this program is started by a ProcessPool, by nobody else");
      System.exit(2);
    }
    if (Boolean.getBoolean(WorkerCommand.ASKS_PARENT_PROPERTY)) {
      System.clearProperty(WorkerCommand.ASKS_PARENT_PROPERTY);
      Thread.currentThread().setContextClassLoader(new ParentClassLoader());
    }
    server = Thread.currentThread();
    TaskContext.useTraces(); // the tasks of this process may belong to some
    WorkerMain host = new WorkerMain();
    host.swigReleaseOwnership();
    HostedWorker.serve(host);
  }

  @Override
  public byte[] serve(byte[] call, Failure failure) {
    Object task;
    Thread.currentThread().setContextClassLoader(loader);
    try {
      task = tasks.read(call);
    } catch (SerializationException e) {
      return fail(e, failure);
    }
    Object result;
    try {
      result = run(task);
    } catch (Throwable e) {
      Failures.describeRemotely(e, SentThrowable.MAX_BYTES, failure);
      return NOTHING;
    } finally {
      Thread.interrupted();
      flush();
    }
    try {
      return result instanceof MapChunk.Results<?> sent && sent.values() == null
          ? CallFrames.ofTime(sent.nanos())
          : write(result);
    } catch (SerializationException e) {
      return fail(e, failure);
    }
  }

  private static Object run(Object task) throws Exception {
    if (task instanceof Callable<?> callable) {
      return callable.call();
    }
    ((Runnable) task).run();
    return null;
  }

  /**
   * The bytes of a result.
   *
   * @throws SerializationException if it has none
   */
  static byte[] write(Object result) {
    byte[] plain = null;
    try {
      plain = PlainValue.write(result);
    } catch (OutOfMemoryError e) {
      // It is described where the other way ends like this, too.
    }
    return plain != null
        ? plain
        : Serialization.writeAfter(ResultKind.kOtherResult, result, "the result");
  }

  private static byte[] fail(SerializationException e, Failure failure) {
    failure.add(FailureKind.kSerializationFailed, "", e.getMessage(), "", NOTHING);
    return NOTHING;
  }

  private static void flush() {
    try {
      System.out.flush();
      System.err.flush();
    } catch (Throwable e) {
      // Of streams that a task has put there.
    }
  }
}

package io.asyncpal;

import io.asyncpal.internal.swig.Failure;
import io.asyncpal.internal.swig.FailureKind;
import io.asyncpal.internal.swig.HostedWorker;
import io.asyncpal.internal.swig.WorkerHost;
import java.io.File;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;

/** What a worker JVM runs: it serves the pool that has started it until that lets it go. */
final class WorkerMain extends WorkerHost {
  private WorkerMain() {}

  /** What starts one: a JVM like this one, with the given options beside our own. */
  static List<String> command(List<String> jvmOptions) {
    List<String> command = new ArrayList<>();
    command.add(
        System.getProperty("java.home") + File.separator + "bin" + File.separator + "java");
    // One thread runs tasks; a file for jvmstat costs time at each start.
    command.add("-XX:+UseSerialGC");
    command.add("-XX:-UsePerfData");
    // Where this JVM has found or unpacked the native library, a worker can, too.
    for (String name : List.of("java.library.path", "java.io.tmpdir")) {
      command.add("-D" + name + "=" + System.getProperty(name, ""));
    }
    command.addAll(jvmOptions);
    command.add("-cp");
    command.add(System.getProperty("java.class.path"));
    command.add(WorkerMain.class.getName());
    return command;
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
    WorkerMain host = new WorkerMain();
    host.swigReleaseOwnership();
    HostedWorker.serve(host);
  }

  @Override
  public byte[] serve(byte[] call, Failure failure) {
    try {
      Object result;
      try {
        Object task = Serialization.read(call, "the task");
        if (task instanceof Callable<?> callable) {
          result = callable.call();
        } else {
          ((Runnable) task).run();
          result = null;
        }
      } finally {
        Thread.interrupted();
        System.out.flush();
        System.err.flush();
      }
      return Serialization.write(result, "the result");
    } catch (SerializationException e) {
      failure.add(FailureKind.kSerializationFailed, "", e.getMessage(), "", new byte[0]);
    } catch (Throwable e) {
      Failures.describeRemotely(e, failure);
    }
    return new byte[0];
  }
}

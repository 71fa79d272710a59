package io.asyncpal;

import java.util.concurrent.Callable;
import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.FlightRecorder;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/**
 * Events of the JDK's Flight Recorder. Until a recording begins, they cost a look at a flag; where
 * the module jdk.jfr is absent, there are none.
 */
final class FlightEvents {
  private static final boolean PRESENT = ModuleLayer.boot().findModule("jdk.jfr").isPresent();

  private FlightEvents() {}

  /** Runs a task of a thread pool: as an event, if there are recordings. */
  static <V> V call(Callable<V> task, Worker worker, String name, long number) throws Exception {
    return isOn() ? Recorder.call(task, worker.name, name, number) : task.call();
  }

  /** The same for a task without a future. */
  static void run(Post task, Worker worker) throws Exception {
    if (isOn()) {
      Recorder.call(
          () -> {
            task.call();
            return null;
          },
          worker.name,
          "",
          task.number());
    } else {
      task.call();
    }
  }

  /** A worker process has died like that, with a task or without. */
  static void tellLost(WorkerLostException loss) {
    if (isOn()) {
      Recorder.tellLost(loss);
    }
  }

  private static boolean isOn() {
    return PRESENT && Recorder.isOn();
  }

  /** What needs the module. */
  private static final class Recorder {
    static boolean isOn() {
      return FlightRecorder.isInitialized();
    }

    static <V> V call(Callable<V> task, String worker, String name, long number)
        throws Exception {
      TaskRun event = new TaskRun();
      event.begin();
      boolean completed = false;
      try {
        V result = task.call();
        completed = true;
        return result;
      } finally {
        event.end();
        if (event.shouldCommit()) {
          event.pool = worker.replaceFirst("-worker-\\d+$", "");
          event.task = name.isEmpty() && number != 0 ? "task " + number : name;
          event.failed = !completed;
          event.commit();
        }
      }
    }

    static void tellLost(WorkerLostException loss) {
      WorkerLost event = new WorkerLost();
      if (event.shouldCommit()) {
        event.pid = loss.pid();
        event.signal = loss.signal().orElse(0);
        event.exitCode = loss.exitCode().orElse(-1);
        event.phase = loss.phase();
        event.message = loss.getMessage();
        event.commit();
      }
    }
  }

  @Name("io.asyncpal.TaskRun")
  @Label("Task Run")
  @Category("Asyncpal")
  @Description("A task ran on a worker of a thread pool")
  @StackTrace(false)
  private static final class TaskRun extends Event {
    @Label("Pool")
    String pool;

    @Label("Task")
    @Description("Its name, or its number in the pool")
    String task;

    @Label("Failed")
    boolean failed;
  }

  @Name("io.asyncpal.WorkerLost")
  @Label("Worker Lost")
  @Category("Asyncpal")
  @Description("A worker process has died though nobody wanted it to")
  @StackTrace(false)
  private static final class WorkerLost extends Event {
    @Label("Process Id")
    long pid;

    @Label("Signal")
    @Description("0 if it was none, or is not known")
    int signal;

    @Label("Exit Code")
    @Description("-1 if it was a signal, or is not known")
    int exitCode;

    @Label("Phase")
    @Description("What it was doing: idle, running, sending the result")
    String phase;

    @Label("Message")
    String message;
  }
}

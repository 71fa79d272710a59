package io.asyncpal;

import io.asyncpal.internal.swig.NativeTaskReport;
import io.asyncpal.internal.swig.NativeWorkerInfo;
import io.asyncpal.internal.swig.ObserverHost;
import java.lang.System.Logger.Level;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.LongFunction;

/**
 * How native code calls a {@link PoolObserver}. Lets nothing out: what that throws is logged, the
 * first time.
 *
 * <p>Native code owns it.
 */
final class ObserverCalls extends ObserverHost {
  private final PoolObserver observer;
  private final LongFunction<String> stackOf; // the worker of that id; empty: it is not known
  private final AtomicBoolean hasThrown = new AtomicBoolean();

  ObserverCalls(PoolObserver observer, LongFunction<String> stackOf) {
    this.observer = observer;
    this.stackOf = stackOf;
  }

  @Override
  public void onSubmit(NativeTaskReport task) {
    call("onSubmit", () -> observer.onSubmit(TaskReport.of(task)));
  }

  @Override
  public void onStart(NativeTaskReport task) {
    call("onStart", () -> observer.onStart(TaskReport.of(task)));
  }

  @Override
  public void onDone(NativeTaskReport task) {
    call("onDone", () -> observer.onDone(TaskReport.of(task)));
  }

  @Override
  public void onWorkerStarted(NativeWorkerInfo worker) {
    call("onWorkerStarted", () -> observer.onWorkerStarted(WorkerInfo.of(worker)));
  }

  @Override
  public void onWorkerEnded(NativeWorkerInfo worker, String why) {
    call("onWorkerEnded", () -> observer.onWorkerEnded(WorkerInfo.of(worker), why));
  }

  @Override
  public void onStall(NativeTaskReport task, String stack) {
    call(
        "onStall",
        () -> {
          TaskReport report = TaskReport.of(task);
          observer.onStall(report, stack.isEmpty() ? stackOf.apply(report.worker()) : stack);
        });
  }

  private void call(String method, Runnable call) {
    try {
      call.run();
    } catch (Throwable e) {
      tell(method, e);
    }
  }

  private void tell(String method, Throwable thrown) {
    if (hasThrown.getAndSet(true)) {
      return;
    }
    try {
      System.getLogger("io.asyncpal")
          .log(
              Level.ERROR,
              "a pool's observer, "
                  + observer.getClass().getName()
                  + ", threw in "
                  + method
                  + " (said once; it is called on)",
              thrown);
    } catch (Throwable e) {
      // There is nobody to tell.
    }
  }
}

package io.asyncpal;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;

/** The two kinds of pools that the contract is for. */
enum PoolKinds implements PoolContract.PoolKind {
  THREADS {
    @Override
    public PoolBuilder<?> builder() {
      return ThreadPool.builder();
    }

    @Override
    public PoolBuilder<?> builder(
        SerializableRunnable initializer, SerializableRunnable finalizer) {
      return ThreadPool.builder().initializer(initializer).finalizer(finalizer);
    }

    @Override
    public String className() {
      return "ThreadPool";
    }

    @Override
    public int defaultMaxWorkers() {
      return Runtime.getRuntime().availableProcessors() + 5;
    }

    @Override
    public long workerId() {
      try {
        // /proc/<pid>/task/<tid>
        Path self = Path.of("/proc/thread-self").toRealPath();
        return Long.parseLong(self.getFileName().toString());
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    @Override
    public List<Pool> fixedPools() {
      return List.of(
          Executors.newSingleThreadExecutor(),
          Executors.newDualThreadPool(),
          Executors.newTripleThreadPool(),
          Executors.newQuadThreadPool());
    }
  },

  PROCESSES {
    @Override
    public ProcessPool.Builder builder() {
      return ProcessPool.builder().jvmOptions(SMALL);
    }

    @Override
    public PoolBuilder<?> builder(
        SerializableRunnable initializer, SerializableRunnable finalizer) {
      ProcessPool.Builder builder = builder();
      if (initializer != null) {
        builder.initializer(initializer);
      }
      return finalizer == null ? builder : builder.finalizer(finalizer);
    }

    @Override
    public String className() {
      return "ProcessPool";
    }

    @Override
    public int defaultMaxWorkers() {
      return Runtime.getRuntime().availableProcessors();
    }

    @Override
    public long workerId() {
      return ProcessHandle.current().pid();
    }

    @Override
    public List<Pool> fixedPools() {
      return List.of(
          Executors.newSingleProcessExecutor(),
          Executors.newDualProcessPool(),
          Executors.newTripleProcessPool(),
          Executors.newQuadProcessPool());
    }
  };

  /** Many JVMs start in these tests, on machines of few CPUs. */
  static final List<String> SMALL = List.of("-XX:TieredStopAtLevel=1", "-Xmx64m");
}

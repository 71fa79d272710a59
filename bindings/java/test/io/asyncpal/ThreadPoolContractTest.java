package io.asyncpal;

/** The contract of pools, for a {@link ThreadPool}. */
final class ThreadPoolContractTest {
  private ThreadPoolContractTest() {}

  static final class Tasks extends PoolTaskContract {
    Tasks() {
      super(PoolKinds.THREADS);
    }
  }

  static final class Lifecycle extends PoolLifecycleContract {
    Lifecycle() {
      super(PoolKinds.THREADS);
    }
  }

  static final class Remains extends PoolRemainsContract {
    Remains() {
      super(PoolKinds.THREADS);
    }
  }

  static final class Workers extends PoolWorkerContract {
    Workers() {
      super(PoolKinds.THREADS);
    }
  }

  static final class Limits extends PoolLimitsContract {
    Limits() {
      super(PoolKinds.THREADS);
    }
  }

  static final class Maps extends PoolMapContract {
    Maps() {
      super(PoolKinds.THREADS);
    }
  }

  static final class Contexts extends PoolContextContract {
    Contexts() {
      super(PoolKinds.THREADS);
    }
  }

  static final class Measures extends PoolMeasureContract {
    Measures() {
      super(PoolKinds.THREADS);
    }
  }

  static final class Observers extends PoolObserverContract {
    Observers() {
      super(PoolKinds.THREADS);
    }
  }

  static final class Progress extends PoolProgressContract {
    Progress() {
      super(PoolKinds.THREADS);
    }
  }

  static final class Chunks extends PoolChunksContract {
    Chunks() {
      super(PoolKinds.THREADS);
    }
  }

  static final class Settling extends PoolSettledContract {
    Settling() {
      super(PoolKinds.THREADS);
    }
  }

  static final class TaskContexts extends PoolTaskContextContract {
    TaskContexts() {
      super(PoolKinds.THREADS);
    }
  }

  static final class Timers extends PoolTimersContract {
    Timers() {
      super(PoolKinds.THREADS);
    }
  }

  static final class Priorities extends PoolPriorityContract {
    Priorities() {
      super(PoolKinds.THREADS);
    }
  }

  static final class Retries extends PoolRetryContract {
    Retries() {
      super(PoolKinds.THREADS);
    }
  }

  static final class Pauses extends PoolPauseContract {
    Pauses() {
      super(PoolKinds.THREADS);
    }
  }

  static final class Views extends PoolViewContract {
    Views() {
      super(PoolKinds.THREADS);
    }
  }

  static final class Periodics extends PoolPeriodicContract {
    Periodics() {
      super(PoolKinds.THREADS);
    }
  }
}

package io.asyncpal;

/** The contract of pools, for a {@link ProcessPool}. */
final class ProcessPoolContractTest {
  private ProcessPoolContractTest() {}

  static final class Tasks extends PoolTaskContract {
    Tasks() {
      super(PoolKinds.PROCESSES);
    }
  }

  static final class Lifecycle extends PoolLifecycleContract {
    Lifecycle() {
      super(PoolKinds.PROCESSES);
    }
  }

  static final class Remains extends PoolRemainsContract {
    Remains() {
      super(PoolKinds.PROCESSES);
    }
  }

  static final class Workers extends PoolWorkerContract {
    Workers() {
      super(PoolKinds.PROCESSES);
    }
  }

  static final class Limits extends PoolLimitsContract {
    Limits() {
      super(PoolKinds.PROCESSES);
    }
  }

  static final class Maps extends PoolMapContract {
    Maps() {
      super(PoolKinds.PROCESSES);
    }
  }

  static final class Contexts extends PoolContextContract {
    Contexts() {
      super(PoolKinds.PROCESSES);
    }
  }

  static final class Measures extends PoolMeasureContract {
    Measures() {
      super(PoolKinds.PROCESSES);
    }
  }

  static final class Observers extends PoolObserverContract {
    Observers() {
      super(PoolKinds.PROCESSES);
    }
  }

  static final class Progress extends PoolProgressContract {
    Progress() {
      super(PoolKinds.PROCESSES);
    }
  }

  static final class Chunks extends PoolChunksContract {
    Chunks() {
      super(PoolKinds.PROCESSES);
    }
  }

  static final class Settling extends PoolSettledContract {
    Settling() {
      super(PoolKinds.PROCESSES);
    }
  }

  static final class TaskContexts extends PoolTaskContextContract {
    TaskContexts() {
      super(PoolKinds.PROCESSES);
    }
  }

  static final class Timers extends PoolTimersContract {
    Timers() {
      super(PoolKinds.PROCESSES);
    }
  }

  static final class Priorities extends PoolPriorityContract {
    Priorities() {
      super(PoolKinds.PROCESSES);
    }
  }

  static final class Retries extends PoolRetryContract {
    Retries() {
      super(PoolKinds.PROCESSES);
    }
  }

  static final class Pauses extends PoolPauseContract {
    Pauses() {
      super(PoolKinds.PROCESSES);
    }
  }

  static final class Views extends PoolViewContract {
    Views() {
      super(PoolKinds.PROCESSES);
    }
  }

  static final class Periodics extends PoolPeriodicContract {
    Periodics() {
      super(PoolKinds.PROCESSES);
    }
  }
}

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
}

package io.asyncpal;

import java.util.List;
import java.util.stream.Stream;

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

  static final class Maps extends PoolMapContract {
    Maps() {
      super(PoolKinds.PROCESSES);
    }

    @Override
    <A, B, R> Stream<R> map(
        Form form,
        Pool any,
        MapOptions options,
        SerializableBiFunction<A, B, R> f,
        Iterable<java.util.Map.Entry<A, B>> pairs) {
      ProcessPool pool = (ProcessPool) any;
      Iterable<A> first = firstOf(pairs);
      Iterable<B> second = secondOf(pairs);
      return switch (form) {
        case MAP -> pool.map(options, f, first, second);
        case MAP_UNORDERED -> pool.mapUnordered(options, f, first, second);
        case MAP_ALL -> pool.mapAll(options, f, first, second);
        case MAP_ALL_UNORDERED -> pool.mapAllUnordered(options, f, first, second);
        case STARMAP -> pool.starmap(options, f, pairs);
        case STARMAP_UNORDERED -> pool.starmapUnordered(options, f, pairs);
        case STARMAP_ALL -> pool.starmapAll(options, f, pairs);
        case STARMAP_ALL_UNORDERED -> pool.starmapAllUnordered(options, f, pairs);
      };
    }

    @Override
    Stream<Integer> sumsOf(Pool pool, List<Integer> first, List<Integer> second) {
      return ((ProcessPool) pool).map((a, b) -> a + b, first, second);
    }
  }
}

package io.asyncpal;

import java.lang.System.Logger.Level;
import java.lang.management.ManagementFactory;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.function.Function;
import javax.management.InstanceAlreadyExistsException;
import javax.management.InstanceNotFoundException;
import javax.management.JMException;
import javax.management.MBeanServer;
import javax.management.MBeanServerFactory;
import javax.management.ObjectName;

/**
 * The beans of pools. It is loaded only where there is JMX.
 *
 * <p>A bean does not hold its pool, which can be collected; native code then ends that, and the
 * bean goes.
 */
final class PoolBeans {
  private static final String SPECIAL = ",=:\"*?\n\\";

  private PoolBeans() {}

  /** Whether this JVM has an MBean server already; making one takes long. */
  static boolean isServerThere() {
    return !MBeanServerFactory.findMBeanServer(null).isEmpty();
  }

  /** The bean's name; null: there is none, for a reason that was logged. */
  static Object register(Pool pool, long id) {
    try {
      MBeanServer server = ManagementFactory.getPlatformMBeanServer();
      String type = pool instanceof ThreadPool ? "ThreadPool" : "ProcessPool";
      Object bean = pool instanceof ThreadPool ? new Threads(pool) : new Processes(pool);
      String name = "io.asyncpal:type=" + type + ",name=" + quote(pool.name());
      try {
        return server.registerMBean(bean, new ObjectName(name)).getObjectName();
      } catch (InstanceAlreadyExistsException e) {
        return server.registerMBean(bean, new ObjectName(name + ",id=" + id)).getObjectName();
      }
    } catch (JMException | RuntimeException e) {
      System.getLogger("io.asyncpal").log(Level.WARNING, "a pool has no bean in JMX", e);
      return null;
    }
  }

  static void unregister(Object bean) {
    try {
      ManagementFactory.getPlatformMBeanServer().unregisterMBean((ObjectName) bean);
    } catch (InstanceNotFoundException e) {
      // By somebody else.
    } catch (JMException | RuntimeException e) {
      System.getLogger("io.asyncpal").log(Level.WARNING, "a pool's bean stays in JMX", e);
    }
  }

  private static String quote(String name) {
    boolean isPlain = !name.isEmpty() && name.chars().noneMatch(c -> SPECIAL.indexOf(c) >= 0);
    return isPlain ? name : ObjectName.quote(name);
  }

  /** What both kinds have. */
  private abstract static class Bean implements PoolMXBean {
    private final WeakReference<Pool> pool;

    Bean(Pool pool) {
      this.pool = new WeakReference<>(pool);
    }

    final <R> R ask(Function<Pool, R> question) {
      Pool asked = pool.get();
      if (asked == null) {
        throw new IllegalStateException("nobody refers to this pool any more");
      }
      return question.apply(asked);
    }

    final long count(Function<PoolStats, Long> number) {
      return ask(asked -> number.apply(asked.stats()));
    }

    @Override
    public String getName() {
      return ask(Pool::name);
    }

    @Override
    public int getMaxWorkers() {
      return ask(Pool::maxWorkers);
    }

    @Override
    public int getMinWorkers() {
      return ask(Pool::minWorkers);
    }

    @Override
    public boolean isPaused() {
      return ask(Pool::isPaused);
    }

    @Override
    public long getWorkers() {
      return count(PoolStats::workers);
    }

    @Override
    public long getBusyWorkers() {
      return count(PoolStats::busy);
    }

    @Override
    public long getIdleWorkers() {
      return count(PoolStats::idle);
    }

    @Override
    public long getSubmittedTasks() {
      return count(PoolStats::submitted);
    }

    @Override
    public long getPendingTasks() {
      return count(PoolStats::pending);
    }

    @Override
    public long getDelayedTasks() {
      return count(PoolStats::delayed);
    }

    @Override
    public long getRetriedTasks() {
      return count(PoolStats::retried);
    }

    @Override
    public long getRunningTasks() {
      return count(PoolStats::running);
    }

    @Override
    public long getCompletedTasks() {
      return count(PoolStats::completed);
    }

    @Override
    public long getFailedTasks() {
      return count(PoolStats::failed);
    }

    @Override
    public long getCancelledTasks() {
      return count(PoolStats::cancelled);
    }

    @Override
    public long getRejectedTasks() {
      return count(PoolStats::rejected);
    }

    @Override
    public long getExpiredTasks() {
      return count(PoolStats::expired);
    }

    @Override
    public long getTimedOutTasks() {
      return count(PoolStats::timedOut);
    }

    @Override
    public long getStartedWorkers() {
      return count(PoolStats::workersStarted);
    }

    @Override
    public long getLostWorkers() {
      return count(PoolStats::workersLost);
    }

    @Override
    public double getOldestPendingSeconds() {
      return seconds(ask(asked -> asked.stats().oldestPending()));
    }

    @Override
    public double[] getHistogramBoundsSeconds() {
      return ask(asked -> asked.stats().waitTimes().bounds()).stream()
          .mapToDouble(Bean::seconds)
          .toArray();
    }

    @Override
    public long[] getWaitCounts() {
      return counts(PoolStats::waitTimes);
    }

    @Override
    public double getWaitSumSeconds() {
      return seconds(ask(asked -> asked.stats().waitTimes().sum()));
    }

    @Override
    public long[] getRunCounts() {
      return counts(PoolStats::runTimes);
    }

    @Override
    public double getRunSumSeconds() {
      return seconds(ask(asked -> asked.stats().runTimes().sum()));
    }

    private long[] counts(Function<PoolStats, DurationHistogram> histogram) {
      return ask(asked -> histogram.apply(asked.stats())).counts().stream()
          .mapToLong(Long::longValue)
          .toArray();
    }

    private static double seconds(Duration duration) {
      return duration.toNanos() / 1e9;
    }

    @Override
    public boolean isShutdown() {
      return ask(Pool::isShutdown);
    }

    @Override
    public boolean isBroken() {
      return ask(Pool::isBroken);
    }

    @Override
    public String dumpState() {
      return ask(PoolDump::of);
    }
  }

  private static final class Threads extends Bean implements ThreadPoolMXBean {
    Threads(Pool pool) {
      super(pool);
    }

    @Override
    public long getStalls() {
      return count(PoolStats::stalls);
    }
  }

  private static final class Processes extends Bean implements ProcessPoolMXBean {
    Processes(Pool pool) {
      super(pool);
    }

    @Override
    public long getLostTasks() {
      return count(PoolStats::lost);
    }
  }
}

package io.asyncpal;

/**
 * A {@link ThreadPool} as JMX shows it: {@code io.asyncpal:type=ThreadPool,name=loader}. A name
 * with characters that are special there is quoted, and where there is a pool of that name already,
 * {@code id} tells them apart. The bean is there until the pool's end, and from its making, or a
 * second later in a JVM where nothing has used JMX before.
 */
public interface ThreadPoolMXBean extends PoolMXBean {
  /**
   * How often all workers were found blocked while tasks were pending.
   *
   * @return as {@link PoolStats#stalls}
   */
  long getStalls();
}

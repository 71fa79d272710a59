package io.asyncpal;

/**
 * A {@link ProcessPool} as JMX shows it: {@code io.asyncpal:type=ProcessPool,name=codecs}. For the
 * rest as {@link ThreadPoolMXBean}.
 */
public interface ProcessPoolMXBean extends PoolMXBean {
  /**
   * How many tasks failed because their worker died.
   *
   * @return since the pool was made
   */
  long getLostTasks();
}

package io.asyncpal;

import java.lang.ref.WeakReference;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;

/**
 * The pools of this JVM that have not terminated, for those who look at all of them, and their
 * beans. It keeps no pool alive.
 *
 * <p>How it works. The JVM makes its MBean server when it is first asked for, which takes more time
 * than a short program. Where somebody has asked already, a pool gets its bean when it is made;
 * else the first pool starts a thread that gives all of them theirs a second later.
 *
 * <p>Threads: any. Beans come and go with nothing held, as others may listen to that.
 */
final class LivePools {
  private static final boolean HAS_JMX =
      ModuleLayer.boot().findModule("java.management").isPresent();
  private static final long DELAY_MILLIS = 1000;
  private static final AtomicLong LAST_ID = new AtomicLong();
  private static final Map<PoolHost, Entry> LIVE = new ConcurrentHashMap<>();
  private static final Comparator<Entry> BY_ID = Comparator.comparingLong(entry -> entry.id);
  private static final AtomicBoolean WAITING = new AtomicBoolean();
  private static volatile boolean showsBeans;

  private LivePools() {}

  /** A pool and its bean. */
  private static final class Entry {
    private final long id;
    private final WeakReference<Pool> pool;
    private final AtomicBoolean begun = new AtomicBoolean();
    private final AtomicReference<Object> bean = new AtomicReference<>(); // its ObjectName
    private volatile boolean gone;

    Entry(long id, Pool pool) {
      this.id = id;
      this.pool = new WeakReference<>(pool);
    }

    /** The second call does nothing. */
    void show() {
      Pool shown = pool.get();
      if (shown == null || gone || !begun.compareAndSet(false, true)) {
        return;
      }
      bean.set(PoolBeans.register(shown, id));
      if (gone) {
        hide();
      }
    }

    void hide() {
      gone = true;
      Object shown = bean.getAndSet(null);
      if (shown != null) {
        PoolBeans.unregister(shown);
      }
    }
  }

  /** The pool is made, and can be asked. */
  static void add(PoolHost host, Pool pool) {
    Entry entry = new Entry(LAST_ID.incrementAndGet(), pool);
    LIVE.put(host, entry);
    if (host.ended().getCount() == 0) {
      remove(host); // by a shutdown at the same moment
    } else if (HAS_JMX) {
      if (showsBeans || PoolBeans.isServerThere()) {
        entry.show();
      } else if (WAITING.compareAndSet(false, true)) {
        startShowing();
      }
    }
  }

  /** The pool has terminated. Lets nothing out. */
  static void remove(PoolHost host) {
    Entry entry = LIVE.remove(host);
    if (entry != null) {
      entry.hide();
    }
  }

  /** 1, 2, 3, ..., in the order in which this JVM made its pools; 0: it has terminated. */
  static long idOf(Pool pool) {
    for (Entry entry : LIVE.values()) {
      if (entry.pool.get() == pool) {
        return entry.id;
      }
    }
    return 0;
  }

  /** In the order in which they were made. */
  static List<Pool> all() {
    return LIVE.values().stream()
        .sorted(BY_ID)
        .map(entry -> entry.pool.get())
        .filter(Objects::nonNull)
        .toList();
  }

  private static void startShowing() {
    Thread thread = new Thread(null, LivePools::showLater, "asyncpal-beans", 0, false);
    thread.setDaemon(true);
    thread.setContextClassLoader(null); // so that it holds no application
    try {
      thread.start();
    } catch (OutOfMemoryError e) { // the system has no thread; the next pool tries again
      WAITING.set(false);
    }
  }

  private static void showLater() {
    try {
      Thread.sleep(DELAY_MILLIS);
    } catch (InterruptedException e) {
      // Then at once.
    }
    showsBeans = true; // first: a pool that is made now shows itself, or is among these
    LIVE.values().stream().sorted(BY_ID).forEach(Entry::show);
  }
}

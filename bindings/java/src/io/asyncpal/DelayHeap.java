package io.asyncpal;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Predicate;

/**
 * Tasks that wait for their time, the earliest first.
 *
 * <p>How it works. It is a heap in which each slot has four below it, and the keys lie beside each
 * other, so that finding a task's place reads few cache lines and none of other tasks. A task knows
 * its slot. One that leaves before its time, by a cancel, leaves its slot empty, which costs the
 * same however many wait; slots go when they come to the top, or all together when more are empty
 * than not. So an empty slot holds 20 bytes, and nothing of the task.
 *
 * <p>Threads: guarded by the lock of its {@link Delays}.
 */
final class DelayHeap {
  private static final int WIDTH = 4;
  private static final int MIN_CAPACITY = 16;

  private DelayedTask<?>[] tasks = new DelayedTask<?>[MIN_CAPACITY]; // null: an empty slot
  private long[] keys = new long[2 * MIN_CAPACITY]; // time and number of each slot
  private int slots;
  private int size;

  int size() {
    return size;
  }

  /** Null: it is empty. */
  DelayedTask<?> first() {
    return tasks[0];
  }

  void add(DelayedTask<?> task) {
    if (slots == tasks.length) {
      resize(slots + slots / 2);
    }
    size++;
    siftUp(slots++, task, task.time(), task.number());
  }

  /** False: it is not here. */
  boolean remove(DelayedTask<?> task) {
    int slot = task.place;
    if (slot < 0) {
      return false;
    }
    task.place = DelayedTask.NOWHERE;
    size--;
    tasks[slot] = null;
    if (slot == 0) {
      clearTop();
    }
    dropLastOnes();
    if (slots - size > size) {
      dropEmptyOnes();
    }
    if (slots < tasks.length / 4 && tasks.length > MIN_CAPACITY) {
      resize(Math.max(2 * slots, MIN_CAPACITY));
    }
    return true;
  }

  /** So that a task is on top, if there is any. */
  private void clearTop() {
    while (size > 0 && tasks[0] == null) {
      dropLastOnes();
      slots--;
      DelayedTask<?> last = tasks[slots];
      tasks[slots] = null;
      siftDown(0, last, keys[2 * slots], keys[2 * slots + 1]);
    }
  }

  private void dropLastOnes() {
    while (slots > 0 && tasks[slots - 1] == null) {
      slots--;
    }
  }

  private void dropEmptyOnes() {
    int kept = 0;
    for (int i = 0; i < slots; i++) {
      if (tasks[i] != null) {
        put(kept++, tasks[i], keys[2 * i], keys[2 * i + 1]);
      }
    }
    Arrays.fill(tasks, kept, slots, null);
    slots = kept;
    for (int i = (slots - 2) / WIDTH; i >= 0 && slots > 1; i--) {
      siftDown(i, tasks[i], keys[2 * i], keys[2 * i + 1]);
    }
  }

  private void resize(int capacity) {
    tasks = Arrays.copyOf(tasks, capacity);
    keys = Arrays.copyOf(keys, 2 * capacity);
  }

  /** Takes those out for which {@code doomed} holds, earliest first. */
  List<DelayedTask<?>> removeIf(Predicate<DelayedTask<?>> doomed) {
    List<DelayedTask<?>> removed = new ArrayList<>();
    for (int i = 0; i < slots; i++) {
      if (tasks[i] != null && doomed.test(tasks[i])) {
        removed.add(tasks[i]);
      }
    }
    removed.forEach(this::remove);
    removed.sort(null);
    return removed;
  }

  private void siftUp(int start, DelayedTask<?> task, long time, long number) {
    int slot = start;
    while (slot > 0) {
      int above = (slot - 1) / WIDTH;
      if (!isBefore(time, number, above)) {
        break;
      }
      put(slot, tasks[above], keys[2 * above], keys[2 * above + 1]);
      slot = above;
    }
    put(slot, task, time, number);
  }

  private void siftDown(int start, DelayedTask<?> task, long time, long number) {
    int slot = start;
    while (true) {
      int first = WIDTH * slot + 1;
      if (first >= slots) {
        break;
      }
      int least = first;
      for (int i = first + 1; i < Math.min(first + WIDTH, slots); i++) {
        if (isBefore(keys[2 * i], keys[2 * i + 1], least)) {
          least = i;
        }
      }
      if (!isBefore(keys[2 * least], keys[2 * least + 1], time, number)) {
        break;
      }
      put(slot, tasks[least], keys[2 * least], keys[2 * least + 1]);
      slot = least;
    }
    put(slot, task, time, number);
  }

  private boolean isBefore(long time, long number, int slot) {
    return isBefore(time, number, keys[2 * slot], keys[2 * slot + 1]);
  }

  private static boolean isBefore(long time, long number, long otherTime, long otherNumber) {
    long difference = time - otherTime; // times may overflow
    return difference != 0 ? difference < 0 : number < otherNumber;
  }

  private void put(int slot, DelayedTask<?> task, long time, long number) {
    tasks[slot] = task;
    keys[2 * slot] = time;
    keys[2 * slot + 1] = number;
    if (task != null) {
      task.place = slot;
    }
  }
}

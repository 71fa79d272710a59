package io.asyncpal;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Predicate;

/**
 * Tasks that wait for their time, the earliest first: a binary heap in which each task knows its
 * place, so that one that is cancelled leaves it at once.
 *
 * <p>Threads: guarded by the lock of its {@link Delays}.
 */
final class DelayHeap {
  private static final int MIN_CAPACITY = 16;

  private DelayedTask<?>[] tasks = new DelayedTask<?>[MIN_CAPACITY];
  private int size;

  int size() {
    return size;
  }

  /** Null: it is empty. */
  DelayedTask<?> first() {
    return tasks[0];
  }

  void add(DelayedTask<?> task) {
    if (size == tasks.length) {
      tasks = Arrays.copyOf(tasks, 2 * size);
    }
    size++;
    siftUp(size - 1, task);
  }

  /** False: it is not here. */
  boolean remove(DelayedTask<?> task) {
    int place = task.place;
    if (place < 0) {
      return false;
    }
    task.place = DelayedTask.NOWHERE;
    size--;
    DelayedTask<?> last = tasks[size];
    tasks[size] = null;
    if (last != task) {
      siftDown(place, last);
      if (tasks[place] == last) {
        siftUp(place, last);
      }
    }
    if (size < tasks.length / 4 && tasks.length > MIN_CAPACITY) {
      tasks = Arrays.copyOf(tasks, tasks.length / 2);
    }
    return true;
  }

  /** Takes those out for which {@code doomed} holds, earliest first. */
  List<DelayedTask<?>> removeIf(Predicate<DelayedTask<?>> doomed) {
    List<DelayedTask<?>> removed = new ArrayList<>();
    for (int i = 0; i < size; i++) {
      if (doomed.test(tasks[i])) {
        removed.add(tasks[i]);
      }
    }
    removed.forEach(this::remove);
    removed.sort(null);
    return removed;
  }

  private void siftUp(int place, DelayedTask<?> task) {
    while (place > 0) {
      int parent = (place - 1) / 2;
      if (tasks[parent].compareTo(task) <= 0) {
        break;
      }
      put(place, tasks[parent]);
      place = parent;
    }
    put(place, task);
  }

  private void siftDown(int place, DelayedTask<?> task) {
    while (2 * place + 1 < size) {
      int child = 2 * place + 1;
      if (child + 1 < size && tasks[child + 1].compareTo(tasks[child]) < 0) {
        child++;
      }
      if (task.compareTo(tasks[child]) <= 0) {
        break;
      }
      put(place, tasks[child]);
      place = child;
    }
    put(place, task);
  }

  private void put(int place, DelayedTask<?> task) {
    tasks[place] = task;
    task.place = place;
  }
}

package io.asyncpal;

/**
 * Which of the tasks that wait begins first. A higher class goes before a lower one, but not for
 * ever: a task waits behind later ones of higher classes for one {@link PoolBuilder#priorityStep}
 * per class between them, and no longer. Tasks of the same class begin in the order of their
 * submission.
 */
public enum TaskPriority { // in native code's order
  /** After all else. */
  BACKGROUND,
  /** After normal tasks. */
  LOW,
  /** What tasks have that don't say otherwise. */
  NORMAL,
  /** Before normal tasks. */
  HIGH,
  /** Before all else. */
  URGENT
}

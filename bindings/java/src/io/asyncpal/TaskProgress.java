package io.asyncpal;

import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Future;

/**
 * How far a task is, by its own account: see {@link TaskContext#reportProgress}.
 *
 * @param fraction how much is done, from 0 to 1
 * @param text for people; may be empty
 */
public record TaskProgress(double fraction, String text) {
  /**
   * Checks what is reported.
   *
   * @param fraction how much is done
   * @param text not null
   * @throws IllegalArgumentException if the fraction is not from 0 to 1
   */
  public TaskProgress {
    Objects.requireNonNull(text, "text");
    if (!(fraction >= 0 && fraction <= 1)) {
      throw new IllegalArgumentException(
          "fraction is " + fraction + "; it must be between 0 and 1");
    }
  }

  /**
   * What the task of a future has reported last. On any thread; it does not block.
   *
   * @param future one that a pool's {@code submit} or {@code call} has returned
   * @return empty: it has reported nothing, or does not run, or no task of a pool is behind that
   *     future itself, as where it is one of a delayed task or of {@code thenApply}
   */
  public static Optional<TaskProgress> of(Future<?> future) {
    if (future instanceof Task<?> task) {
      return Optional.ofNullable(task.progress());
    }
    if (future instanceof RemoteTask<?> task) {
      return Optional.ofNullable(task.progress());
    }
    return future instanceof RetryRun<?> run ? of(run.attempt()) : Optional.empty();
  }
}

package io.asyncpal;

import java.util.concurrent.ExecutionException;

/**
 * How one call of a map ended: what {@link SettledMaps} give for each item.
 *
 * @param <T> the type of the results
 * @param index of the item, from 0
 * @param value what the call has returned; null if that is nothing, or if there is an exception
 * @param exception why there is no value: what the call has thrown, or what became of its task,
 *     such as {@link WorkerLostException}; null if there is a value
 */
public record Settled<T>(long index, T value, Throwable exception) {
  /**
   * Whether there is a value.
   *
   * @return false: {@link #exception} says why not
   */
  public boolean ok() {
    return exception == null;
  }

  /**
   * The value, like that of a future.
   *
   * @return what the call has returned
   * @throws ExecutionException if there is none; its cause is the {@link #exception}
   */
  public T get() throws ExecutionException {
    if (exception != null) {
      throw new ExecutionException(SentThrowable.describe(exception), exception);
    }
    return value;
  }
}

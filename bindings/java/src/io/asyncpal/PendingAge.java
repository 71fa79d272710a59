package io.asyncpal;

import java.time.Duration;

/**
 * How long the oldest pending task of a pool has been pending, for one that keeps no times of its
 * tasks: since the first look that came after its submission.
 *
 * <p>How it works. Tasks leave nearly in the order of their submission. So if {@code left} have,
 * the oldest one is the next of all that were submitted; and the first look by which more than
 * {@code left} had been submitted came after it. Where others have been cancelled behind it, that
 * is a later look, and the age too short. Few looks are kept; of many, every second one.
 *
 * <p>Threads: any.
 */
final class PendingAge {
  private static final int MAX_LOOKS = 64;

  // Ascending. Guarded by the monitor.
  private final long[] submitted = new long[MAX_LOOKS];
  private final long[] times = new long[MAX_LOOKS];
  private int looks;

  /**
   * Looks.
   *
   * @param submittedNow how many tasks were submitted
   * @param left how many of them are pending no more
   * @param now of {@link System#nanoTime}
   * @return zero if none is pending
   */
  synchronized Duration look(long submittedNow, long left, long now) {
    int gone = 0;
    while (gone < looks && submitted[gone] <= left) {
      gone++;
    }
    looks -= gone;
    System.arraycopy(submitted, gone, submitted, 0, looks);
    System.arraycopy(times, gone, times, 0, looks);
    if (submittedNow <= left) {
      return Duration.ZERO;
    }
    if (looks == 0 || submittedNow > submitted[looks - 1]) {
      if (looks == MAX_LOOKS) {
        thinOut();
      }
      submitted[looks] = submittedNow;
      times[looks++] = now;
    }
    return Duration.ofNanos(Math.max(now - times[0], 0));
  }

  private void thinOut() {
    looks = MAX_LOOKS / 2;
    for (int i = 0; i < looks; i++) {
      submitted[i] = submitted[2 * i];
      times[i] = times[2 * i];
    }
  }
}

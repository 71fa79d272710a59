package io.asyncpal;

/** What the period of a periodic task counts from. */
public enum Cadence { // in native code's order
  /**
   * Runs are due at the first one's time and at each period after it, whenever they begin and end:
   * they do not drift.
   */
  FIXED_RATE,
  /** A run is due one period after the end of the last one. */
  FIXED_DELAY
}

package io.asyncpal;

/**
 * What becomes of runs at a fixed rate whose time passes while an earlier one has not ended.
 */
public enum WhenLate { // in native code's order
  /** They are left out, and counted: {@link PeriodicStats#skipped}. */
  SKIP,
  /** They run in a row. */
  CATCH_UP
}

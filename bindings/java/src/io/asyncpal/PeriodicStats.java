package io.asyncpal;

import java.time.Duration;

/**
 * What has become of the runs of a {@link Periodic}.
 *
 * @param runs how many have ended
 * @param failed how many of these have failed
 * @param skipped how many were left out; see {@link WhenLate#SKIP}
 * @param untilNext when the next run is due; zero: one is due, or goes on; {@link Long#MAX_VALUE}
 *     nanoseconds: there is none, or none before {@link Periodic#trigger}
 */
public record PeriodicStats(long runs, long failed, long skipped, Duration untilNext) {}

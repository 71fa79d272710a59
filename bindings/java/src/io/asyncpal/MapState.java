package io.asyncpal;

import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * How far a map is. Calls are counted by chunks: all calls of one together, when its task is done
 * and whoever takes the results has seen it. Of a chunk whose worker was lost, those that had begun
 * are, where the map goes on.
 *
 * @param done calls that have returned
 * @param failed calls without a result: one of their chunk threw, or its worker was lost
 * @param total how many calls there are, if the items are collections; else empty until their end
 *     is reached
 * @param perSecond calls that end in a second, of late: an average in which a call of ten seconds
 *     ago counts a third of one that has just ended; 0: none has yet
 * @param left how long the rest takes at that rate; empty if that is unknown
 * @param elapsed since the map's call
 */
public record MapState(
    long done,
    long failed,
    OptionalLong total,
    double perSecond,
    Optional<Duration> left,
    Duration elapsed) {}

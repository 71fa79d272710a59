using System;

namespace Asyncpal;

/// <summary>
/// How far a map is. Calls are counted by chunks: all calls of one together, when its
/// task is done. Of a chunk whose worker was lost, those that had begun are, where the map
/// goes on.
/// </summary>
/// <param name="Done">Calls that have returned.</param>
/// <param name="Failed">
/// Calls without a result: one of their chunk has thrown, or its worker was lost.
/// </param>
/// <param name="Total">
/// How many calls there are, where the inputs say it; else null until their end.
/// </param>
/// <param name="PerSecond">
/// Calls that end in a second, of late: an average in which a call of ten seconds ago
/// counts a third of one that has just ended. 0: none has yet.
/// </param>
/// <param name="Left">How long the rest takes at that rate; null: unknown.</param>
/// <param name="Elapsed">Since the map's call.</param>
public sealed record MapProgress(
    long Done,
    long Failed,
    long? Total,
    double PerSecond,
    TimeSpan? Left,
    TimeSpan Elapsed);

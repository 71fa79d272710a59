namespace Asyncpal.Internal;

/// <summary>
/// A task in a <see cref="HostQueue"/>. Once it is not pending any more, it is stale
/// there, and never runs.
/// </summary>
internal interface IQueuedTask
{
    bool IsPending { get; }

    /// <summary>
    /// Among the pool's tasks, in the order of submission; only its last 32 bits count.
    /// </summary>
    long Number { get; }

    /// <summary>Ends that it is pending. False: somebody else has.</summary>
    bool Claim();

    /// <summary>After that, on a worker's own thread. Throws nothing.</summary>
    void RunClaimed(WorkerCounts worker);
}

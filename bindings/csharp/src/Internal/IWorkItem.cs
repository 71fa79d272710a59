using System;
using System.Threading;
using System.Threading.Tasks;

namespace Asyncpal.Internal;

/// <summary>A task of a thread pool.</summary>
internal interface IWorkItem
{
    /// <summary>From its options; may be empty.</summary>
    string Name => "";

    /// <summary>Among the pool's tasks, where .NET counts them.</summary>
    long Number { get; }

    /// <summary>Which attempt at something it is.</summary>
    int Attempt => 1;

    /// <summary>What the submitter has.</summary>
    Task Task { get; }

    /// <summary>Asks it to stop.</summary>
    CancellationToken StopToken => CancellationToken.None;

    /// <summary>Hands it to its pool, or throws.</summary>
    void Enqueue(PoolScheduler scheduler);

    /// <summary>True: it was pending, and will never run.</summary>
    bool Cancel(PoolScheduler scheduler);

    /// <summary>
    /// On a worker of its pool. True: it was pending, and has run on this very thread.
    /// </summary>
    bool RunInline(PoolScheduler scheduler);
}

/// <summary>One that native code may have, by a number.</summary>
internal interface INativeItem : IWorkItem
{
    /// <summary>Called by a worker; returns as facade::Host::Run().</summary>
    bool Run();

    /// <summary>
    /// Called instead of Run(), since it is too late or the pool broke, for that
    /// reason, or was closed; returns as facade::Host::Drop().
    /// </summary>
    bool Drop(Exception? why);

    /// <summary>Called for one whose timeout has passed while it runs.</summary>
    void Expire(Exception why) =>
        throw new InvalidOperationException("a task without a timeout has expired");
}

/// <summary>One that may wait in .NET.</summary>
internal interface IQueuedItem : INativeItem, IQueuedTask
{
    /// <inheritdoc cref="IWorkItem.Number"/>
    new long Number { get; }

    /// <inheritdoc/>
    long IWorkItem.Number => Number;

    /// <inheritdoc/>
    long IQueuedTask.Number => Number;

    /// <summary>
    /// It was claimed and never runs, for that reason, or since the pool was closed.
    /// </summary>
    void DropClaimed(PoolScheduler scheduler, Exception? why);
}

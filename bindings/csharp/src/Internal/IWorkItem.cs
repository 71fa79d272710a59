using System;

namespace Asyncpal.Internal;

/// <summary>What a native pool has as the number of a task.</summary>
internal interface IWorkItem
{
    /// <summary>Hands it to the native pool, or throws.</summary>
    void Enqueue(NativeThreadPool pool);

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

    /// <summary>True: it was pending, and will never run.</summary>
    bool Cancel();

    /// <summary>True: it was pending, and has run on this very thread.</summary>
    bool RunInline();
}

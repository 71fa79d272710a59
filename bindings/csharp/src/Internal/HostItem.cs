using System;

namespace Asyncpal.Internal;

/// <summary>What a native pool of threads runs, as facade::Host has it.</summary>
internal abstract class HostItem
{
    /// <summary>Called by a worker; returns as facade::Host::Run().</summary>
    public abstract bool Run();

    /// <summary>Called instead of Run(); returns as facade::Host::Drop().</summary>
    public abstract bool Drop(Exception? why);

    /// <summary>Called for one whose timeout has passed while it runs.</summary>
    public virtual void Expire(Exception why) =>
        throw new InvalidOperationException("a task without a timeout has expired");
}

using System;

namespace Asyncpal;

/// <content>Pauses.</content>
public abstract partial class Pool
{
    /// <summary>Whether a pause goes on.</summary>
    public bool IsPaused => Native.IsPaused();

    /// <summary>
    /// From now on no task begins but those that a running task waits for, until what this
    /// returns is disposed of. Does not wait for what is running. Submitting, cancelling,
    /// delays and the limits of tasks go on. Pauses nest; a shutdown ends them.
    /// </summary>
    /// <returns>The pause, which can wait until no task runs.</returns>
    public ExecutionFence Pause()
    {
        SetHeld(true);
        try
        {
            Native.Pause();
        }
        catch
        {
            SetHeld(false);
            throw;
        }
        return new ExecutionFence(this);
    }

    internal void Resume()
    {
        SetHeld(false);
        try
        {
            Native.Resume();
        }
        catch (ObjectDisposedException)
        {
            // The pool has ended, and its pauses with it.
        }
    }
}

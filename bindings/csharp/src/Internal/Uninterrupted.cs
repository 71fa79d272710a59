using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Threading;

namespace Asyncpal.Internal;

/// <summary>
/// Waits that no <see cref="Thread.Interrupt"/> ends: it is meant for the thread's task,
/// or for whoever submits one, and is there for their next wait.
/// </summary>
internal static class Uninterrupted
{
    public static Lock.Scope Enter(Lock mutex)
    {
        try
        {
            return mutex.EnterScope();
        }
        catch (ThreadInterruptedException)
        {
            Lock.Scope scope = Enter(mutex);
            Thread.CurrentThread.Interrupt();
            return scope;
        }
    }

    /// <summary>Which waits for others where it goes from one array to the next.</summary>
    public static bool TryDequeue<T>(
        ConcurrentQueue<T> queue, [MaybeNullWhen(false)] out T item)
    {
        try
        {
            return queue.TryDequeue(out item);
        }
        catch (ThreadInterruptedException)
        {
            bool found = TryDequeue(queue, out item);
            Thread.CurrentThread.Interrupt();
            return found;
        }
    }
}

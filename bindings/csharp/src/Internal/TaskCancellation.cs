using System;
using System.Runtime.CompilerServices;
using System.Threading.Tasks;

namespace Asyncpal.Internal;

/// <summary>Cancels tasks without a token.</summary>
internal static class TaskCancellation
{
    /// <summary>
    /// Does to a queued task what its token would: its scheduler's next attempt to
    /// execute it makes it canceled.
    /// </summary>
    /// <remarks>
    /// .NET gives schedulers no such right, and a token of the pool's own for each
    /// task would double what a task costs. In a runtime without that method the
    /// task is executed after all.
    /// </remarks>
    public static void Request(Task task)
    {
        try
        {
            InternalCancel(task);
        }
        catch (MissingMethodException)
        {
        }
    }

    [UnsafeAccessor(UnsafeAccessorKind.Method)]
    private static extern void InternalCancel(Task task);
}

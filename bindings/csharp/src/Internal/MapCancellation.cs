using System;
using System.Threading;
using System.Threading.Tasks;

namespace Asyncpal.Internal;

/// <summary>
/// Ends what a map has submitted: when its reader leaves it, when its caller's
/// token is cancelled, and, if its function can be stopped, when its pool is shut
/// down. The last two refer to it only until then.
/// </summary>
internal sealed class MapCancellation : IDisposable
{
    private readonly CancellationTokenSource _source = new();
    private readonly CancellationToken _caller;
    private readonly CancellationTokenRegistration _byCaller;
    private readonly CancellationTokenRegistration _byPool;

    public MapCancellation(
        TaskRunner pool, bool isStoppable, CancellationToken caller)
    {
        _caller = caller;
        _byCaller = caller.UnsafeRegister(Cancel, _source);
        if (isStoppable)
        {
            _byPool = pool.StopToken.UnsafeRegister(Cancel, _source);
        }
    }

    /// <summary>Of the map's tasks.</summary>
    public CancellationToken Token => _source.Token;

    /// <summary>Throws what the map's reader gets, if the caller wants that.</summary>
    public void ThrowIfCallerCancelled()
    {
        if (_caller.IsCancellationRequested)
        {
            throw new TaskCanceledException(null, null, _caller);
        }
    }

    /// <summary>The map has ended.</summary>
    public void Dispose()
    {
        // Not those of the source: what runs may still look at its token.
        _byCaller.Unregister();
        _byPool.Unregister();
        _source.Cancel();
    }

    private static void Cancel(object? source) =>
        ((CancellationTokenSource)source!).Cancel();
}

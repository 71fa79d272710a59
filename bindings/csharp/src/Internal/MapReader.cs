using System;
using System.Collections;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

namespace Asyncpal.Internal;

/// <summary>
/// The results of a lazy map, which can be read once. An iterator method would not
/// do: one that was not begun does nothing when it is disposed of, and the tasks
/// ahead of it would stay.
/// </summary>
/// <param name="map">Disposed of by whoever reads to the end, or leaves.</param>
internal sealed class MapReader<TIn, TOut>(MapRun<TIn, TOut> map)
    : IEnumerable<TOut>, IEnumerator<TOut>
{
    private IEnumerator<TOut>? _chunk;
    private bool _given;
    private bool _ended;

    /// <inheritdoc/>
    public TOut Current => _chunk!.Current;

    object? IEnumerator.Current => Current;

    /// <inheritdoc/>
    public IEnumerator<TOut> GetEnumerator()
    {
        if (_given)
        {
            throw new InvalidOperationException("the results of a map can be read once");
        }
        _given = true;
        return this;
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <inheritdoc/>
    public bool MoveNext()
    {
        try
        {
            while (_chunk == null || !_chunk.MoveNext())
            {
                if (_ended || map.IsDone)
                {
                    Dispose();
                    return false;
                }
                _chunk = map.Next().GetEnumerator();
            }
            return true;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Reset() => throw new NotSupportedException();

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_ended)
        {
            _ended = true;
            _chunk = null;
            map.Dispose();
        }
    }
}

/// <summary>The same for those who await.</summary>
/// <param name="map">Disposed of by whoever reads to the end, or leaves.</param>
internal sealed class MapAsyncReader<TOut>(IAsyncMap<TOut> map)
    : IAsyncEnumerable<TOut>, IAsyncEnumerator<TOut>
{
    private IEnumerator<TOut>? _chunk;
    private CancellationToken _readerToken;
    private bool _given;
    private bool _ended;

    /// <inheritdoc/>
    public TOut Current => _chunk!.Current;

    /// <inheritdoc/>
    public IAsyncEnumerator<TOut> GetAsyncEnumerator(
        CancellationToken cancellationToken = default)
    {
        if (_given)
        {
            throw new InvalidOperationException("the results of a map can be read once");
        }
        _given = true;
        _readerToken = cancellationToken;
        return this;
    }

    /// <inheritdoc/>
    public async ValueTask<bool> MoveNextAsync()
    {
        try
        {
            while (_chunk == null || !_chunk.MoveNext())
            {
                _readerToken.ThrowIfCancellationRequested();
                IEnumerable<TOut>? next = _ended
                    ? null
                    : await map.NextAsync(_readerToken).ConfigureAwait(false);
                if (next == null)
                {
                    End();
                    return false;
                }
                _chunk = next.GetEnumerator();
            }
            return true;
        }
        catch
        {
            End();
            throw;
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        End();
        return ValueTask.CompletedTask;
    }

    private void End()
    {
        if (!_ended)
        {
            _ended = true;
            _chunk = null;
            map.Dispose();
        }
    }
}

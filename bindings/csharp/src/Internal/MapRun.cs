using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Channels;
using System.Threading.Tasks;

namespace Asyncpal.Internal;

/// <summary>
/// One map that runs: submits chunks of its input, never more than its buffer
/// ahead of the reader, and hands their results out.
/// </summary>
/// <remarks>Its reader is one thread at a time.</remarks>
internal sealed class MapRun<TIn, TOut> : IAsyncMap<TOut>
{
    private readonly Asyncpal.Pool _pool;
    private readonly MapFunction<TIn, TOut> _function;
    private readonly IEnumerator<TIn> _inputs;
    private readonly int _chunkSize;
    private readonly MapDeadline _deadline;
    private readonly MapCancellation _cancel;

    // The chunks that were submitted: in order, or as they are done.
    private readonly Queue<Task<IReadOnlyList<TOut>>>? _ordered;
    private readonly Channel<Task<IReadOnlyList<TOut>>>? _done;
    private readonly int _bufferSize;
    private int _running;
    private bool _inputEnded;

    public MapRun(
        Asyncpal.Pool pool,
        MapPlan plan,
        MapFunction<TIn, TOut> function,
        IEnumerable<TIn> inputs,
        MapOptions? options,
        CancellationToken token)
    {
        options ??= new MapOptions();
        _deadline = new MapDeadline(pool, plan, options);
        pool.Check();
        _pool = pool;
        _function = function;
        _chunkSize = options.ChunkSize;
        _bufferSize = plan.BufferOf(pool, options);
        if (plan.IsOrdered)
        {
            _ordered = [];
        }
        else
        {
            _done = Channel.CreateUnbounded<Task<IReadOnlyList<TOut>>>();
        }
        _inputs = inputs.GetEnumerator();
        _cancel = new MapCancellation(pool, function.IsStoppable, token);
        try
        {
            Fill();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Whether all results were handed out.</summary>
    public bool IsDone => _running == 0 && _inputEnded;

    /// <summary>
    /// The results of the next chunk; what a call of it has thrown comes out
    /// after the results before that call.
    /// </summary>
    public IEnumerable<TOut> Next()
    {
        Task<IReadOnlyList<TOut>> chunk = _ordered != null
            ? _ordered.Dequeue()
            : Wait(_done!.Reader.ReadAsync().AsTask());
        if (!chunk.IsCompleted)
        {
            Wait(chunk);
        }
        return Take(chunk);
    }

    /// <inheritdoc/>
    public async Task<IEnumerable<TOut>?> NextAsync(CancellationToken token)
    {
        if (IsDone)
        {
            return null;
        }
        _cancel.ThrowIfCallerCancelled();
        Task<IReadOnlyList<TOut>> chunk = _ordered != null
            ? _ordered.Dequeue()
            : await WaitAsync(_done!.Reader.ReadAsync().AsTask(), token)
                .ConfigureAwait(false);
        if (!chunk.IsCompleted)
        {
            await WaitAsync(chunk, token).ConfigureAwait(false);
        }
        return Take(chunk);
    }

    /// <summary>Cancels what has not begun.</summary>
    public void Dispose()
    {
        _cancel.Dispose();
        _inputs.Dispose();
    }

    private IEnumerable<TOut> Take(Task<IReadOnlyList<TOut>> chunk)
    {
        --_running;
        if (ChunkResults.Of(chunk, _cancel) is { } partial)
        {
            return partial;
        }
        Fill();
        return chunk.Result;
    }

    private void Fill()
    {
        while (_running < _bufferSize && !_inputEnded)
        {
            var chunk = new List<TIn>();
            while (chunk.Count < _chunkSize && !_inputEnded)
            {
                if (_inputs.MoveNext())
                {
                    chunk.Add(_inputs.Current);
                }
                else
                {
                    _inputEnded = true;
                }
            }
            if (chunk.Count > 0)
            {
                Submit(chunk);
            }
        }
    }

    private void Submit(List<TIn> chunk)
    {
        Task<IReadOnlyList<TOut>> task =
            _pool.SubmitChunk(_function, chunk, _cancel.Token);
        ++_running;
        if (_ordered != null)
        {
            _ordered.Enqueue(task);
            return;
        }
        task.ContinueWith(
            static (done, channel) =>
                ((Channel<Task<IReadOnlyList<TOut>>>)channel!).Writer.TryWrite(done),
            _done,
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
    }

    /// <summary>Blocks until the task is done, however it ended.</summary>
    private T Wait<T>(Task<T> task)
    {
        if (!_pool.WaitOn(task, _deadline.Remaining()))
        {
            throw _deadline.ToException();
        }
        return task.IsCompletedSuccessfully ? task.Result : default!;
    }

    private async Task<T> WaitAsync<T>(Task<T> task, CancellationToken token)
    {
        await _deadline.WaitAsync(task, token).ConfigureAwait(false);
        return task.IsCompletedSuccessfully ? task.Result : default!;
    }
}

/// <summary>What a chunk of a map that is done has given.</summary>
internal static class ChunkResults
{
    /// <summary>
    /// Null: the task's result. Otherwise results, and then what a call has
    /// thrown; or throws what has ended the whole chunk.
    /// </summary>
    public static IEnumerable<TOut>? Of<TOut>(
        Task<IReadOnlyList<TOut>> chunk, MapCancellation cancel)
    {
        if (chunk.Exception?.InnerException is ChunkException<List<TOut>> error)
        {
            return GiveThenThrow(error);
        }
        if (chunk.IsCanceled)
        {
            cancel.ThrowIfCallerCancelled();
        }
        chunk.GetAwaiter().GetResult();
        return null;
    }

    private static IEnumerable<TOut> GiveThenThrow<TOut>(
        ChunkException<List<TOut>> error)
    {
        foreach (TOut result in error.Done)
        {
            yield return result;
        }
        System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(
            error.InnerException!);
    }
}

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
internal sealed class MapRun<TIn, TOut> : MapChunks<TIn, TOut>, IAsyncMap<TOut>
{
    private readonly IEnumerator<TIn>? _inputs;

    // The chunks that were submitted: in order, or as they are done.
    private readonly Queue<Task<IReadOnlyList<TOut>>>? _ordered;
    private readonly Channel<Task<IReadOnlyList<TOut>>>? _done;
    private int _running;
    private bool _inputEnded;

    public MapRun(
        TaskRunner pool,
        MapPlan plan,
        MapFunction<TIn, TOut> function,
        IEnumerable<TIn> inputs,
        MapOptions options,
        CancellationToken token)
        : base(pool, plan, function, options, token)
    {
        if (plan.IsOrdered)
        {
            _ordered = [];
        }
        else
        {
            _done = Channel.CreateUnbounded<Task<IReadOnlyList<TOut>>>();
        }
        try
        {
            Begin(Zipped.CountOf(inputs));
            _inputs = inputs.GetEnumerator();
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
        Cancel.ThrowIfCallerCancelled();
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
        Counter?.Stop();
        Cancel.Dispose();
        _inputs?.Dispose();
    }

    private IEnumerable<TOut> Take(Task<IReadOnlyList<TOut>> chunk)
    {
        --_running;
        if (ChunkResults.Of(chunk, Cancel) is { } partial)
        {
            return partial;
        }
        Fill();
        return chunk.Result;
    }

    private void Fill()
    {
        if (_inputEnded)
        {
            return;
        }
        while (_running < BufferSize && !_inputEnded)
        {
            var chunk = new List<TIn>();
            int size = NextSize();
            while (chunk.Count < size && !_inputEnded)
            {
                if (_inputs!.MoveNext())
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
        if (_inputEnded)
        {
            Counter?.EndInputs(Submitted);
        }
    }

    private void Submit(List<TIn> inputs)
    {
        Task<IReadOnlyList<TOut>> chunk = Start(inputs);
        ++_running;
        if (_ordered != null)
        {
            _ordered.Enqueue(chunk);
        }
        else
        {
            WhenDone(
                chunk,
                static (done, map) =>
                    ((MapRun<TIn, TOut>)map!)._done!.Writer.TryWrite(done));
        }
    }

    /// <summary>Blocks until the task is done, however it ended.</summary>
    private T Wait<T>(Task<T> task)
    {
        if (!Pool.WaitOn(task, Deadline.Remaining()))
        {
            throw Deadline.ToException();
        }
        return task.IsCompletedSuccessfully ? task.Result : default!;
    }

    private async Task<T> WaitAsync<T>(Task<T> task, CancellationToken token)
    {
        await Deadline.WaitAsync(task, token).ConfigureAwait(false);
        return task.IsCompletedSuccessfully ? task.Result : default!;
    }
}

using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Threading;
using System.Threading.Channels;
using System.Threading.Tasks;

namespace Asyncpal.Internal;

/// <summary>A function as a map calls it, and as the user has given it.</summary>
/// <param name="Call">Calls it with one input.</param>
/// <param name="Function">What the user gave.</param>
/// <param name="Split">Makes the arguments of Function of an input.</param>
internal sealed record MapFunction<TIn, TOut>(
    Func<TIn, TOut> Call, Delegate Function, Func<TIn, object?[]> Split);

/// <summary>A call in the middle of a chunk has thrown.</summary>
internal sealed class ChunkException<TResults>(TResults done, Exception cause)
    : Exception(cause.Message, cause)
{
    /// <summary>The results of the calls before it.</summary>
    public TResults Done { get; } = done;
}

/// <summary>
/// One map that runs: submits chunks of its input, never more than its buffer
/// ahead of the reader, and hands their results out.
/// </summary>
/// <remarks>Its reader is one thread at a time.</remarks>
internal sealed class MapRun<TIn, TOut> : IDisposable
{
    private readonly Asyncpal.Pool _pool;
    private readonly string _name;
    private readonly MapFunction<TIn, TOut> _function;
    private readonly IEnumerator<TIn> _inputs;
    private readonly int _chunkSize;
    private readonly TimeSpan _timeout;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly CancellationToken _callerToken;
    private readonly CancellationTokenSource _cancel;

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
        ArgumentOutOfRangeException.ThrowIfLessThan(options.ChunkSize, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(options.BufferSize);
        if (options.Timeout < TimeSpan.Zero
            && options.Timeout != Timeout.InfiniteTimeSpan)
        {
            throw new ArgumentOutOfRangeException(
                nameof(options), options.Timeout, "a timeout can't be negative");
        }
        pool.Check();
        _pool = pool;
        _name = plan.Name;
        _function = function;
        _chunkSize = options.ChunkSize;
        _timeout = options.Timeout;
        _callerToken = token;
        _cancel = CancellationTokenSource.CreateLinkedTokenSource(token);
        _bufferSize = plan.IsEager ? int.MaxValue
            : options.BufferSize > 0 ? options.BufferSize
            : 2 * pool.MaxWorkers;
        if (plan.IsOrdered)
        {
            _ordered = [];
        }
        else
        {
            _done = Channel.CreateUnbounded<Task<IReadOnlyList<TOut>>>();
        }
        _inputs = inputs.GetEnumerator();
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

    /// <summary>As <see cref="Next"/>, without blocking.</summary>
    public async ValueTask<IEnumerable<TOut>> NextAsync()
    {
        Task<IReadOnlyList<TOut>> chunk = _ordered != null
            ? _ordered.Dequeue()
            : await WaitAsync(_done!.Reader.ReadAsync().AsTask())
                .ConfigureAwait(false);
        if (!chunk.IsCompleted)
        {
            await WaitAsync(chunk).ConfigureAwait(false);
        }
        return Take(chunk);
    }

    /// <summary>Cancels what has not begun.</summary>
    public void Dispose()
    {
        _cancel.Cancel();
        _inputs.Dispose();
    }

    private static async Task Quietly(Task task) =>
        await task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    private IEnumerable<TOut> Take(Task<IReadOnlyList<TOut>> chunk)
    {
        --_running;
        if (chunk.Exception?.InnerException is ChunkException<List<TOut>> error)
        {
            return GiveThenThrow(error);
        }
        if (_callerToken.IsCancellationRequested && chunk.IsCanceled)
        {
            throw new TaskCanceledException(null, null, _callerToken);
        }
        IReadOnlyList<TOut> results = chunk.GetAwaiter().GetResult();
        Fill();
        return results;
    }

    private static IEnumerable<TOut> GiveThenThrow(ChunkException<List<TOut>> error)
    {
        foreach (TOut result in error.Done)
        {
            yield return result;
        }
        System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(
            error.InnerException!);
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

    private TimeSpan Remaining()
    {
        if (_timeout == Timeout.InfiniteTimeSpan)
        {
            return _timeout;
        }
        TimeSpan left = _timeout - _clock.Elapsed;
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    /// <summary>Blocks until the task is done, however it ended.</summary>
    private T Wait<T>(Task<T> task)
    {
        if (!_pool.WaitOn(task, Remaining()))
        {
            throw TimedOut();
        }
        return task.IsCompletedSuccessfully ? task.Result : default!;
    }

    private async Task<T> WaitAsync<T>(Task<T> task)
    {
        try
        {
            await Quietly(task).WaitAsync(Remaining()).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            throw TimedOut();
        }
        return task.IsCompletedSuccessfully ? task.Result : default!;
    }

    private TimeoutException TimedOut() =>
        new($"{_name}() of {_pool} took longer than {_timeout}");
}

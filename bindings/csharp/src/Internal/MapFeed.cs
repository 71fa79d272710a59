using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Channels;
using System.Threading.Tasks;

namespace Asyncpal.Internal;

/// <summary>
/// A map whose inputs have to be awaited. It reads them beside its reader, so that
/// results come while the next input is still under way; never more than the
/// buffer ahead.
/// </summary>
/// <remarks>Its reader is one thread at a time.</remarks>
internal sealed class MapFeed<TIn, TOut> : MapChunks<TIn, TOut>, IAsyncMap<TOut>
{
    private readonly bool _isOrdered;

    // For chunks that were not yet taken by the reader.
    private readonly SemaphoreSlim _room;

    // The chunks that were submitted: in order, or as they are done. It ends after
    // the last one, with what the inputs have thrown.
    private readonly Channel<Task<IReadOnlyList<TOut>>> _chunks =
        Channel.CreateUnbounded<Task<IReadOnlyList<TOut>>>();

    // The chunks that are not in the channel yet, and one until the inputs end.
    private int _expected = 1;

    // Written before that one is taken back.
    private Exception? _error;

    public MapFeed(
        TaskRunner pool,
        MapPlan plan,
        MapFunction<TIn, TOut> function,
        IAsyncEnumerable<TIn> inputs,
        MapOptions options,
        CancellationToken token)
        : base(pool, plan, function, options, token)
    {
        _isOrdered = plan.IsOrdered;
        _room = new SemaphoreSlim(BufferSize);
        try
        {
            Begin(null);
        }
        catch
        {
            Dispose();
            throw;
        }
        _ = ReadInputsAsync(inputs);
    }

    /// <inheritdoc/>
    public async Task<IEnumerable<TOut>?> NextAsync(CancellationToken token)
    {
        Cancel.ThrowIfCallerCancelled();
        Task<bool> more = _chunks.Reader.WaitToReadAsync().AsTask();
        await Deadline.WaitAsync(more, token).ConfigureAwait(false);
        if (more.IsFaulted || more.IsCanceled)
        {
            Cancel.ThrowIfCallerCancelled();
        }
        if (!await more.ConfigureAwait(false)
            || !_chunks.Reader.TryRead(out Task<IReadOnlyList<TOut>>? chunk))
        {
            return null;
        }
        await Deadline.WaitAsync(chunk, token).ConfigureAwait(false);
        _room.Release();
        return ChunkResults.Of(chunk, Cancel) ?? chunk.Result;
    }

    /// <summary>
    /// Cancels what has not begun. The inputs are left once they have given the
    /// one that they are asked for, or have heeded the token.
    /// </summary>
    public void Dispose()
    {
        Counter?.Stop();
        Cancel.Dispose();
    }

    private async Task ReadInputsAsync(IAsyncEnumerable<TIn> inputs)
    {
        try
        {
            IAsyncEnumerator<TIn> input = inputs.GetAsyncEnumerator(Cancel.Token);
            await using (input.ConfigureAwait(false))
            {
                await SubmitAllAsync(input).ConfigureAwait(false);
                Counter?.EndInputs(Submitted);
            }
        }
        catch (Exception e)
        {
            _error = e;
        }
        CountDown();
    }

    private async Task SubmitAllAsync(IAsyncEnumerator<TIn> input)
    {
        Task<bool>? asked = null;  // whether there is another one
        try
        {
            bool ended = false;
            while (!ended)
            {
                await _room.WaitAsync(Cancel.Token).ConfigureAwait(false);
                var chunk = new List<TIn>();
                int size = NextSize();
                while (chunk.Count < size && !ended)
                {
                    asked ??= input.MoveNextAsync().AsTask();
                    if (IsAutomatic && chunk.Count > 0 && !asked.IsCompleted)
                    {
                        break;  // what has come need not wait for it
                    }
                    ended = !await asked.ConfigureAwait(false);
                    asked = null;
                    if (!ended)
                    {
                        chunk.Add(input.Current);
                    }
                }
                if (chunk.Count > 0)
                {
                    Submit(chunk);
                }
            }
        }
        finally
        {
            if (asked != null)
            {
                // Nobody may leave the inputs while they are asked.
                await ((Task)asked).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private void Submit(List<TIn> inputs)
    {
        Cancel.Token.ThrowIfCancellationRequested();
        Task<IReadOnlyList<TOut>> chunk = Start(inputs);
        Interlocked.Increment(ref _expected);
        if (_isOrdered)
        {
            Add(chunk);
        }
        else
        {
            WhenDone(chunk, static (done, map) => ((MapFeed<TIn, TOut>)map!).Add(done));
        }
    }

    private void Add(Task<IReadOnlyList<TOut>> chunk)
    {
        _chunks.Writer.TryWrite(chunk);
        CountDown();
    }

    private void CountDown()
    {
        if (Interlocked.Decrement(ref _expected) == 0)
        {
            _chunks.Writer.Complete(_error);
        }
    }
}

using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;
using Asyncpal.Internal;

namespace Asyncpal;

/// <summary>
/// A part of a pool: its tasks run on the pool's workers, at most so many of them at once,
/// in the order of their submission. Made by <see cref="Pool.Serial"/>,
/// <see cref="Pool.Limited"/> and <see cref="KeyedPool{TKey}.Key"/>.
/// </summary>
/// <remarks>
/// <code>
/// PoolView log = pool.Serial("log");        // one at a time, in order
/// PoolView disk = pool.Limited(2, "disk");  // two at a time
/// log.Post(() => ++lines);
/// Task&lt;string&gt; page = disk.SubmitAsync(Load, "index.html");
/// </code>
/// <para>A view holds its tasks and gives the pool its next one when that may start, at the
/// back of the pool's queue: one with many tasks keeps nobody waiting. It starts nothing
/// and holds no thread.</para>
/// <para>A task has its place until its function has returned, also where its
/// <c>Task</c> has missed its timeout before. An asynchronous function has it until all of
/// it has ended, across its awaits.</para>
/// <para>Threads: any. A task of a view with more than one place that waits for one behind
/// it runs that in its own place. In a view with one place that would be the middle of the
/// other: a task that waits for one behind it gets an
/// <see cref="InvalidOperationException"/> that names both, from <c>Run()</c> and maps, and
/// inside of a <see cref="TaskSchedulerException"/> from <c>Wait()</c>, <c>Result</c> and
/// <c>GetResult()</c>. Waits that pools can't see (see <see cref="ThreadPool"/>), awaits
/// among them, never end then.</para>
/// <para>Lifetime: its tasks stay when it goes. Ordering: as said. Errors and shutdown: as
/// the pool's; what waits is cancelled with what is pending, and drained.</para>
/// <para>A task that is tried again (<see cref="TaskOptions.Retry"/>) gives its place up with
/// each attempt that fails. The next one takes a place at the back when its wait is over; what
/// was behind it may have run by then.</para>
/// </remarks>
public sealed class PoolView : TaskRunner
{
    private readonly Pool _pool;
    private readonly NativeView _view;
    private readonly IViewKey? _key;

    internal PoolView(Pool pool, NativeView view, string name, int limit, IViewKey? key)
    {
        _pool = pool;
        _view = view;
        _key = key;
        Name = name;
        Limit = limit;
    }

    /// <summary>For messages; may be empty.</summary>
    public string Name { get; }

    /// <summary>How many of its tasks may run at once.</summary>
    public int Limit { get; }

    internal override Pool Owner => _pool;

    internal override bool TakesTasksForLater => false;

    internal override int Width => Math.Min(Limit, _pool.MaxWorkers);

    internal override bool IsOnWorker => _pool.IsOnWorker;

    internal override CancellationToken StopToken => _pool.StopToken;

    /// <inheritdoc/>
    public override string ToString() => $"view '{Name}' of {_pool}";

    internal override Task<T> Submit<T>(
        Call<T> call, TaskOptions? options, CancellationToken token) =>
        options?.Retry != null
            ? Retry(call, options, token)
            : Enter(options, own => _pool.Submit(call, own, token));

    internal override Task<T> SubmitAsynchronous<T>(
        Call<Task<T>> call, TaskOptions? options, CancellationToken token) =>
        options?.Retry != null
            ? RetryAsynchronous(call, options, token)
            : Enter(options, own => _pool.SubmitAsynchronous(call, own, token));

    internal override Task<IReadOnlyList<TOut>> SubmitChunk<TIn, TOut>(
        MapFunction<TIn, TOut> function,
        IReadOnlyList<TIn> inputs,
        ChunkTimer? timer,
        CancellationToken token) =>
        Enter(null, own => _pool.SubmitChunk(function, inputs, timer, token, own));

    internal override bool WaitOn(Task task, TimeSpan timeout) =>
        _pool.WaitOn(task, timeout);

    private Task<T> Enter<T>(TaskOptions? options, Func<TaskOptions, Task<T>> submit)
    {
        var timing = new TaskTiming
        {
            View = _view,
            Key = _key?.Enter() ?? 0,
            IsAttempt = options?.Timing is { IsAttempt: true },
            Attempt = options?.Timing?.Attempt ?? 1,
        };
        Task<T> task;
        try
        {
            task = submit((options ?? new TaskOptions()) with { Timing = timing });
        }
        catch
        {
            _key?.Leave();
            throw;
        }
        ViewTasks.Add(task, timing);
        if (_key != null)
        {
            _ = LeaveAsync(task, timing, _key);
        }
        return task;
    }

    private static async Task LeaveAsync(Task task, TaskTiming timing, IViewKey key)
    {
        await task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (timing.Gone is { } gone)
        {
            await gone.Task.ConfigureAwait(false);
        }
        key.Leave();
    }
}

/// <summary>
/// The views of a pool that belong to keys: tasks with the same key run one at a time, in
/// the order of their submission, and those of different keys side by side. Made by
/// <see cref="Pool.Keyed"/>.
/// </summary>
/// <remarks>
/// <code>
/// KeyedPool&lt;string&gt; accounts = pool.Keyed&lt;string&gt;();
/// accounts.Post("alice", () => alice -= 5);  // in order for each key,
/// accounts.Post("bob", () => bob += 5);      // and keys side by side
/// </code>
/// <para>A key without tasks takes no memory. Keys are compared by their own
/// <c>Equals()</c>. The rest is as for a <see cref="PoolView"/>.</para>
/// </remarks>
public sealed partial class KeyedPool<TKey>
    where TKey : notnull
{
    private readonly Pool _pool;
    private readonly NativeView _view;

    // Of those that have tasks. Guarded by itself.
    private readonly Dictionary<TKey, (long Number, int Tasks)> _keys = [];
    private long _lastNumber;

    internal KeyedPool(Pool pool, NativeView view)
    {
        _pool = pool;
        _view = view;
    }

    /// <summary>The view of one key.</summary>
    public PoolView Key(TKey key)
    {
        ArgumentNullException.ThrowIfNull(key);
        return new PoolView(_pool, _view, "", 1, new OneKey(this, key));
    }

    private sealed class OneKey(KeyedPool<TKey> pool, TKey key) : IViewKey
    {
        public long Enter()
        {
            lock (pool._keys)
            {
                (long number, int tasks) = pool._keys.GetValueOrDefault(key);
                number = tasks == 0 ? ++pool._lastNumber : number;
                pool._keys[key] = (number, tasks + 1);
                return number;
            }
        }

        public void Leave()
        {
            lock (pool._keys)
            {
                (long number, int tasks) = pool._keys[key];
                if (tasks == 1)
                {
                    pool._keys.Remove(key);
                }
                else
                {
                    pool._keys[key] = (number, tasks - 1);
                }
            }
        }
    }
}

/// <content>Views.</content>
public abstract partial class Pool
{
    /// <summary>A view whose tasks run one at a time, in order.</summary>
    /// <param name="name">For messages.</param>
    public PoolView Serial(string name = "") => NewView(1, name);

    /// <summary>A view whose tasks run at most so many at a time.</summary>
    /// <param name="n">At least 1.</param>
    /// <param name="name">For messages.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is less.</exception>
    public PoolView Limited(int n, string name = "")
    {
        if (n < 1)
        {
            throw new ArgumentOutOfRangeException(
                nameof(n), $"n is {n}; it must be at least 1");
        }
        return NewView(n, name);
    }

    /// <summary>Views of which each belongs to a key.</summary>
    public KeyedPool<TKey> Keyed<TKey>()
        where TKey : notnull =>
        new(this, Native.NewKeyedView());

    private PoolView NewView(int places, string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return new PoolView(this, Native.NewView(places, name), name, places, null);
    }
}

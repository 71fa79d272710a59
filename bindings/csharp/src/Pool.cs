using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Threading;
using System.Threading.Tasks;
using Asyncpal.Internal;

namespace Asyncpal;

/// <summary>
/// What <see cref="ThreadPool"/> and <see cref="ProcessPool"/> share; how functions are
/// run is <see cref="TaskRunner"/>'s.
/// </summary>
/// <remarks>
/// <para>Threads: any thread may call any member, workers included.</para>
/// <para>Lifetime: <see cref="Dispose"/> shuts the pool down and waits. A pool that
/// is never disposed of and no longer referred to runs what was submitted, and then
/// ends by itself. When the process ends, open pools are closed, within five
/// seconds.</para>
/// <para>Ordering: tasks start in the order in which they are submitted.</para>
/// <para>Errors: a closed pool throws <see cref="ObjectDisposedException"/>, a
/// broken one <see cref="BrokenPoolException"/>.</para>
/// </remarks>
public abstract partial class Pool : TaskRunner, IDisposable, IAsyncDisposable
{
    private readonly TaskCompletionSource _terminated =
        new(TaskCreationOptions.RunContinuationsAsynchronously);

    private protected Pool()
    {
    }

    /// <summary>The name from the options.</summary>
    public string Name { get; private protected init; } = "";

    /// <summary>
    /// How long a worker may be idle before it ends. A change also affects workers
    /// that are idle already.
    /// </summary>
    public TimeSpan IdleTimeout
    {
        get => Durations.FromNanos(Native.IdleTimeout());
        set => Native.SetIdleTimeout(Durations.ToNanos(value, nameof(IdleTimeout)));
    }

    /// <summary>Whether the pool accepts no more tasks.</summary>
    public bool IsClosed => IsDisposed || Native.IsClosed();

    /// <summary>Whether the pool is closed, all tasks are done and all workers have
    /// ended.</summary>
    public bool IsTerminated => _terminated.Task.IsCompleted;

    /// <summary>
    /// Whether the pool can no longer run tasks: an initializer or a finalizer has
    /// thrown, or worker processes have failed to start, or ended while they ran no
    /// task, too often. A task that crashes its process breaks no pool.
    /// </summary>
    public bool IsBroken => Native.IsBroken();

    private protected abstract NativePool Native { get; }

    private protected bool IsDisposed { get; private set; }

    /// <summary>How often .NET has found the pool blocked.</summary>
    private protected virtual long CountStalls() => 0;

    /// <summary>What a kill may take.</summary>
    private protected abstract TimeSpan KillGracePeriod { get; }

    internal override Pool Owner => this;

    /// <summary>What a task of a map costs that does nothing, in nanoseconds.</summary>
    internal abstract double MapTaskCost { get; }

    internal override bool TakesTasksForLater => true;

    internal override int Width => MaxWorkers;

    internal override CancellationToken StopToken => CancellationToken.None;

    /// <summary>Throws what keeps the pool from taking tasks, if anything does.</summary>
    /// <exception cref="ObjectDisposedException">The pool is closed.</exception>
    /// <exception cref="BrokenPoolException">The pool is broken.</exception>
    public void Check() => Native.Check();

    /// <summary>
    /// Runs the initializer and the finalizer once, on a worker of their own, and
    /// throws what they throw. The pool itself is not changed. Blocks.
    /// </summary>
    public void Test() => Native.Test();

    /// <summary>Starts workers before there are tasks for them.</summary>
    /// <param name="count">How many; never more than <see cref="MaxWorkers"/>.</param>
    /// <returns>How many were started.</returns>
    public int SpawnWorkers(int count) => Native.SpawnWorkers(count);

    /// <summary>Starts as many workers as <see cref="MaxWorkers"/> has room
    /// for.</summary>
    /// <returns>How many were started.</returns>
    public int SpawnMaxWorkers() => Native.SpawnMaxWorkers();

    /// <summary>How many workers there are.</summary>
    public int CountWorkers() => (int)Stats().Workers;

    /// <summary>How many workers run a task.</summary>
    public int CountBusyWorkers() => (int)Stats().Busy;

    /// <summary>How many workers wait for a task.</summary>
    public int CountFreeWorkers() => (int)Stats().Idle;

    /// <summary>How many tasks wait for a worker.</summary>
    public int CountPendingTasks() => (int)Stats().Pending;

    /// <summary>One consistent snapshot of all counts.</summary>
    public PoolStats Stats()
    {
        using NativePoolStats stats = Native.Stats();
        return _retryWaits.AddTo(ToStats(new PoolStats(
            stats.Workers,
            stats.Busy,
            stats.Idle,
            stats.Submitted,
            stats.Pending,
            stats.Running,
            stats.Completed,
            stats.Failed,
            stats.Cancelled,
            stats.Lost,
            stats.Rejected,
            stats.Stalls + CountStalls(),
            stats.Expired,
            stats.TimedOut,
            stats.WorkersStarted,
            stats.WorkersLost,
            Durations.FromNanos(stats.OldestPending),
            DurationHistogram.Of(stats.Wait),
            DurationHistogram.Of(stats.Run),
            stats.Delayed,
            stats.Retried)));
    }

    /// <summary>
    /// Waits until a full pool may have room. Others may take that room first; the
    /// caller's submission is then blocked or refused as usual.
    /// </summary>
    /// <param name="token">Ends the wait.</param>
    /// <exception cref="ObjectDisposedException">The pool is closed.</exception>
    /// <exception cref="BrokenPoolException">The pool is broken.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public async Task WaitForRoomAsync(CancellationToken token = default)
    {
        // Nobody calls back for room; a look at it takes no more than a lock.
        for (int milliseconds = 1; !Native.WaitForRoom(0); )
        {
            await Task.Delay(milliseconds, token).ConfigureAwait(false);
            milliseconds = Math.Min(2 * milliseconds, 32);
        }
    }

    /// <summary>Returns the workers that exist at this moment.</summary>
    public IReadOnlyList<WorkerInfo> Workers()
    {
        using WorkerList list = Native.Workers();
        var workers = new WorkerInfo[list.Size()];
        for (int i = 0; i < workers.Length; ++i)
        {
            workers[i] = ToInfo(WorkerInfo.Of(list.At(i)));
        }
        return workers;
    }

    /// <summary>
    /// Blocks until all submitted work is done and all workers have ended. The pool
    /// stays open, and starts workers again when a task is submitted.
    /// </summary>
    /// <exception cref="InvalidOperationException">
    /// This is one of the pool's own workers.
    /// </exception>
    public void Join() => Join(Timeout.InfiniteTimeSpan);

    /// <summary>The same as <see cref="Join()"/>, but waits for at most
    /// <paramref name="timeout"/>.</summary>
    /// <returns>False: <paramref name="timeout"/> passed.</returns>
    public bool Join(TimeSpan timeout) => JoinAsync(timeout).GetAwaiter().GetResult();

    /// <summary>The same as <see cref="Join(TimeSpan)"/>, without
    /// blocking.</summary>
    /// <param name="timeout">Not negative, or infinite.</param>
    /// <param name="cancellationToken">Ends the wait, and nothing else.</param>
    /// <returns>False: <paramref name="timeout"/> passed.</returns>
    public async Task<bool> JoinAsync(
        TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        Durations.ToNanos(timeout, nameof(timeout));
        long start = Stopwatch.GetTimestamp();
        Joins? joining = null;
        try
        {
            // They have moments without a task.
            await AwaitSeries().WaitAsync(timeout, cancellationToken)
                .ConfigureAwait(false);
            if (timeout != Timeout.InfiniteTimeSpan)
            {
                TimeSpan left = timeout - Stopwatch.GetElapsedTime(start);
                timeout = left > TimeSpan.Zero ? left : TimeSpan.Zero;
            }
            joining = new Joins(Native);
            await joining.Quiet.WaitAsync(timeout, cancellationToken)
                .ConfigureAwait(false);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
        finally
        {
            joining?.GiveUp();
        }
    }

    /// <summary>
    /// Closes the pool and blocks until its tasks are done and its workers have
    /// ended, or until the deadline has passed and its measures have been taken. On
    /// a worker of the pool it does not block.
    /// </summary>
    /// <returns>False if the pool was closed before.</returns>
    public bool Shutdown(ShutdownOptions? options = null) =>
        IsOnWorker
            ? Close((options ?? new ShutdownOptions()).Mode)
            : ShutdownAsync(options).GetAwaiter().GetResult();

    /// <summary>The same as <see cref="Shutdown"/>, without blocking.</summary>
    /// <returns>False if the pool was closed before.</returns>
    public async Task<bool> ShutdownAsync(ShutdownOptions? options = null)
    {
        options ??= new ShutdownOptions();
        Durations.ToNanos(options.Deadline, nameof(options.Deadline));
        if (IsDisposed)
        {
            return false;
        }
        bool closed = Close(options.Mode);
        if (await WaitTerminatedAsync(options.Deadline).ConfigureAwait(false))
        {
            return closed;
        }
        if (options.Mode != ShutdownMode.Kill)
        {
            Close(ShutdownMode.Kill);
            await WaitTerminatedAsync(KillGracePeriod).ConfigureAwait(false);
        }
        return closed;
    }

    /// <summary>
    /// Shuts the pool down: pending tasks are cancelled, and running ones are
    /// waited for, unless the caller is a worker of the pool. A second call does
    /// nothing.
    /// </summary>
    public void Dispose()
    {
        if (!IsDisposed)
        {
            Shutdown();
            Release();
        }
        GC.SuppressFinalize(this);
    }

    /// <summary>The same as <see cref="Dispose"/>, without blocking.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!IsDisposed)
        {
            if (IsOnWorker)
            {
                Shutdown();
            }
            else
            {
                await ShutdownAsync().ConfigureAwait(false);
            }
            Release();
        }
        GC.SuppressFinalize(this);
    }

    internal override bool WaitOn(Task task, TimeSpan timeout) =>
        ((IAsyncResult)task).AsyncWaitHandle.WaitOne(timeout);

    internal sealed override Task<IReadOnlyList<TOut>> SubmitChunk<TIn, TOut>(
        MapFunction<TIn, TOut> function,
        IReadOnlyList<TIn> inputs,
        ChunkTimer? timer,
        CancellationToken token) =>
        SubmitChunk(function, inputs, timer, token, null);

    /// <summary>The same with options; null: none.</summary>
    internal abstract Task<IReadOnlyList<TOut>> SubmitChunk<TIn, TOut>(
        MapFunction<TIn, TOut> function,
        IReadOnlyList<TIn> inputs,
        ChunkTimer? timer,
        CancellationToken token,
        TaskOptions? options);

    /// <summary>No worker is left; nothing of the pool runs any more.</summary>
    internal void OnTerminated() => _terminated.TrySetResult();

    /// <summary>What the pool counts itself, in place of native code.</summary>
    private protected virtual PoolStats ToStats(PoolStats ofNative) => ofNative;

    /// <summary>The same for a worker.</summary>
    private protected virtual WorkerInfo ToInfo(WorkerInfo ofNative) => ofNative;

    /// <summary>As <see cref="NativePool.Close"/>.</summary>
    private protected virtual bool CloseNative(CloseMode mode) =>
        Native.Close((int)mode);

    /// <summary>The pool was closed so, and what is pending was cancelled.</summary>
    private protected virtual void OnClosed(ShutdownMode mode)
    {
    }

    /// <summary>Native code decides when tasks begin, until it is told otherwise.</summary>
    private protected virtual void SetHeld(bool isHeld)
    {
    }

    /// <summary>The pool is disposed of.</summary>
    private protected virtual void OnReleased()
    {
    }

    private bool Close(ShutdownMode mode)
    {
        try
        {
            bool closed = CloseNative(mode switch
            {
                ShutdownMode.Drain => CloseMode.CloseDrain,
                ShutdownMode.CancelPending => CloseMode.CloseCancelPending,
                ShutdownMode.Kill => CloseMode.CloseKill,
                _ => throw new ArgumentOutOfRangeException(nameof(mode), mode, null),
            });
            OnClosed(mode);
            _retryWaits.End();
            return closed;
        }
        catch (ObjectDisposedException)
        {
            return false; // by another thread, meanwhile
        }
    }

    private async Task<bool> WaitTerminatedAsync(TimeSpan timeout)
    {
        try
        {
            await _terminated.Task.WaitAsync(timeout).ConfigureAwait(false);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    private void Release()
    {
        IsDisposed = true;
        OpenPools.Remove(Id);
        OnReleased();
        Native.Dispose();
    }
}

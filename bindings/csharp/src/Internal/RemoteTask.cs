using System;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Threading;
using System.Threading.Tasks;

namespace Asyncpal.Internal;

/// <summary>
/// A task in a native pool of processes, which knows it by a
/// <see cref="GCHandle"/>. As for a <see cref="NativeShare"/>, the native task's handle
/// is given up once: by who is done with it last, the submission, the outcome, or
/// a cancellation.
/// </summary>
internal abstract class RemoteTask : ITimedTask
{
    // Instead of a handle, which is an address.
    private const long Unknown = 0;
    private const long Finished = -1;
    private const long Taken = -2;
    private const long Asked = -3;  // for a moment

    private readonly CancellationToken _token;
    private CancellationTokenRegistration _registration;
    private NativeProcessPool? _pool;  // of a task that may wait for its time
    private GCHandle _self;
    private long _handle;

    protected RemoteTask(CancellationToken token)
    {
        _token = token;
    }

    /// <summary>Ends with the task; null: nobody listens.</summary>
    public Activity? Activity { get; init; }

    /// <summary>Whether it is several calls, whose ends come one by one.</summary>
    public bool IsInParts { get; init; }

    /// <summary>Whose cancellation ends the task, and its worker.</summary>
    protected CancellationToken Token => _token;

    public static RemoteTask Of(long id) =>
        (RemoteTask)GCHandle.FromIntPtr((IntPtr)id).Target!;

    /// <summary>Hands the task to the native pool, or throws.</summary>
    /// <param name="pool">What runs it.</param>
    /// <param name="name">Of a C++ task, or empty.</param>
    /// <param name="arguments">Its encoded arguments.</param>
    /// <param name="options">Null: none.</param>
    /// <param name="waitsForRoom">Whatever a full pool does with others.</param>
    public void Submit(
        NativeProcessPool pool,
        string name,
        byte[] arguments,
        TaskOptions? options,
        bool waitsForRoom)
    {
        using NativeTaskOptions? settings = options?.ToNative();
        _self = GCHandle.Alloc(this);
        long handle;
        try
        {
            long id = (long)GCHandle.ToIntPtr(_self);
            handle = Submission.InTime(
                pool,
                settings,
                () => options?.Timing is { View: { } view } place
                    ? pool.SubmitToView(view, place.Key, id, name, arguments, settings!)
                    : settings != null ? pool.Submit(id, name, arguments, settings)
                    : waitsForRoom ? pool.SubmitChunk(id, name, arguments)
                    : pool.Submit(id, name, arguments));
        }
        catch
        {
            _self.Free();
            throw;
        }
        if (Interlocked.CompareExchange(ref _handle, handle, Unknown) == Finished)
        {
            NativeProcessPool.Release(handle);
            return;
        }
        if (options?.Timing is { } timing)
        {
            _pool = pool;
            timing.Task = this;
        }
        if (_token.CanBeCanceled)
        {
            _registration = options?.Timing is { IsRun: true }
                ? _token.UnsafeRegister(static task => ((RemoteTask)task!).CancelPending(), this)
                : _token.UnsafeRegister(static task => ((RemoteTask)task!).Kill(), this);
            if (Volatile.Read(ref _handle) == Finished)
            {
                _registration.Unregister();
            }
        }
    }

    /// <summary>Called once, by a thread of the native pool.</summary>
    public unsafe void Complete(byte* result, long size)
    {
        OnDone();
        if (size > Array.MaxLength)
        {
            Fail(TooLarge(size));
            return;
        }
        Succeed(new ReadOnlySpan<byte>(result, (int)size));
    }

    /// <summary>
    /// Called once, by a thread of the native pool, in place of Fail() where results of the
    /// first calls have come.
    /// </summary>
    public unsafe void LoseCalls(byte* results, long size, long rest, Failure failure)
    {
        OnDone();
        Exception error = Failures.ToException(failure);
        Fail(
            !IsInParts ? error
            : size > Array.MaxLength ? TooLarge(size)
            : new LostCallsException(
                new ReadOnlySpan<byte>(results, (int)size).ToArray(), rest, error));
    }

    /// <summary>Called once, by a thread of the native pool.</summary>
    public void Fail(Failure failure)
    {
        OnDone();
        if (failure.Link(0).Kind == (int)FailureKind.Cancelled)
        {
            Cancel();
            return;
        }
        Fail(Failures.ToException(failure));
    }

    /// <summary>
    /// Called once, by the thread that closes or breaks the pool: it never ran.
    /// </summary>
    public void Drop(Failure why)
    {
        OnDone();
        if (why.Empty())
        {
            Cancel();
        }
        else
        {
            Fail(Failures.ToException(why));
        }
    }

    /// <summary>Its work, for somebody else to do; null: it is part of a map.</summary>
    public abstract CancelledTask? ToCancelledTask();

    protected abstract void Succeed(ReadOnlySpan<byte> result);

    protected abstract void Fail(Exception error);

    protected abstract void Cancel();

    /// <summary>What it has reported last; null: nothing, or it does not run.</summary>
    public TaskProgress? Progress() => Ask(
        static handle =>
        {
            using NativeTaskProgress progress = NativeProcessPool.Progress(handle);
            return progress.IsKnown
                ? new TaskProgress(progress.Fraction, progress.Text)
                : null;
        });

    /// <inheritdoc/>
    bool ITimedTask.HasNotBegun => Ask(static handle => NativeProcessPool.IsPending(handle));

    /// <inheritdoc/>
    bool ITimedTask.MoveDelayed(long due) => Ask(handle => _pool!.MoveDelayed(handle, due));

    /// <summary>Default: the task is done.</summary>
    private T? Ask<T>(Func<long, T> ask)
    {
        long handle = AwaitHandle();
        if (handle <= 0
            || Interlocked.CompareExchange(ref _handle, Asked, handle) != handle)
        {
            return default;
        }
        try
        {
            return ask(handle);
        }
        finally
        {
            if (Interlocked.CompareExchange(ref _handle, handle, Asked) != Asked)
            {
                NativeProcessPool.Release(handle);
            }
        }
    }

    private static SerializationException TooLarge(long size) =>
        new($"the result takes {size} bytes, and .NET has at most {Array.MaxLength} in one "
            + "piece");

    private void CancelPending() => Ask(static handle => NativeProcessPool.Cancel(handle));

    private long AwaitHandle()
    {
        var spin = new SpinWait();
        long handle = Volatile.Read(ref _handle);
        while (handle == Asked)
        {
            spin.SpinOnce();
            handle = Volatile.Read(ref _handle);
        }
        return handle;
    }

    /// <summary>Ends the task, wherever it is.</summary>
    private void Kill()
    {
        long handle = AwaitHandle();
        while (handle > 0)
        {
            if (Interlocked.CompareExchange(ref _handle, Taken, handle) == handle)
            {
                NativeProcessPool.Kill(handle);
                NativeProcessPool.Release(handle);
                return;
            }
            handle = AwaitHandle();
        }
    }

    private void OnDone()
    {
        _self.Free();
        long handle = Interlocked.Exchange(ref _handle, Finished);
        if (handle > 0)
        {
            NativeProcessPool.Release(handle);
        }
        // Not Dispose(): the cancellation that is being carried out may be the
        // one that has ended this task.
        _registration.Unregister();
    }
}

/// <summary>The same, with its result.</summary>
internal sealed class RemoteTask<T> : RemoteTask
{
    private readonly TaskCompletionSource<T> _result;

    // Null: it is done. Whoever has the task keeps no more alive than this.
    private Decoder? _decode;
    private Func<CancelledTask>? _cancelled;

    /// <param name="decode">Makes a result of what has come.</param>
    /// <param name="token">Whose cancellation ends the task.</param>
    /// <param name="cancelled">What <see cref="RemoteTask.ToCancelledTask"/> gives.</param>
    public RemoteTask(Decoder decode, CancellationToken token, Func<CancelledTask>? cancelled)
        : base(token)
    {
        _decode = decode;
        _cancelled = cancelled;
        // So that whoever has the task finds this one.
        _result = new TaskCompletionSource<T>(
            this, TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>What makes a result of bytes.</summary>
    public delegate T Decoder(ReadOnlySpan<byte> bytes);

    public Task<T> Task => _result.Task;

    public override CancelledTask? ToCancelledTask() => _cancelled?.Invoke();

    protected override void Succeed(ReadOnlySpan<byte> result)
    {
        T value;
        try
        {
            value = Forget()(result);
        }
        catch (Exception e)
        {
            TaskTracing.End(Activity, e);
            _result.SetException(e);
            return;
        }
        TaskTracing.End(Activity, null);
        _result.SetResult(value);
    }

    protected override void Fail(Exception error)
    {
        Decoder decode = Forget();
        try
        {
            if (error is PartialChunkException { InnerException: { } cause } partial)
            {
                error = new ChunkException<T>(decode(partial.Results), cause);
            }
        }
        catch (Exception e)
        {
            error = e;
        }
        TaskTracing.End(
            Activity,
            error is ChunkException<T> or LostCallsException ? error.InnerException : error);
        _result.SetException(error);
    }

    protected override void Cancel()
    {
        Forget();
        TaskTracing.End(Activity, null);
        if (Token.IsCancellationRequested)
        {
            _result.SetCanceled(Token);
        }
        else
        {
            _result.SetCanceled();
        }
    }

    private Decoder Forget()
    {
        Decoder decode = _decode!;
        _decode = null;
        _cancelled = null;
        return decode;
    }
}

using System;
using System.Runtime.InteropServices;
using System.Threading.Tasks;

namespace Asyncpal.Internal;

/// <summary>
/// A wait for a pool to be quiet, which native code knows by a
/// <see cref="GCHandle"/>. That is freed by who ends it: native code tells that the
/// pool is quiet, or the waiter gives up, and only one of them.
/// </summary>
internal sealed class Joins
{
    private readonly TaskCompletionSource _quiet =
        new(TaskCreationOptions.RunContinuationsAsynchronously);

    private readonly NativePool _pool;
    private readonly GCHandle _self;
    private readonly long _started;

    /// <summary>Begins to wait, or throws.</summary>
    public Joins(NativePool pool)
    {
        _pool = pool;
        _self = GCHandle.Alloc(this);
        try
        {
            _started = pool.StartJoin((long)GCHandle.ToIntPtr(_self));
        }
        catch
        {
            _self.Free();
            throw;
        }
    }

    /// <summary>Done when the pool is quiet.</summary>
    public Task Quiet => _quiet.Task;

    /// <summary>Called by native code, once.</summary>
    public static void End(long join)
    {
        GCHandle self = GCHandle.FromIntPtr((IntPtr)join);
        var joining = (Joins)self.Target!;
        self.Free();
        joining._quiet.SetResult();
    }

    /// <summary>Nobody waits any more.</summary>
    public void GiveUp()
    {
        if (!_quiet.Task.IsCompleted && _pool.EndJoin(_started))
        {
            _self.Free();
        }
    }
}

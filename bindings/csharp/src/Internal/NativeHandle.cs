using System;
using System.Runtime.InteropServices;

namespace Asyncpal.Internal;

/// <summary>Owns a native object, unless <c>delete</c> is null.</summary>
internal sealed class NativeHandle : SafeHandle
{
    private readonly Action<IntPtr>? _delete;

    public NativeHandle(IntPtr pointer, Action<IntPtr>? delete)
        : base(IntPtr.Zero, ownsHandle: delete != null)
    {
        _delete = delete;
        SetHandle(pointer);
    }

    public override bool IsInvalid => handle == IntPtr.Zero;

    protected override bool ReleaseHandle()
    {
        _delete!(handle);
        return true;
    }
}

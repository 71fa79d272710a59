using System;
using System.Runtime.InteropServices;
using System.Text;

namespace Asyncpal.Internal;

/// <summary>
/// Bytes on their way between C# and C++: an <c>int64_t</c> with their number,
/// then the bytes, from <c>malloc</c>. Whoever gets a block frees it.
/// </summary>
internal static unsafe class Block
{
    public static IntPtr Of(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        IntPtr block = Allocate(Encoding.UTF8.GetByteCount(text));
        Encoding.UTF8.GetBytes(text, BytesOf(block));
        return block;
    }

    public static IntPtr Of(ReadOnlySpan<byte> bytes)
    {
        IntPtr block = Allocate(bytes.Length);
        bytes.CopyTo(BytesOf(block));
        return block;
    }

    public static string TakeString(IntPtr block)
    {
        string text = Encoding.UTF8.GetString(BytesOf(block));
        NativeMemory.Free((void*)block);
        return text;
    }

    public static byte[] TakeBytes(IntPtr block)
    {
        byte[] bytes = BytesOf(block).ToArray();
        NativeMemory.Free((void*)block);
        return bytes;
    }

    private static IntPtr Allocate(int size)
    {
        void* block = NativeMemory.Alloc((nuint)(sizeof(long) + size));
        *(long*)block = size;
        return (IntPtr)block;
    }

    private static Span<byte> BytesOf(IntPtr block) =>
        new((byte*)block + sizeof(long), checked((int)*(long*)block));
}

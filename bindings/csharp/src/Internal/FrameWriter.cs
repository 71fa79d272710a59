using System;
using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Asyncpal.Internal;

/// <summary>
/// What travels between processes of one program: numbers, texts, and frames,
/// which are bytes after their length. <see cref="FrameReader"/> reads it.
/// </summary>
/// <remarks>Threads: one.</remarks>
internal sealed class FrameWriter : IBufferWriter<byte>
{
    private byte[] _bytes = new byte[256];
    private int _size;

    public int Size => _size;

    public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, _size);

    public void WriteByte(byte value)
    {
        GetSpan(1)[0] = value;
        Advance(1);
    }

    public void WriteInt(int value)
    {
        BinaryPrimitives.WriteInt32LittleEndian(GetSpan(sizeof(int)), value);
        Advance(sizeof(int));
    }

    public void WriteBytes(ReadOnlySpan<byte> bytes)
    {
        WriteInt(bytes.Length);
        WriteRaw(bytes);
    }

    /// <summary>The same without a length.</summary>
    public void WriteRaw(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(GetSpan(bytes.Length));
        Advance(bytes.Length);
    }

    public void WriteText(string text)
    {
        int frame = BeginFrame();
        Encoding.UTF8.GetBytes(text, this);
        EndFrame(frame);
    }

    public void WriteTexts(string[] texts)
    {
        WriteInt(texts.Length);
        foreach (string text in texts)
        {
            WriteText(text);
        }
    }

    /// <summary>Leaves room for a number, and returns where.</summary>
    public int Reserve()
    {
        WriteInt(0);
        return _size - sizeof(int);
    }

    /// <summary>Fills what <see cref="Reserve"/> has left.</summary>
    public void Fill(int reserved, int value) =>
        BinaryPrimitives.WriteInt32LittleEndian(_bytes.AsSpan(reserved), value);

    /// <summary>What is written from here to <see cref="EndFrame"/> is one.</summary>
    public int BeginFrame() => Reserve();

    /// <param name="frame">What <see cref="BeginFrame"/> has returned.</param>
    public void EndFrame(int frame) => Fill(frame, _size - frame - sizeof(int));

    /// <summary>Takes back what was written since then.</summary>
    public void Truncate(int size) => _size = size;

    /// <inheritdoc/>
    public void Advance(int count) => _size += count;

    /// <inheritdoc/>
    /// <exception cref="SerializationException">It would be too much.</exception>
    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        MakeRoom(Math.Max(sizeHint, 1));
        return _bytes.AsMemory(_size);
    }

    /// <inheritdoc/>
    public Span<byte> GetSpan(int sizeHint = 0)
    {
        MakeRoom(Math.Max(sizeHint, 1));
        return _bytes.AsSpan(_size);
    }

    private void MakeRoom(int count)
    {
        if (_bytes.Length - _size >= count)
        {
            return;
        }
        long needed = (long)_size + count;
        if (needed > Array.MaxLength)
        {
            throw new SerializationException(
                $"a call and a result take at most {Array.MaxLength} bytes as JSON");
        }
        long doubled = Math.Min(2L * _bytes.Length, Array.MaxLength);
        Array.Resize(ref _bytes, (int)Math.Max(needed, doubled));
    }
}

using System;
using System.Buffers.Binary;
using System.Text;

namespace Asyncpal.Internal;

/// <summary>Reads what a <see cref="FrameWriter"/> has written.</summary>
internal ref struct FrameReader(ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> _rest = bytes;

    public readonly bool IsAtEnd => _rest.IsEmpty;

    public byte ReadByte() => Take(1)[0];

    public int ReadInt() => BinaryPrimitives.ReadInt32LittleEndian(Take(sizeof(int)));

    public ReadOnlySpan<byte> ReadBytes() => Take(ReadInt());

    public string ReadText() => Encoding.UTF8.GetString(ReadBytes());

    public string[] ReadTexts()
    {
        var texts = new string[ReadInt()];
        for (int i = 0; i < texts.Length; ++i)
        {
            texts[i] = ReadText();
        }
        return texts;
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        ReadOnlySpan<byte> taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }
}

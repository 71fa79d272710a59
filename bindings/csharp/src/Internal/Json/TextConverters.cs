using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Asyncpal.Internal.Json;

/// <summary>
/// Text as it is. JSON can't hold halves of surrogate pairs, and has a limit for
/// one string: such text becomes a list of base64 pieces of its UTF-16.
/// </summary>
internal sealed class TextConverter : JsonConverter<string>
{
    // A writer takes 166 million bytes at once, and 3 of them may be a char.
    private const int MaxPlain = 50_000_000;

    /// <inheritdoc/>
    public override string? Read(
        ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) =>
        ReadText(ref reader);

    /// <inheritdoc/>
    public override void Write(
        Utf8JsonWriter writer, string value, JsonSerializerOptions options) =>
        WriteText(writer, value);

    /// <inheritdoc/>
    public override string ReadAsPropertyName(
        ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) =>
        reader.GetString()!;

    /// <inheritdoc/>
    public override void WriteAsPropertyName(
        Utf8JsonWriter writer, string value, JsonSerializerOptions options)
    {
        if (!IsPlain(value))
        {
            throw new SerializationException(
                "a name in JSON can't be longer than "
                + $"{MaxPlain} chars, or have halves of surrogate pairs");
        }
        writer.WritePropertyName(value);
    }

    internal static string? ReadText(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            return reader.GetString();
        }
        byte[] utf16 = Base64.Read(ref reader);
        return new string(MemoryMarshal.Cast<byte, char>(utf16));
    }

    internal static void WriteText(Utf8JsonWriter writer, string value)
    {
        if (IsPlain(value))
        {
            writer.WriteStringValue(value);
        }
        else
        {
            Base64.WritePieces(writer, MemoryMarshal.AsBytes(value.AsSpan()));
        }
    }

    private static bool IsPlain(ReadOnlySpan<char> text)
    {
        if (text.Length > MaxPlain)
        {
            return false;
        }
        int next = text.IndexOfAnyInRange('\ud800', '\udfff');
        while (next >= 0)
        {
            text = text[next..];
            if (Rune.DecodeFromUtf16(text, out _, out int used)
                != System.Buffers.OperationStatus.Done)
            {
                return false;
            }
            text = text[used..];
            next = text.IndexOfAnyInRange('\ud800', '\udfff');
        }
        return true;
    }
}

/// <summary>A char is a number: half of a surrogate pair is no text.</summary>
internal sealed class CharConverter : JsonConverter<char>
{
    /// <inheritdoc/>
    public override char Read(
        ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) =>
        (char)reader.GetUInt16();

    /// <inheritdoc/>
    public override void Write(
        Utf8JsonWriter writer, char value, JsonSerializerOptions options) =>
        writer.WriteNumberValue((ushort)value);
}

/// <summary>The text of a builder; its capacity is its own affair.</summary>
internal sealed class StringBuilderConverter : JsonConverter<StringBuilder>
{
    /// <inheritdoc/>
    public override StringBuilder? Read(
        ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) =>
        new(TextConverter.ReadText(ref reader));

    /// <inheritdoc/>
    public override void Write(
        Utf8JsonWriter writer, StringBuilder value, JsonSerializerOptions options) =>
        TextConverter.WriteText(writer, value.ToString());
}

/// <summary>
/// Bytes are base64: in one string, or in a list of them where that would be more
/// than a JSON writer takes at once.
/// </summary>
/// <param name="read">What has these bytes.</param>
/// <param name="write">The bytes that it has.</param>
internal sealed class BytesConverter<T>(
    Func<byte[], T> read, Func<T, ReadOnlyMemory<byte>> write) : JsonConverter<T>
{
    /// <inheritdoc/>
    public override T? Read(
        ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) =>
        read(Base64.Read(ref reader));

    /// <inheritdoc/>
    public override void Write(
        Utf8JsonWriter writer, T value, JsonSerializerOptions options) =>
        Base64.Write(writer, write(value).Span);
}

/// <summary>What <see cref="BytesConverter{T}"/> reads and writes.</summary>
internal static class Base64
{
    // A multiple of 3, so that no piece but the last is padded.
    private const int MaxPiece = 48_000_000;

    public static byte[] Read(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            return reader.GetBytesFromBase64();
        }
        var pieces = new List<byte[]>();
        int size = 0;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            pieces.Add(reader.GetBytesFromBase64());
            size += pieces[^1].Length;
        }
        var whole = new byte[size];
        int begin = 0;
        foreach (byte[] piece in pieces)
        {
            piece.CopyTo(whole, begin);
            begin += piece.Length;
        }
        return whole;
    }

    public static void Write(Utf8JsonWriter writer, ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length <= MaxPiece)
        {
            writer.WriteBase64StringValue(bytes);
        }
        else
        {
            WritePieces(writer, bytes);
        }
    }

    /// <summary>As a list, however few they are.</summary>
    public static void WritePieces(Utf8JsonWriter writer, ReadOnlySpan<byte> bytes)
    {
        writer.WriteStartArray();
        while (!bytes.IsEmpty)
        {
            int size = Math.Min(bytes.Length, MaxPiece);
            writer.WriteBase64StringValue(bytes[..size]);
            bytes = bytes[size..];
        }
        writer.WriteEndArray();
    }
}

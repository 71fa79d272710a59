using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Net;
using System.Numerics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace Asyncpal.Internal.Json;

/// <summary>A value that is one text.</summary>
/// <param name="toText">Writes it.</param>
/// <param name="parse">Reads it.</param>
/// <param name="mayBeDerived">Of classes: what of them still is this value.</param>
internal sealed class ScalarConverter<T>(
    Func<T, string> toText, Func<string, T> parse, Predicate<Type>? mayBeDerived = null)
    : JsonConverter<T>
{
    /// <inheritdoc/>
    public override T? Read(
        ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) =>
        parse(TextConverter.ReadText(ref reader)!);

    /// <inheritdoc/>
    public override void Write(
        Utf8JsonWriter writer, T value, JsonSerializerOptions options)
    {
        Type type = value!.GetType();
        if (type != typeof(T) && mayBeDerived?.Invoke(type) != true)
        {
            throw JsonContract.Derived(typeof(T), type);
        }
        TextConverter.WriteText(writer, toText(value));
    }
}

/// <summary>
/// Converters for values that <c>System.Text.Json</c> does not write, or does not
/// give back as they were.
/// </summary>
internal static class ScalarConverters
{
    private const char Between = ';';

    public static ScalarConverter<BigInteger> BigInteger { get; } = new(
        value => Convert.ToBase64String(value.ToByteArray()),
        text => new BigInteger(Convert.FromBase64String(text)));

    public static ScalarConverter<Complex> Complex { get; } = new(
        value => Number(value.Real) + Between + Number(value.Imaginary),
        text => Split(text, (real, imaginary) =>
            new Complex(Number(real), Number(imaginary))));

    /// <summary>
    /// With its kind, and which of two equal hours it is when clocks go back.
    /// </summary>
    public static ScalarConverter<DateTime> DateTime { get; } = new(
        value => Whole(value.ToBinary()),
        text => System.DateTime.FromBinary(Whole(text)));

    public static ScalarConverter<Index> Index { get; } = new(ToText, ToIndex);

    public static ScalarConverter<Range> Range { get; } = new(
        value => ToText(value.Start) + Between + ToText(value.End),
        text => Split(text, (start, end) => new Range(ToIndex(start), ToIndex(end))));

    public static ScalarConverter<Rune> Rune { get; } = new(
        value => Whole(value.Value), text => new Rune((int)Whole(text)));

    /// <summary>"/a" may be a relative one, or a file.</summary>
    public static ScalarConverter<Uri> Uri { get; } = new(
        value => (value.IsAbsoluteUri ? "a" : "r") + value.OriginalString,
        text => new Uri(
            text[1..], text[0] == 'a' ? UriKind.Absolute : UriKind.Relative));

    /// <summary>Any, Loopback and the like are of a class of their own.</summary>
    public static ScalarConverter<IPAddress> IPAddress { get; } = new(
        value => value.ToString(),
        System.Net.IPAddress.Parse,
        type => type.Assembly == typeof(IPAddress).Assembly);

    public static ScalarConverter<IPEndPoint> IPEndPoint { get; } =
        new(value => value.ToString(), System.Net.IPEndPoint.Parse);

    public static ScalarConverter<IPNetwork> IPNetwork { get; } =
        new(value => value.ToString(), System.Net.IPNetwork.Parse);

    public static ScalarConverter<BitArray> BitArray { get; } = new(ToText, ToBits);

    public static TextConverter Text { get; } = new();

    public static CharConverter Char { get; } = new();

    public static StringBuilderConverter StringBuilder { get; } = new();

    public static BytesConverter<byte[]> Bytes { get; } =
        new(bytes => bytes, value => value);

    public static BytesConverter<Memory<byte>> Memory { get; } =
        new(bytes => bytes, value => value);

    public static BytesConverter<ReadOnlyMemory<byte>> ReadOnlyMemory { get; } =
        new(bytes => bytes, value => value);

    /// <summary>None of them needs reflection.</summary>
    public static JsonConverter[] All { get; } =
    [
        Text, Char, StringBuilder, Bytes, Memory, ReadOnlyMemory, BigInteger, Complex,
        DateTime, Index, Range, Rune, Uri, IPAddress, IPEndPoint, IPNetwork, BitArray,
    ];

    // What System.Text.Json itself gives back as it was.
    private static readonly HashSet<Type> Exact =
    [
        typeof(bool), typeof(sbyte), typeof(byte), typeof(short), typeof(ushort),
        typeof(int), typeof(uint), typeof(long), typeof(ulong), typeof(Int128),
        typeof(UInt128), typeof(Half), typeof(float), typeof(double), typeof(decimal),
        typeof(TimeSpan), typeof(DateOnly), typeof(TimeOnly), typeof(DateTimeOffset),
        typeof(Guid), typeof(Version), typeof(JsonElement), typeof(JsonDocument),
        typeof(JsonNode), typeof(JsonObject), typeof(JsonArray), typeof(JsonValue),
        .. All.Select(converter => converter.Type!),
    ];

    /// <summary>Whether such a value comes back as it was.</summary>
    public static bool Knows(Type type) => Exact.Contains(type);

    private static string Number(double value) =>
        value.ToString("R", CultureInfo.InvariantCulture);

    private static double Number(string text) =>
        double.Parse(text, CultureInfo.InvariantCulture);

    private static string Whole(long value) =>
        value.ToString(CultureInfo.InvariantCulture);

    private static long Whole(string text) =>
        long.Parse(text, CultureInfo.InvariantCulture);

    private static string ToText(Index value) =>
        (value.IsFromEnd ? "^" : "") + Whole(value.Value);

    private static Index ToIndex(string text) =>
        text[0] == '^'
            ? System.Index.FromEnd((int)Whole(text[1..]))
            : System.Index.FromStart((int)Whole(text));

    private static string ToText(BitArray value)
    {
        var bytes = new byte[(value.Length + 7) / 8];
        value.CopyTo(bytes, 0);
        return Whole(value.Length) + Between + Convert.ToBase64String(bytes);
    }

    private static BitArray ToBits(string text) =>
        Split(text, (length, bytes) =>
            new BitArray(Convert.FromBase64String(bytes)) { Length = (int)Whole(length) });

    private static T Split<T>(string text, Func<string, string, T> make)
    {
        int at = text.IndexOf(Between);
        return make(text[..at], text[(at + 1)..]);
    }
}

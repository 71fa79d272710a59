using System;
using System.Collections;
using System.Collections.Generic;
using System.Net;
using System.Numerics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Asyncpal.Internal.Json;

/// <summary>
/// The contracts of values that are no objects, and of arrays and lists of them,
/// for programs without reflection. Others never come here: all of its generics
/// would be compiled in each of their workers.
/// </summary>
internal sealed class ScalarResolver : IJsonTypeInfoResolver
{
    private static readonly Dictionary<Type, Func<JsonSerializerOptions, JsonTypeInfo>>
        Makers = [];

    static ScalarResolver()
    {
        AddValue(JsonMetadataServices.BooleanConverter);
        AddValue(JsonMetadataServices.SByteConverter);
        AddValue(JsonMetadataServices.ByteConverter);
        AddValue(JsonMetadataServices.Int16Converter);
        AddValue(JsonMetadataServices.UInt16Converter);
        AddValue(JsonMetadataServices.Int32Converter);
        AddValue(JsonMetadataServices.UInt32Converter);
        AddValue(JsonMetadataServices.Int64Converter);
        AddValue(JsonMetadataServices.UInt64Converter);
        AddValue(JsonMetadataServices.Int128Converter);
        AddValue(JsonMetadataServices.UInt128Converter);
        AddValue(JsonMetadataServices.HalfConverter);
        AddValue(JsonMetadataServices.SingleConverter);
        AddValue(JsonMetadataServices.DoubleConverter);
        AddValue(JsonMetadataServices.DecimalConverter);
        AddValue(JsonMetadataServices.TimeSpanConverter);
        AddValue(JsonMetadataServices.DateOnlyConverter);
        AddValue(JsonMetadataServices.TimeOnlyConverter);
        AddValue(JsonMetadataServices.DateTimeOffsetConverter);
        AddValue(JsonMetadataServices.GuidConverter);
        Add<Version>(JsonMetadataServices.VersionConverter!);
        AddValue(JsonMetadataServices.JsonElementConverter);
        Add<JsonDocument>(JsonMetadataServices.JsonDocumentConverter!);
        Add<JsonNode>(JsonMetadataServices.JsonNodeConverter!);
        Add<JsonObject>(JsonMetadataServices.JsonObjectConverter!);
        Add<JsonArray>(JsonMetadataServices.JsonArrayConverter!);
        Add<JsonValue>(JsonMetadataServices.JsonValueConverter!);

        Add(ScalarConverters.Text);
        Add(ScalarConverters.Bytes);
        Add(ScalarConverters.StringBuilder);
        AddValue(ScalarConverters.Char);
        AddValue(ScalarConverters.Memory);
        AddValue(ScalarConverters.ReadOnlyMemory);
        AddValue(ScalarConverters.BigInteger);
        AddValue(ScalarConverters.Complex);
        AddValue(ScalarConverters.DateTime);
        AddValue(ScalarConverters.Index);
        AddValue(ScalarConverters.Range);
        AddValue(ScalarConverters.Rune);
        AddValue(ScalarConverters.IPNetwork);
        Add(ScalarConverters.Uri);
        Add(ScalarConverters.IPAddress);
        Add(ScalarConverters.IPEndPoint);
        Add(ScalarConverters.BitArray);
    }

    private ScalarResolver()
    {
    }

    public static ScalarResolver Instance { get; } = new();

    /// <inheritdoc/>
    public JsonTypeInfo? GetTypeInfo(Type type, JsonSerializerOptions options) =>
        Makers.GetValueOrDefault(type)?.Invoke(options);

    private static void AddValue<T>(JsonConverter<T> converter)
        where T : struct
    {
        Add(converter);
        Makers.Add(typeof(T?), options => JsonMetadataServices.CreateValueInfo<T?>(
            options, JsonMetadataServices.GetNullableConverter<T>(options)));
    }

    private static void Add<T>(JsonConverter<T> converter)
    {
        // byte[] was an array until it had a converter of its own.
        Makers[typeof(T)] = options =>
            JsonMetadataServices.CreateValueInfo<T>(options, converter);
        Makers.Add(typeof(T[]), options =>
            JsonMetadataServices.CreateArrayInfo(
                options, new JsonCollectionInfoValues<T[]>()));
        Makers.Add(typeof(List<T>), options =>
            JsonMetadataServices.CreateListInfo<List<T>, T>(
                options,
                new JsonCollectionInfoValues<List<T>> { ObjectCreator = () => [] }));
    }
}

using System;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Asyncpal.Internal.Json;

/// <summary>
/// Arguments and results as JSON: they come back as they were, or are refused.
/// </summary>
/// <remarks>
/// How it works: a type is walked once, by <see cref="JsonContract"/>, and refused
/// where something in it would be lost. What only the value can tell, such as its
/// being of a subclass, is checked when it is written. What JSON has no form for
/// has converters, here and in the worker alike.
/// <para>Threads: any.</para>
/// </remarks>
internal sealed class JsonValues
{
    // Of lists within lists. What is deeper may be a circle.
    private const int MaxDepth = 1000;

    private static readonly ConditionalWeakTable<JsonSource, JsonValues> BySource = [];

    private readonly JsonSerializerOptions _options;
    private readonly JsonContract _contract;
    private readonly JsonWriterOptions _writing;

    private JsonValues(JsonSource? theirs)
    {
        _options = theirs?.Resolvers is [JsonSerializerContext { Options: { } given }]
            ? new JsonSerializerOptions(given)
            : new JsonSerializerOptions();
        foreach (JsonConverter converter in theirs?.Converters ?? [])
        {
            _options.Converters.Add(converter);
        }
        // Tuples have fields.
        _options.IncludeFields = true;
        _options.IgnoreReadOnlyFields = false;
        _options.IgnoreReadOnlyProperties = false;
        _options.DefaultIgnoreCondition = JsonIgnoreCondition.Never;
        _options.NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals;
        _options.MaxDepth = MaxDepth;
        _options.WriteIndented = false;
        _options.Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;
        foreach (JsonConverter converter in ScalarConverters.All)
        {
            _options.Converters.Add(converter);
        }
        IJsonTypeInfoResolver ours = Reflection.IsAvailable
            ? WithReflection(_options)
            : ScalarResolver.Instance;
        _options.TypeInfoResolver = JsonTypeInfoResolver
            .Combine([.. theirs?.Resolvers ?? [], ours])
            .WithAddedModifier(JsonContract.Guard);
        _options.MakeReadOnly();
        _contract = new JsonContract(_options);
        _writing = new JsonWriterOptions
        {
            Encoder = _options.Encoder,
            MaxDepth = MaxDepth,
            SkipValidation = true,
        };
        SourceName = theirs?.Name ?? "";
    }

    /// <summary>Without anything of the user's.</summary>
    public static JsonValues Default { get; } = new(null);

    /// <summary>What a worker finds the user's part by; empty: there is none.</summary>
    public string SourceName { get; }

    /// <summary>With what the user adds, if it is not null.</summary>
    public static JsonValues For(JsonSource? source) =>
        source == null
            ? Default
            : BySource.GetValue(source, static key => new JsonValues(key));

    /// <summary>Whether values of that type travel.</summary>
    /// <param name="type">Their type.</param>
    /// <param name="what">How the error calls them.</param>
    /// <exception cref="SerializationException">They don't.</exception>
    public void Check(Type type, string what)
    {
        if (_contract.WhyNot(type) is { } why)
        {
            throw new SerializationException(
                $"{what}, a {type}, can't travel to another process as JSON: {why}");
        }
    }

    /// <summary>Writes a value of a type that was checked, as a frame.</summary>
    /// <exception cref="SerializationException">It can't become JSON.</exception>
    public void Write(FrameWriter to, object? value, Type type, string what)
    {
        int frame = to.BeginFrame();
        try
        {
            using var writer = new Utf8JsonWriter(to, _writing);
            JsonSerializer.Serialize(writer, value, _options.GetTypeInfo(type));
        }
        catch (Exception e)
        {
            // Members run code of the user's, which may throw anything.
            throw new SerializationException(
                $"{what}, a {type}, can't become JSON: {e.Message}", e);
        }
        to.EndFrame(frame);
    }

    /// <summary>Reads what <see cref="Write"/> has written.</summary>
    /// <exception cref="SerializationException">It is no such value.</exception>
    public object? Read(ReadOnlySpan<byte> json, Type type, string what)
    {
        try
        {
            return JsonSerializer.Deserialize(json, _options.GetTypeInfo(type));
        }
        catch (Exception e)
        {
            throw new SerializationException(
                $"{what}, a {type}, can't be read from its JSON: {e.Message}", e);
        }
    }

    [RequiresUnreferencedCode("finds the members of types at run time")]
    [RequiresDynamicCode("makes converters for types at run time")]
    private static DefaultJsonTypeInfoResolver WithReflection(
        JsonSerializerOptions options)
    {
        options.Converters.Add(new CollectionConverters());
        options.Converters.Add(new ConstructorConverters());
        return new DefaultJsonTypeInfoResolver();
    }
}

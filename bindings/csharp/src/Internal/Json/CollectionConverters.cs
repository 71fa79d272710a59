using System;
using System.Collections;
using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.Collections.ObjectModel;
using System.Diagnostics.CodeAnalysis;
using System.Linq;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Asyncpal.Internal.Json;

/// <summary>
/// Converters for collections that <c>System.Text.Json</c> does not read, turns
/// around (stacks), or strips of their comparers, and of their keys' types
/// (dictionaries).
/// </summary>
[RequiresDynamicCode("makes converters for types at run time")]
[RequiresUnreferencedCode("makes converters for types at run time")]
internal sealed class CollectionConverters : JsonConverterFactory
{
    /// <summary>Each has a method here by the name of its type.</summary>
    private static readonly Dictionary<Type, string> Makers = new()
    {
        [typeof(Stack<>)] = nameof(OfStack),
        [typeof(ConcurrentStack<>)] = nameof(OfConcurrentStack),
        [typeof(ConcurrentBag<>)] = nameof(OfConcurrentBag),
        [typeof(ImmutableStack<>)] = nameof(OfImmutableStack),
        [typeof(ImmutableArray<>)] = nameof(OfImmutableArray),
        [typeof(ArraySegment<>)] = nameof(OfArraySegment),
        [typeof(ReadOnlyCollection<>)] = nameof(OfReadOnlyCollection),
        [typeof(HashSet<>)] = nameof(OfHashSet),
        [typeof(ISet<>)] = nameof(OfSetInterface),
        [typeof(IReadOnlySet<>)] = nameof(OfReadOnlySetInterface),
        [typeof(SortedSet<>)] = nameof(OfSortedSet),
        [typeof(ImmutableHashSet<>)] = nameof(OfImmutableHashSet),
        [typeof(ImmutableSortedSet<>)] = nameof(OfImmutableSortedSet),
        [typeof(FrozenSet<>)] = nameof(OfFrozenSet),
        [typeof(Dictionary<,>)] = nameof(OfDictionary),
        [typeof(IDictionary<,>)] = nameof(OfDictionaryInterface),
        [typeof(IReadOnlyDictionary<,>)] = nameof(OfReadOnlyDictionaryInterface),
        [typeof(SortedDictionary<,>)] = nameof(OfSortedDictionary),
        [typeof(SortedList<,>)] = nameof(OfSortedList),
        [typeof(OrderedDictionary<,>)] = nameof(OfOrderedDictionary),
        [typeof(ConcurrentDictionary<,>)] = nameof(OfConcurrentDictionary),
        [typeof(ImmutableDictionary<,>)] = nameof(OfImmutableDictionary),
        [typeof(ImmutableSortedDictionary<,>)] = nameof(OfImmutableSortedDictionary),
        [typeof(FrozenDictionary<,>)] = nameof(OfFrozenDictionary),
        [typeof(ReadOnlyDictionary<,>)] = nameof(OfReadOnlyDictionary),
    };

    /// <summary>Whether the values of such a type are their elements.</summary>
    public static bool Knows(Type type) =>
        type.IsVariableBoundArray || type is { IsArray: true, IsSZArray: false }
        || (type.IsGenericType && Makers.ContainsKey(type.GetGenericTypeDefinition()));

    /// <inheritdoc/>
    public override bool CanConvert(Type type) => Knows(type);

    /// <inheritdoc/>
    public override JsonConverter CreateConverter(
        Type type, JsonSerializerOptions options)
    {
        if (type.IsArray)
        {
            return (JsonConverter)Activator.CreateInstance(
                typeof(GridConverter<,>).MakeGenericType(type, type.GetElementType()!))!;
        }
        string maker = Makers[type.GetGenericTypeDefinition()];
        MethodInfo method = typeof(CollectionConverters).GetMethod(
            maker, BindingFlags.Static | BindingFlags.NonPublic)!;
        return (JsonConverter)method.MakeGenericMethod(type.GetGenericArguments())
            .Invoke(null, null)!;
    }

    private static SequenceConverter<C, T> Plain<C, T>(Func<List<T>, C> make)
        where C : IEnumerable<T> => new(_ => null, (items, _) => make(items));

    private static SequenceConverter<C, T> Reversed<C, T>(Func<List<T>, C> make)
        where C : IEnumerable<T> =>
        new(_ => null, (items, _) =>
        {
            items.Reverse();
            return make(items);
        });

    private static JsonConverter OfStack<T>() =>
        Reversed<Stack<T>, T>(items => new Stack<T>(items));

    private static JsonConverter OfConcurrentStack<T>() =>
        Reversed<ConcurrentStack<T>, T>(items => new ConcurrentStack<T>(items));

    private static JsonConverter OfConcurrentBag<T>() =>
        Reversed<ConcurrentBag<T>, T>(items => [.. items]);

    private static JsonConverter OfImmutableStack<T>() =>
        Reversed<ImmutableStack<T>, T>(ImmutableStack.CreateRange);

    private static JsonConverter OfImmutableArray<T>() =>
        new SequenceConverter<ImmutableArray<T>, T>(
            _ => null,
            (items, _) => [.. items],
            isDefault: value => value.IsDefault);

    private static JsonConverter OfArraySegment<T>() =>
        new SequenceConverter<ArraySegment<T>, T>(
            _ => null,
            (items, _) => new ArraySegment<T>([.. items]),
            isDefault: value => value.Array == null);

    private static JsonConverter OfReadOnlyCollection<T>() =>
        Plain<ReadOnlyCollection<T>, T>(items => new ReadOnlyCollection<T>(items));

    private static JsonConverter OfHashSet<T>() =>
        new SequenceConverter<HashSet<T>, T>(
            set => set.Comparer,
            (items, by) => new HashSet<T>(items, Comparers.Equality<T>(by)));

    private static JsonConverter OfSetInterface<T>() =>
        new SequenceConverter<ISet<T>, T>(
            ComparerOf<T>,
            (items, by) => new HashSet<T>(items, Comparers.Equality<T>(by)));

    private static JsonConverter OfReadOnlySetInterface<T>() =>
        new SequenceConverter<IReadOnlySet<T>, T>(
            ComparerOf<T>,
            (items, by) => new HashSet<T>(items, Comparers.Equality<T>(by)));

    private static JsonConverter OfSortedSet<T>() =>
        new SequenceConverter<SortedSet<T>, T>(
            set => set.Comparer,
            (items, by) => new SortedSet<T>(items, Comparers.Order<T>(by)));

    private static JsonConverter OfImmutableHashSet<T>() =>
        new SequenceConverter<ImmutableHashSet<T>, T>(
            set => set.KeyComparer,
            (items, by) => items.ToImmutableHashSet(Comparers.Equality<T>(by)));

    private static JsonConverter OfImmutableSortedSet<T>() =>
        new SequenceConverter<ImmutableSortedSet<T>, T>(
            set => set.KeyComparer,
            (items, by) => items.ToImmutableSortedSet(Comparers.Order<T>(by)));

    private static JsonConverter OfFrozenSet<T>() =>
        new SequenceConverter<FrozenSet<T>, T>(
            set => set.Comparer,
            (items, by) => items.ToFrozenSet(Comparers.Equality<T>(by)));

    private static object? ComparerOf<T>(object set) => set switch
    {
        HashSet<T> hash => hash.Comparer,
        SortedSet<T> { Comparer: StringComparer sorted } => sorted,
        ImmutableHashSet<T> hash => hash.KeyComparer,
        FrozenSet<T> frozen => frozen.Comparer,
        _ => null,
    };

    private static JsonConverter OfDictionary<K, V>()
        where K : notnull =>
        new PairsConverter<Dictionary<K, V>, K, V>(
            map => map.Comparer,
            (pairs, by) => new Dictionary<K, V>(pairs, Comparers.Equality<K>(by)));

    private static JsonConverter OfDictionaryInterface<K, V>()
        where K : notnull =>
        new PairsConverter<IDictionary<K, V>, K, V>(
            ComparerOf<K, V>,
            (pairs, by) => new Dictionary<K, V>(pairs, Comparers.Equality<K>(by)));

    private static JsonConverter OfReadOnlyDictionaryInterface<K, V>()
        where K : notnull =>
        new PairsConverter<IReadOnlyDictionary<K, V>, K, V>(
            ComparerOf<K, V>,
            (pairs, by) => new Dictionary<K, V>(pairs, Comparers.Equality<K>(by)));

    private static JsonConverter OfSortedDictionary<K, V>()
        where K : notnull =>
        new PairsConverter<SortedDictionary<K, V>, K, V>(
            map => map.Comparer,
            (pairs, by) => new SortedDictionary<K, V>(
                new Dictionary<K, V>(pairs, Comparers.Equality<K>(by)),
                Comparers.Order<K>(by)));

    private static JsonConverter OfSortedList<K, V>()
        where K : notnull =>
        new PairsConverter<SortedList<K, V>, K, V>(
            map => map.Comparer,
            (pairs, by) => new SortedList<K, V>(
                new Dictionary<K, V>(pairs, Comparers.Equality<K>(by)),
                Comparers.Order<K>(by)));

    private static JsonConverter OfOrderedDictionary<K, V>()
        where K : notnull =>
        new PairsConverter<OrderedDictionary<K, V>, K, V>(
            map => map.Comparer,
            (pairs, by) => new OrderedDictionary<K, V>(pairs, Comparers.Equality<K>(by)));

    private static JsonConverter OfConcurrentDictionary<K, V>()
        where K : notnull =>
        new PairsConverter<ConcurrentDictionary<K, V>, K, V>(
            map => map.Comparer,
            (pairs, by) => new ConcurrentDictionary<K, V>(pairs, Comparers.Equality<K>(by)));

    private static JsonConverter OfImmutableDictionary<K, V>()
        where K : notnull =>
        new PairsConverter<ImmutableDictionary<K, V>, K, V>(
            map => map.KeyComparer,
            (pairs, by) => pairs.ToImmutableDictionary(Comparers.Equality<K>(by)));

    private static JsonConverter OfImmutableSortedDictionary<K, V>()
        where K : notnull =>
        new PairsConverter<ImmutableSortedDictionary<K, V>, K, V>(
            map => map.KeyComparer,
            (pairs, by) => pairs.ToImmutableSortedDictionary(Comparers.Order<K>(by)));

    private static JsonConverter OfFrozenDictionary<K, V>()
        where K : notnull =>
        new PairsConverter<FrozenDictionary<K, V>, K, V>(
            map => map.Comparer,
            (pairs, by) => pairs.ToFrozenDictionary(Comparers.Equality<K>(by)));

    private static JsonConverter OfReadOnlyDictionary<K, V>()
        where K : notnull =>
        new PairsConverter<ReadOnlyDictionary<K, V>, K, V>(
            ComparerOf<K, V>,
            (pairs, by) => new ReadOnlyDictionary<K, V>(
                new Dictionary<K, V>(pairs, Comparers.Equality<K>(by))));

    private static object? ComparerOf<K, V>(object map)
        where K : notnull => map switch
    {
        Dictionary<K, V> hash => hash.Comparer,
        OrderedDictionary<K, V> ordered => ordered.Comparer,
        ConcurrentDictionary<K, V> concurrent => concurrent.Comparer,
        ImmutableDictionary<K, V> immutable => immutable.KeyComparer,
        FrozenDictionary<K, V> frozen => frozen.Comparer,
        SortedDictionary<K, V> { Comparer: StringComparer sorted } => sorted,
        SortedList<K, V> { Comparer: StringComparer sorted } => sorted,
        _ => null,
    };
}

/// <summary>What all collections have in common.</summary>
internal abstract class CollectionConverter<C, T> : JsonConverter<C>
{
    /// <inheritdoc/>
    public override bool HandleNull => typeof(C).IsValueType;

    protected static void CheckType(C value)
    {
        Type type = value!.GetType();
        if (type != typeof(C) && typeof(C) is { IsInterface: false, IsAbstract: false })
        {
            throw JsonContract.Derived(typeof(C), type);
        }
    }

    protected static void WriteItem<I>(
        Utf8JsonWriter writer, I item, JsonSerializerOptions options) =>
        JsonSerializer.Serialize(
            writer, item, (System.Text.Json.Serialization.Metadata.JsonTypeInfo<I>)
                options.GetTypeInfo(typeof(I)));

    protected static I ReadItem<I>(
        ref Utf8JsonReader reader, JsonSerializerOptions options) =>
        JsonSerializer.Deserialize(
            ref reader, (System.Text.Json.Serialization.Metadata.JsonTypeInfo<I>)
                options.GetTypeInfo(typeof(I)))!;
}

/// <summary>A list of the number of the comparer, and the elements.</summary>
internal sealed class SequenceConverter<C, T>(
    Func<C, object?> comparer, Func<List<T>, int, C> make, Predicate<C>? isDefault = null)
    : CollectionConverter<C, T>
    where C : IEnumerable<T>
{
    /// <inheritdoc/>
    public override C? Read(
        ref Utf8JsonReader reader, Type type, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.Null)
        {
            return default;
        }
        reader.Read();
        int by = reader.GetInt32();
        var items = new List<T>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            items.Add(ReadItem<T>(ref reader, options));
        }
        return make(items, by);
    }

    /// <inheritdoc/>
    public override void Write(
        Utf8JsonWriter writer, C value, JsonSerializerOptions options)
    {
        if (isDefault?.Invoke(value) == true)
        {
            writer.WriteNullValue();
            return;
        }
        CheckType(value);
        writer.WriteStartArray();
        writer.WriteNumberValue(Comparers.NumberOf<T>(comparer(value), typeof(C)));
        foreach (T item in value)
        {
            WriteItem(writer, item, options);
        }
        writer.WriteEndArray();
    }
}

/// <summary>
/// A list of the number of the comparer, and each key before its value.
/// </summary>
internal sealed class PairsConverter<C, K, V>(
    Func<C, object?> comparer, Func<List<KeyValuePair<K, V>>, int, C> make)
    : CollectionConverter<C, KeyValuePair<K, V>>
    where C : IEnumerable<KeyValuePair<K, V>>
{
    /// <inheritdoc/>
    public override C? Read(
        ref Utf8JsonReader reader, Type type, JsonSerializerOptions options)
    {
        reader.Read();
        int by = reader.GetInt32();
        var pairs = new List<KeyValuePair<K, V>>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            K key = ReadItem<K>(ref reader, options);
            reader.Read();
            pairs.Add(new KeyValuePair<K, V>(key, ReadItem<V>(ref reader, options)));
        }
        return make(pairs, by);
    }

    /// <inheritdoc/>
    public override void Write(
        Utf8JsonWriter writer, C value, JsonSerializerOptions options)
    {
        CheckType(value);
        writer.WriteStartArray();
        writer.WriteNumberValue(Comparers.NumberOf<K>(comparer(value), typeof(C)));
        foreach (KeyValuePair<K, V> pair in value)
        {
            WriteItem(writer, pair.Key, options);
            WriteItem(writer, pair.Value, options);
        }
        writer.WriteEndArray();
    }
}

/// <summary>
/// An array of several dimensions: their lengths and first indices, then the
/// elements.
/// </summary>
internal sealed class GridConverter<C, T> : CollectionConverter<C, T>
    where C : class
{
    /// <inheritdoc/>
    public override C? Read(
        ref Utf8JsonReader reader, Type type, JsonSerializerOptions options)
    {
        int rank = type.GetArrayRank();
        var lengths = new int[rank];
        var begins = new int[rank];
        for (int i = 0; i < rank; ++i)
        {
            reader.Read();
            lengths[i] = reader.GetInt32();
            reader.Read();
            begins[i] = reader.GetInt32();
        }
        Array grid = Array.CreateInstanceFromArrayType(type, lengths, begins);
        int[] at = [.. begins];
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            grid.SetValue(ReadItem<T>(ref reader, options), at);
            for (int i = rank - 1; i >= 0 && ++at[i] == begins[i] + lengths[i]; --i)
            {
                at[i] = begins[i];
            }
        }
        return (C)(object)grid;
    }

    /// <inheritdoc/>
    public override void Write(
        Utf8JsonWriter writer, C value, JsonSerializerOptions options)
    {
        CheckType(value);
        var grid = (Array)(object)value;
        writer.WriteStartArray();
        for (int i = 0; i < grid.Rank; ++i)
        {
            writer.WriteNumberValue(grid.GetLength(i));
            writer.WriteNumberValue(grid.GetLowerBound(i));
        }
        foreach (object? item in (IEnumerable)grid)
        {
            WriteItem(writer, (T)item!, options);
        }
        writer.WriteEndArray();
    }
}

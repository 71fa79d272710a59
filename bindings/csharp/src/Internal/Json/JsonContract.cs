using System;
using System.Collections.Generic;
using System.Diagnostics.CodeAnalysis;
using System.Linq;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using System.Threading.Tasks;

namespace Asyncpal.Internal.Json;

/// <summary>
/// Whether the values of a type come back from JSON as they were: a walk through
/// all that is in them, once for each type.
/// </summary>
internal sealed class JsonContract(JsonSerializerOptions options)
{
    // What STJ reads into a List.
    private static readonly HashSet<Type> Lists =
    [
        typeof(IEnumerable<>),
        typeof(ICollection<>),
        typeof(IList<>),
        typeof(IReadOnlyCollection<>),
        typeof(IReadOnlyList<>),
    ];

    // What it reads as it was written. Subclasses may have more to them.
    private static readonly HashSet<Type> Sequences =
    [
        typeof(List<>),
        typeof(LinkedList<>),
        typeof(Queue<>),
        typeof(System.Collections.Concurrent.ConcurrentQueue<>),
        typeof(System.Collections.ObjectModel.Collection<>),
        typeof(System.Collections.ObjectModel.ObservableCollection<>),
        typeof(System.Collections.Immutable.ImmutableList<>),
        typeof(System.Collections.Immutable.IImmutableList<>),
        typeof(System.Collections.Immutable.ImmutableQueue<>),
        typeof(System.Collections.Immutable.IImmutableQueue<>),
        typeof(Memory<>),
        typeof(ReadOnlyMemory<>),
    ];

    private readonly ConditionalWeakTable<Type, StrongBox<string?>> _known = [];

    /// <summary>
    /// Null: they do. Otherwise what does not, by type and member.
    /// </summary>
    public string? WhyNot(Type type) =>
        _known.GetValue(
            type,
            key => new StrongBox<string?>(Walk(key, []))).Value;

    /// <summary>Adds the check of values to the contract of a type.</summary>
    public static void Guard(JsonTypeInfo contract)
    {
        Type type = contract.Type;
        if (contract.Kind == JsonTypeInfoKind.None)
        {
            return;
        }
        if (Reflection.IsAvailable && !type.IsInterface)
        {
            RemoveComputed(contract);
        }
        foreach (JsonPropertyInfo member in contract.Properties)
        {
            if (member.Get != null && member.ShouldSerialize != null)
            {
                // What is left out would come back as the constructor leaves it.
                member.ShouldSerialize = null;
            }
        }
        if (type is { IsSealed: false, IsAbstract: false })
        {
            Action<object>? theirs = contract.OnSerializing;
            contract.OnSerializing = value =>
            {
                if (value.GetType() != type)
                {
                    throw Derived(type, value.GetType());
                }
                theirs?.Invoke(value);
            };
        }
    }

    /// <summary>A value of a subclass would come back as its base.</summary>
    public static SerializationException Derived(Type declared, Type actual) =>
        new($"a {actual} where a {declared} is declared would come back as a "
            + $"{declared}: declare {actual}, or put [JsonDerivedType] on {declared}");

    [RequiresUnreferencedCode("looks for the fields behind properties")]
    private static void RemoveComputed(JsonTypeInfo contract)
    {
        for (int i = contract.Properties.Count - 1; i >= 0; --i)
        {
            JsonPropertyInfo member = contract.Properties[i];
            if (member is { Get: not null, Set: null, AssociatedParameter: null }
                && member.AttributeProvider is PropertyInfo property
                && MemberFields.BehindOf(property) == null
                && member.ObjectCreationHandling != JsonObjectCreationHandling.Populate)
            {
                contract.Properties.RemoveAt(i);
            }
        }
    }

    private string? Walk(Type type, HashSet<Type> seen)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (!seen.Add(type) || ScalarConverters.Knows(type) || IsPlainEnum(type))
        {
            return null;
        }
        if (WhyNever(type) is { } never)
        {
            return never;
        }
        if (Reflection.IsAvailable
                ? CollectionConverters.Knows(type)
                : type.IsArray)
        {
            return WalkAll(type, ElementsOf(type), seen);
        }
        if (type.IsSZArray)
        {
            return WalkAll(type, [type.GetElementType()!], seen);
        }
        JsonTypeInfo contract;
        try
        {
            contract = options.GetTypeInfo(type);
        }
        catch (Exception e) when (e is NotSupportedException
            or InvalidOperationException or ArgumentException or JsonException)
        {
            return e.Message;
        }
        return contract.Kind switch
        {
            JsonTypeInfoKind.Object => WalkObject(contract, seen),
            JsonTypeInfoKind.Enumerable or JsonTypeInfoKind.Dictionary =>
                WalkCollection(contract, seen),
            _ => WalkConverted(contract, seen),
        };
    }

    private string? WalkAll(Type type, IEnumerable<Type> parts, HashSet<Type> seen) =>
        parts.Select(part => Walk(part, seen))
            .FirstOrDefault(why => why != null) is { } why
            ? $"in {type}: {why}"
            : null;

    private static Type[] ElementsOf(Type type) =>
        type.IsArray ? [type.GetElementType()!] : type.GetGenericArguments();

    private static bool IsPlainEnum(Type type) =>
        type.IsEnum && !type.IsDefined(typeof(JsonConverterAttribute));

    /// <summary>What has no meaning in another process, or no type of its own.</summary>
    private static string? WhyNever(Type type)
    {
        if (type == typeof(object))
        {
            return "a value declared as object would come back as a JsonElement: "
                + "declare its type";
        }
        return typeof(Delegate).IsAssignableFrom(type)
            || typeof(MemberInfo).IsAssignableFrom(type)
            || typeof(Task).IsAssignableFrom(type)
            || type == typeof(IntPtr)
            || type == typeof(UIntPtr)
            || type.IsPointer
            || type.IsFunctionPointer
            || type.IsByRef
            || type.IsByRefLike
                ? $"a {type} means nothing in another process"
                : null;
    }

    /// <summary>The user's own converter is trusted.</summary>
    private string? WalkConverted(JsonTypeInfo contract, HashSet<Type> seen)
    {
        if (contract.Converter is IMemberTypes members)
        {
            return WalkAll(contract.Type, members.Types, seen);
        }
        if (contract.Type.IsGenericType
            && contract.Type.GetGenericTypeDefinition() == typeof(KeyValuePair<,>))
        {
            return WalkAll(contract.Type, contract.Type.GetGenericArguments(), seen);
        }
        return contract.Converter.GetType().Assembly == typeof(JsonSerializer).Assembly
            && !contract.Type.IsEnum
            && !typeof(JsonNode).IsAssignableFrom(contract.Type)
                ? $"System.Text.Json does not read a {contract.Type}"
                : null;
    }

    private string? WalkCollection(JsonTypeInfo contract, HashSet<Type> seen)
    {
        Type type = contract.Type;
        Type? known = type;
        while (known != null && !IsSequence(known))
        {
            if (Reflection.IsAvailable && HasFields(known))
            {
                return $"of a {type} only the elements become JSON";
            }
            known = known.BaseType;
        }
        if (known == null || (known != type && contract.CreateObject == null))
        {
            return $"of a {type} only the elements become JSON";
        }
        return WalkAll(type, known.GetGenericArguments(), seen);
    }

    private static bool IsSequence(Type type)
    {
        if (!type.IsGenericType)
        {
            return false;
        }
        Type definition = type.GetGenericTypeDefinition();
        return Sequences.Contains(definition) || Lists.Contains(definition)
            || (!Reflection.IsAvailable && IsComparing(type));
    }

    /// <summary>
    /// Without converters of ours: with the comparer of its keys, which values that
    /// have another are refused for.
    /// </summary>
    private static bool IsComparing(Type type) =>
        type.GetGenericTypeDefinition() is { } definition
        && (definition == typeof(HashSet<>)
            || (definition == typeof(Dictionary<,>)
                && type.GetGenericArguments()[0] == typeof(string)));

    [RequiresUnreferencedCode("looks for fields")]
    private static bool HasFields(Type type) => type.GetFields(
        BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic
        | BindingFlags.DeclaredOnly).Length > 0;

    private string? WalkObject(JsonTypeInfo contract, HashSet<Type> seen)
    {
        Type type = contract.Type;
        if (contract.PolymorphismOptions is { } polymorphism)
        {
            foreach (JsonDerivedType derived in polymorphism.DerivedTypes)
            {
                if (derived.TypeDiscriminator == null)
                {
                    return $"[JsonDerivedType] of {type} gives {derived.DerivedType} no "
                        + $"discriminator, so it would come back as a {type}";
                }
                if (derived.DerivedType != type
                    && Walk(derived.DerivedType, seen) is { } why)
                {
                    return why;
                }
            }
        }
        if (type.IsAbstract)
        {
            return contract.PolymorphismOptions != null
                ? null
                : $"{type} is {(type.IsInterface ? "an interface" : "abstract")}; "
                    + "[JsonDerivedType] on it says what there is of it";
        }
        return WhyNotMade(contract)
            ?? WhyNotAMember(contract, seen)
            ?? (Reflection.IsAvailable ? WhyNotAField(contract) : null);
    }

    private static string? WhyNotMade(JsonTypeInfo contract)
    {
        if (contract.CreateObject != null)
        {
            return null;
        }
        JsonParameterInfo[] bound = [.. contract.Properties
            .Select(member => member.AssociatedParameter).OfType<JsonParameterInfo>()];
        int all = bound.Select(
            parameter => (parameter.AttributeProvider as ParameterInfo)?.Member)
            .OfType<ConstructorInfo>().FirstOrDefault()?.GetParameters().Length
            ?? bound.Length;
        return bound.Length == 0 || bound.Length < all
            ? $"{contract.Type} has no public constructor that could be called with the "
                + "values of its members; [JsonConstructor] says which to call"
            : null;
    }

    private string? WhyNotAMember(JsonTypeInfo contract, HashSet<Type> seen)
    {
        foreach (JsonPropertyInfo member in contract.Properties)
        {
            if (member.Get == null)
            {
                continue;
            }
            string name = $"{contract.Type}.{NameOf(member)}";
            if (member is { Set: null, AssociatedParameter: null }
                && member.ObjectCreationHandling != JsonObjectCreationHandling.Populate)
            {
                return $"{name} is written, but can't be set, and is no parameter of the "
                    + "constructor";
            }
            if (member.AttributeProvider?.IsDefined(typeof(FixedBufferAttribute), false)
                == true)
            {
                return $"{name} is a fixed buffer";
            }
            if (member.CustomConverter == null
                && Walk(member.PropertyType, seen) is { } why)
            {
                return $"{name}: {why}";
            }
        }
        return null;
    }

    [RequiresUnreferencedCode("looks for fields")]
    private static string? WhyNotAField(JsonTypeInfo contract)
    {
        if (contract.Type.IsDefined(typeof(InlineArrayAttribute)))
        {
            return $"{contract.Type} is an inline array";
        }
        var written = new HashSet<(Type?, string)>();
        foreach (JsonPropertyInfo member in contract.Properties)
        {
            FieldInfo? field = member.AttributeProvider is PropertyInfo property
                ? MemberFields.BehindOf(property)
                : member.AttributeProvider as FieldInfo;
            if (field != null)
            {
                written.Add((field.DeclaringType, field.Name));
            }
        }
        FieldInfo? left = MemberFields.Of(contract.Type).FirstOrDefault(field =>
            !written.Contains((field.DeclaringType, field.Name))
            && !field.IsDefined(typeof(JsonIgnoreAttribute)));
        return left == null
            ? null
            : $"{contract.Type}.{MemberFields.NameOf(left)} does not become JSON; "
                + "[JsonInclude] or [JsonIgnore] says what is to be done with it";
    }

    private static string NameOf(JsonPropertyInfo member) =>
        (member.AttributeProvider as MemberInfo)?.Name ?? member.Name;
}

/// <summary>A converter that writes members, of these types.</summary>
internal interface IMemberTypes
{
    IEnumerable<Type> Types { get; }
}

using System;
using System.Collections;
using System.Collections.Generic;
using System.Diagnostics.CodeAnalysis;
using System.Linq;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Asyncpal.Internal.Json;

/// <summary>
/// Types whose members are set by a constructor that <c>System.Text.Json</c> would
/// not call: of structs, and one of several.
/// </summary>
[RequiresDynamicCode("makes converters for types at run time")]
[RequiresUnreferencedCode("makes converters for types at run time")]
internal sealed class ConstructorConverters : JsonConverterFactory
{
    /// <inheritdoc/>
    public override bool CanConvert(Type type) => Find(type, out _) != null;

    /// <inheritdoc/>
    public override JsonConverter CreateConverter(
        Type type, JsonSerializerOptions options)
    {
        ConstructorInfo constructor = Find(type, out List<Member> members)!;
        return (JsonConverter)Activator.CreateInstance(
            typeof(ConstructorConverter<>).MakeGenericType(type), constructor, members)!;
    }

    private static ConstructorInfo? Find(Type type, out List<Member> members)
    {
        members = [];
        if (type.IsAbstract || type.IsPrimitive || type.IsEnum || type.IsArray
            || type.IsByRefLike
            || type.Namespace?.Split('.')[0] == nameof(System)
            || typeof(IEnumerable).IsAssignableFrom(type)
            || type.GetCustomAttributes<JsonAttribute>(inherit: true).Any())
        {
            return null;
        }
        ConstructorInfo[] constructors = type.GetConstructors();
        bool hasDefault = type.IsValueType
            || constructors.Any(one => one.GetParameters().Length == 0);
        if (constructors.Any(one => one.IsDefined(typeof(JsonConstructorAttribute)))
            || (!hasDefault && constructors.Length < 2)
            || !ListMembers(type, members)
            || members.All(member => member.CanBeSet))
        {
            return null;
        }
        List<Member> all = members;
        ConstructorInfo[] fitting = [.. constructors.Where(one => Fits(one, all))];
        return fitting.Length == 1 ? fitting[0] : null;
    }

    /// <returns>Whether those are all that a value consists of.</returns>
    private static bool ListMembers(Type type, List<Member> members)
    {
        var byField = new Dictionary<(Type?, string), MemberInfo>();
        foreach (PropertyInfo property in type.GetProperties())
        {
            if (property.GetIndexParameters().Length == 0
                && MemberFields.BehindOf(property) is { } field)
            {
                byField.TryAdd((field.DeclaringType, field.Name), property);
            }
        }
        foreach (FieldInfo field in MemberFields.Of(type))
        {
            MemberInfo? member = byField.GetValueOrDefault((field.DeclaringType, field.Name))
                ?? (field.IsPublic ? field : null);
            if (field.IsDefined(typeof(JsonIgnoreAttribute))
                || member?.IsDefined(typeof(JsonIgnoreAttribute)) == true)
            {
                continue;
            }
            if (member == null
                || member.GetCustomAttributes<JsonAttribute>().Any()
                || field.IsDefined(typeof(FixedBufferAttribute)))
            {
                return false;
            }
            members.Add(Member.Of(member));
        }
        return !type.IsDefined(typeof(InlineArrayAttribute));
    }

    private static bool Fits(ConstructorInfo constructor, List<Member> members)
    {
        ParameterInfo[] parameters = constructor.GetParameters();
        return parameters.Length > 0
            && parameters.All(parameter => members.Any(member => member.Is(parameter)))
            && members.All(member => member.CanBeSet || parameters.Any(member.Is));
    }
}

/// <summary>A field, or a property that returns one.</summary>
internal sealed record Member(
    string Name,
    Type Type,
    bool CanBeSet,
    Func<object?, object?> Get,
    Action<object?, object?> Set)
{
    public static Member Of(MemberInfo member) => member switch
    {
        PropertyInfo property => new Member(
            property.Name,
            property.PropertyType,
            property.SetMethod is { IsPublic: true },
            property.GetValue,
            property.SetValue),
        FieldInfo field => new Member(
            field.Name, field.FieldType, !field.IsInitOnly, field.GetValue, field.SetValue),
        _ => throw new ArgumentException($"{member} has no value", nameof(member)),
    };

    public bool Is(ParameterInfo parameter) =>
        Type == parameter.ParameterType
        && string.Equals(Name, parameter.Name, StringComparison.OrdinalIgnoreCase);
}

/// <summary>A list of the members' values.</summary>
internal sealed class ConstructorConverter<T>(
    ConstructorInfo constructor, List<Member> members)
    : JsonConverter<T>, IMemberTypes
{
    // Which member each parameter is.
    private readonly int[] _parameters = [.. constructor.GetParameters().Select(
        parameter => members.FindIndex(member => member.Is(parameter)))];

    /// <inheritdoc/>
    public IEnumerable<Type> Types => members.Select(member => member.Type);

    /// <inheritdoc/>
    public override T? Read(
        ref Utf8JsonReader reader, Type type, JsonSerializerOptions options)
    {
        var values = new object?[members.Count];
        for (int i = 0; i < values.Length; ++i)
        {
            reader.Read();
            values[i] = JsonSerializer.Deserialize(
                ref reader, options.GetTypeInfo(members[i].Type));
        }
        reader.Read();
        object made = constructor.Invoke(
            BindingFlags.DoNotWrapExceptions,
            null,
            [.. _parameters.Select(at => values[at])],
            null);
        for (int i = 0; i < values.Length; ++i)
        {
            if (members[i].CanBeSet && !_parameters.Contains(i))
            {
                members[i].Set(made, values[i]);
            }
        }
        return (T)made;
    }

    /// <inheritdoc/>
    public override void Write(
        Utf8JsonWriter writer, T value, JsonSerializerOptions options)
    {
        if (value!.GetType() != typeof(T))
        {
            throw JsonContract.Derived(typeof(T), value.GetType());
        }
        writer.WriteStartArray();
        foreach (Member member in members)
        {
            JsonSerializer.Serialize(
                writer, member.Get(value), options.GetTypeInfo(member.Type));
        }
        writer.WriteEndArray();
    }
}

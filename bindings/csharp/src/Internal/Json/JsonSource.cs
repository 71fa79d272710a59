using System;
using System.Collections.Generic;
using System.Diagnostics.CodeAnalysis;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Asyncpal.Internal.Json;

/// <summary>
/// What the user adds to how values become JSON: resolvers and converters. Workers
/// have the same, given to them in Main, or made by the types' names.
/// </summary>
internal sealed class JsonSource
{
    private static readonly ConditionalWeakTable<object, JsonSource> ByUser = [];

    private readonly object? _given;

    private JsonSource(object? given, IReadOnlyList<object> parts)
    {
        _given = given;
        Resolvers = [.. parts.OfType<IJsonTypeInfoResolver>()];
        Converters = [.. parts.OfType<JsonConverter>()];
        Name = string.Join('\n', parts.Select(part => part.GetType().AssemblyQualifiedName));
    }

    /// <summary>In the order in which they are asked.</summary>
    public IJsonTypeInfoResolver[] Resolvers { get; }

    /// <summary>In the order in which they are asked, before all others.</summary>
    public JsonConverter[] Converters { get; }

    /// <summary>By which a worker finds or makes another one.</summary>
    public string Name { get; }

    /// <summary>Of what a pool, or Main, was given; null: nothing.</summary>
    /// <exception cref="ArgumentException">Both are given.</exception>
    public static JsonSource? Of(
        IJsonTypeInfoResolver? resolver, JsonSerializerOptions? options = null)
    {
        if (resolver != null && options != null)
        {
            throw new ArgumentException(
                $"{nameof(ProcessPoolOptions.JsonTypeInfoResolver)} is set beside "
                + $"{nameof(ProcessPoolOptions.JsonSerializerOptions)}: add it to the "
                + "latter's TypeInfoResolverChain");
        }
        if (resolver != null)
        {
            return ByUser.GetValue(resolver, static given => new JsonSource(given, [given]));
        }
        return options == null
            ? null
            : ByUser.GetValue(options, static given => OfOptions((JsonSerializerOptions)given));
    }

    /// <summary>Whether it was made of the very same object.</summary>
    public bool IsSame(JsonSource? other) => other != null && _given == other._given;

    /// <summary>Null: a worker can make all of it. Otherwise a type of which not.</summary>
    [RequiresUnreferencedCode("looks for constructors of types that are given at run time")]
    public Type? WhatCantBeMade() =>
        ((IEnumerable<object>)[.. Resolvers, .. Converters])
            .FirstOrDefault(part => IsMoreThanItsType(part)
                || part.GetType().GetConstructor(Type.EmptyTypes) == null)
            ?.GetType();

    /// <summary>In a worker; null: it can't be made here.</summary>
    /// <param name="name">Of another one.</param>
    [RequiresUnreferencedCode("makes objects of types that are given at run time")]
    public static JsonSource? Make(string name)
    {
        object?[] parts = [.. name.Split('\n').Select(type =>
            Type.GetType(type)?.GetConstructor(Type.EmptyTypes)?.Invoke(null))];
        return parts.Contains(null) ? null : new JsonSource(null, parts!);
    }

    private static JsonSource OfOptions(JsonSerializerOptions options) =>
        // The platform's own comes after ours in any case.
        new(options, [
            .. options.TypeInfoResolverChain.Where(one =>
                one is not DefaultJsonTypeInfoResolver || IsMoreThanItsType(one)),
            .. options.Converters,
        ]);

    private static bool IsMoreThanItsType(object part) =>
        part is DefaultJsonTypeInfoResolver { Modifiers.Count: > 0 };
}

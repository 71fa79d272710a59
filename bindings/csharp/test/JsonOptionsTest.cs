using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// What a pool's JsonSerializerOptions and JsonTypeInfoResolver make of values.
public class JsonOptionsTest
{
    // Nobody could make one without the converter.
    [JsonConverter(typeof(Never))]
    public sealed class Celsius
    {
        private readonly double _degrees;

        private Celsius(double degrees) => _degrees = degrees;

        public static Celsius Of(double degrees) => new(degrees);

        public static double DegreesOf(Celsius value) => value._degrees;

        private sealed class Never : JsonConverter<Celsius>
        {
            public override Celsius Read(
                ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) =>
                throw new NotSupportedException();

            public override void Write(
                Utf8JsonWriter writer, Celsius value, JsonSerializerOptions options) =>
                throw new NotSupportedException();
        }
    }

    public sealed class CelsiusConverter : JsonConverter<Celsius>
    {
        public override Celsius Read(
            ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) =>
            Celsius.Of(reader.GetDouble());

        public override void Write(
            Utf8JsonWriter writer, Celsius value, JsonSerializerOptions options) =>
            writer.WriteNumberValue(Celsius.DegreesOf(value));
    }

    // A worker can't make one.
    private sealed class OffsetConverter(double offset) : JsonConverter<double>
    {
        public override double Read(
            ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) =>
            reader.GetDouble() - offset;

        public override void Write(
            Utf8JsonWriter writer, double value, JsonSerializerOptions options) =>
            writer.WriteNumberValue(value + offset);
    }

    /// Without it, such an interface is refused.
    public sealed class ShapeResolver : IJsonTypeInfoResolver
    {
        public JsonTypeInfo? GetTypeInfo(Type type, JsonSerializerOptions options)
        {
            if (type != typeof(IShape))
            {
                return null;
            }
            JsonTypeInfo info = JsonTypeInfo.CreateJsonTypeInfo(type, options);
            info.PolymorphismOptions = new JsonPolymorphismOptions
            {
                DerivedTypes = { new JsonDerivedType(typeof(Square), "square") },
            };
            return info;
        }
    }

    public interface IShape
    {
    }

    public sealed record Square(int Side) : IShape;

    private static Celsius Warmer(Celsius value) => Celsius.Of(Celsius.DegreesOf(value) + 1);

    private static IShape Grow(IShape shape) =>
        new Square(((Square)shape).Side + 1);

    [Fact]
    public async Task ConvertersOfTheOptionsWriteAndReadOnBothSides()
    {
        var options = new JsonSerializerOptions { Converters = { new CelsiusConverter() } };
        using var pool = new ProcessPool(
            new ProcessPoolOptions { MaxWorkers = 1, JsonSerializerOptions = options });
        Celsius warmer = await pool.SubmitAsync(Warmer, Celsius.Of(20.5)).Soon();
        Assert.Equal(21.5, Celsius.DegreesOf(warmer));
        IReadOnlyList<Celsius> all = pool.MapAll(
            Warmer, Enumerable.Range(0, 3).Select(n => Celsius.Of(n)));
        Assert.Equal([1.0, 2, 3], all.Select(Celsius.DegreesOf));
    }

    [Fact]
    public async Task EachResolverOfTheOptionsIsAsked()
    {
        var options = new JsonSerializerOptions
        {
            Converters = { new CelsiusConverter() },
            TypeInfoResolverChain = { new DefaultJsonTypeInfoResolver(), new ShapeResolver() },
        };
        using var pool = new ProcessPool(
            new ProcessPoolOptions { MaxWorkers = 1, JsonSerializerOptions = options });
        Assert.Equal(new Square(3), await pool.SubmitAsync(Grow, (IShape)new Square(2)).Soon());
        Assert.Equal(
            1, Celsius.DegreesOf(await pool.SubmitAsync(Warmer, Celsius.Of(0)).Soon()));
    }

    [Fact]
    public async Task ResolverIsAskedWithoutOptions()
    {
        using var pool = new ProcessPool(new ProcessPoolOptions
        {
            MaxWorkers = 1,
            JsonTypeInfoResolver = new ShapeResolver(),
        });
        Assert.Equal(new Square(3), await pool.SubmitAsync(Grow, (IShape)new Square(2)).Soon());
        using var without = new ProcessPool(1);
        Assert.Throws<SerializationException>(
            () => { without.SubmitAsync(Grow, (IShape)new Square(2)); });
    }

    [Fact]
    public void WhatAWorkerCantMakeIsRefused()
    {
        var converter = new JsonSerializerOptions { Converters = { new OffsetConverter(1) } };
        var error = Assert.Throws<ArgumentException>(() =>
            new ProcessPool(new ProcessPoolOptions { JsonSerializerOptions = converter }));
        Assert.Contains(nameof(OffsetConverter), error.Message);
        var resolver = new JsonSerializerOptions
        {
            TypeInfoResolver = new DefaultJsonTypeInfoResolver { Modifiers = { _ => { } } },
        };
        error = Assert.Throws<ArgumentException>(() =>
            new ProcessPool(new ProcessPoolOptions { JsonSerializerOptions = resolver }));
        Assert.Contains(nameof(DefaultJsonTypeInfoResolver), error.Message);
    }

    [Fact]
    public void ResolverBesideOptionsIsRefused() =>
        Assert.Throws<ArgumentException>(() => new ProcessPool(new ProcessPoolOptions
        {
            JsonSerializerOptions = new JsonSerializerOptions(),
            JsonTypeInfoResolver = new ShapeResolver(),
        }));
}

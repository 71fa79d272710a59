using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// Every public value type of the platform, with all values that its members and
/// constructors make, through a real worker: each comes back equal, or is refused.
public class PlatformValuesTest(WorkerForValues worker) : IClassFixture<WorkerForValues>
{
    private const BindingFlags Statics = BindingFlags.Public | BindingFlags.Static;

    private static readonly MethodInfo SendMethod = typeof(PlatformValuesTest).GetMethod(
        nameof(Send), BindingFlags.NonPublic | BindingFlags.Instance)!;

    // What a constructor or a method may take.
    private static readonly Dictionary<Type, object[]> Arguments = new()
    {
        [typeof(bool)] = [true],
        [typeof(byte)] = [(byte)7],
        [typeof(sbyte)] = [(sbyte)-7],
        [typeof(short)] = [(short)-300],
        [typeof(ushort)] = [(ushort)300],
        [typeof(char)] = ['\ud801', 'x'],
        [typeof(int)] = [1, 9],
        [typeof(uint)] = [3_000_000_000u],
        [typeof(long)] = [1L, 621355968000000000L],
        [typeof(ulong)] = [ulong.MaxValue - 1],
        [typeof(float)] = [1.25f],
        [typeof(double)] = [-0.5, double.NaN],
        [typeof(string)] = ["1.5", "a\udc00"],
        [typeof(Guid)] = [new Guid("00112233-4455-6677-8899-aabbccddeeff")],
        [typeof(DateTime)] = [new DateTime(2026, 10, 25, 2, 30, 0, DateTimeKind.Local)],
        [typeof(TimeSpan)] = [TimeSpan.FromMinutes(90)],
        [typeof(byte[])] = [new byte[] { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 }],
    };

    // What generic ones are made of.
    private static readonly Type[] TypeArguments = [typeof(int), typeof(string)];

    private static T Echo<T>(T value) => value;

    private async Task<object?> Send<T>(T value) =>
        await worker.Pool.SubmitAsync(Echo<T>, value).Soon();

    [Fact]
    public async Task EachIsEqualOrRefused()
    {
        var changed = new List<string>();
        var travelled = new HashSet<Type>();
        int refused = 0;
        foreach (Type type in ValueTypes())
        {
            foreach (object value in ValuesOf(type).Take(20))
            {
                object? back;
                try
                {
                    back = await (Task<object?>)SendMethod.MakeGenericMethod(type)
                        .Invoke(this, [value])!;
                }
                catch (SerializationException)
                {
                    ++refused;
                    continue;
                }
                travelled.Add(type);
                if (!Same(value, back, 0))
                {
                    changed.Add($"{type}: {value} came back as {back}");
                }
            }
        }
        Console.WriteLine(
            $"{travelled.Count} types travelled, {refused} values were refused");
        Assert.True(travelled.Count > 60, $"only {travelled.Count} types travelled");
        Assert.Empty(changed);
    }

    private static IEnumerable<Type> ValueTypes()
    {
        Assembly[] assemblies =
        [
            typeof(object).Assembly,
            typeof(System.Numerics.BigInteger).Assembly,
            typeof(System.Drawing.Point).Assembly,
            typeof(System.Net.IPNetwork).Assembly,
            typeof(System.Collections.Immutable.ImmutableArray).Assembly,
            typeof(System.Collections.BitArray).Assembly,
            typeof(System.Text.Json.JsonElement).Assembly,
            typeof(System.Xml.XmlNodeType).Assembly,
        ];
        foreach (Type type in assemblies.SelectMany(one => one.GetExportedTypes()))
        {
            // Tasks and results of awaits are no values.
            if (!type.IsValueType || type.IsByRefLike || type == typeof(void)
                || type.Namespace is "System.Runtime.CompilerServices"
                    or "System.Runtime.InteropServices.Marshalling"
                || type.FullName!.StartsWith("System.Threading.", StringComparison.Ordinal))
            {
                continue;
            }
            if (Close(type) is { } closed)
            {
                yield return closed;
            }
        }
    }

    private static Type? Close(Type type)
    {
        if (!type.ContainsGenericParameters)
        {
            return type;
        }
        try
        {
            return type.MakeGenericType(
                [.. type.GetGenericArguments().Select((_, i) => TypeArguments[i % 2])]);
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    private static IEnumerable<object> ValuesOf(Type type)
    {
        yield return Activator.CreateInstance(type)!;
        if (type.IsEnum)
        {
            foreach (object value in Enum.GetValuesAsUnderlyingType(type).Cast<object>().Take(2))
            {
                yield return Enum.ToObject(type, value);
            }
            yield return Enum.ToObject(type, 113);
            yield break;
        }
        foreach (FieldInfo field in type.GetFields(Statics).Where(one => one.FieldType == type))
        {
            yield return field.GetValue(null)!;
        }
        foreach (PropertyInfo property in type.GetProperties(Statics)
            .Where(one => one.PropertyType == type && one.GetMethod != null))
        {
            if (Try(() => property.GetValue(null)) is { } value)
            {
                yield return value;
            }
        }
        IEnumerable<MethodBase> makers = type.GetConstructors()
            .Concat<MethodBase>(type.GetMethods(Statics).Where(one =>
                one.ReturnType == type && !one.ContainsGenericParameters));
        foreach (MethodBase maker in makers)
        {
            for (int pick = 0; pick < 2; ++pick)
            {
                object?[]? arguments = ArgumentsOf(maker, pick);
                if (arguments != null && Try(() => maker is ConstructorInfo constructor
                    ? constructor.Invoke(arguments)
                    : maker.Invoke(null, arguments)) is { } value)
                {
                    yield return value;
                }
            }
        }
    }

    private static object?[]? ArgumentsOf(MethodBase maker, int pick)
    {
        ParameterInfo[] parameters = maker.GetParameters();
        var arguments = new object?[parameters.Length];
        for (int i = 0; i < parameters.Length; ++i)
        {
            if (!Arguments.TryGetValue(parameters[i].ParameterType, out object[]? some))
            {
                return null;
            }
            arguments[i] = some[(pick + i) % some.Length];
        }
        return arguments;
    }

    private static object? Try(Func<object?> get)
    {
        try
        {
            return get();
        }
        catch (TargetInvocationException)
        {
            return null;
        }
    }

    /// Field by field, since some types are equal without being the same.
    private static bool Same(object? a, object? b, int depth)
    {
        if (a == null || b == null || a.GetType() != b.GetType())
        {
            return a == b;
        }
        Type type = a.GetType();
        if (depth > 8 || type.IsPrimitive || type.IsEnum
            || a is string or System.Net.IPNetwork)
        {
            return a.Equals(b);
        }
        if (a is System.Text.Json.JsonElement json)
        {
            return System.Text.Json.JsonElement.DeepEquals(
                json, (System.Text.Json.JsonElement)b);
        }
        if (MemoryOf(a) is { } mine && MemoryOf(b) is { } other)
        {
            return mine.SequenceEqual(other);
        }
        if (a is Array left && b is Array right)
        {
            return left.Cast<object?>().SequenceEqual(right.Cast<object?>());
        }
        return type.GetFields(
                BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic)
            .All(field => Same(field.GetValue(a), field.GetValue(b), depth + 1));
    }

    private static IEnumerable<int>? MemoryOf(object value) => value switch
    {
        Memory<int> memory => memory.ToArray(),
        ReadOnlyMemory<int> memory => memory.ToArray(),
        ArraySegment<int> { Array: not null } segment => segment.ToArray(),
        _ => null,
    };
}

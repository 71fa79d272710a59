using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Asyncpal.Internal;

/// <summary>A method by what another process of the same program finds it by.</summary>
/// <param name="Assembly">Its full name.</param>
/// <param name="Module">The identity of the compiled file.</param>
/// <param name="Token">The method in that file.</param>
/// <param name="TypeArguments">Of the class, with their assemblies.</param>
/// <param name="MethodArguments">Of the method, with their assemblies.</param>
internal sealed record RemoteMethod(
    string Assembly,
    Guid Module,
    int Token,
    string[] TypeArguments,
    string[] MethodArguments);

/// <summary>Calls of one method, as JSON.</summary>
/// <param name="Method">What to call.</param>
/// <param name="IsChunk">Whether the result is the list of all results.</param>
/// <param name="Calls">The arguments of each call.</param>
internal sealed record RemoteCall(
    RemoteMethod Method, bool IsChunk, JsonElement[][] Calls)
{
    public static readonly JsonSerializerOptions Json = new()
    {
        // Tuples have fields.
        IncludeFields = true,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    /// <summary>Describes calls of a function with these arguments.</summary>
    /// <exception cref="SerializationException">Something can't travel.</exception>
    public static byte[] Encode(
        Delegate function, bool isChunk, IEnumerable<object?[]> calls)
    {
        CheckCaptures(function);
        MethodInfo method = function.Method;
        ParameterInfo[] parameters = method.GetParameters();
        CheckReturnType(method);
        JsonElement[][] arguments = [.. calls.Select(call =>
            call.Select((value, i) => EncodeArgument(parameters[i], value, method)).ToArray())];
        var remote = new RemoteCall(DescribeMethod(method), isChunk, arguments);
        return JsonSerializer.SerializeToUtf8Bytes(remote, Json);
    }

    /// <summary>The result of a call; one of type <see cref="Nothing"/> is empty.</summary>
    public static T DecodeResult<T>(ReadOnlySpan<byte> json)
    {
        if (typeof(T) == typeof(Nothing))
        {
            return default!;
        }
        try
        {
            return JsonSerializer.Deserialize<T>(json, Json)!;
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            throw new SerializationException(
                $"the result, a {typeof(T)}, can't be read from its JSON: {e.Message}", e);
        }
    }

    /// <summary>How errors call a method.</summary>
    public static string NameOf(MethodInfo method) =>
        $"{method.DeclaringType?.FullName}.{method.Name}()";

    private static RemoteMethod DescribeMethod(MethodInfo method)
    {
        Module module = method.Module;
        if (module.Assembly.IsDynamic || method.DeclaringType == null)
        {
            throw new SerializationException(
                $"{method.Name}() was made at run time, so no other process has it");
        }
        return new RemoteMethod(
            module.Assembly.FullName!,
            module.ModuleVersionId,
            method.MetadataToken,
            NamesOf(method.DeclaringType.GetGenericArguments()),
            NamesOf(method.GetGenericArguments()));
    }

    private static string[] NamesOf(Type[] types) =>
        [.. types.Select(type => type.AssemblyQualifiedName!)];

    /// <summary>
    /// A lambda without captures is a method of an object without fields, which
    /// the compiler has made.
    /// </summary>
    private static void CheckCaptures(Delegate function)
    {
        if (function.GetInvocationList().Length != 1)
        {
            throw new SerializationException(
                "a delegate that calls several methods can't travel to another process");
        }
        if (function.Target is not { } target)
        {
            return;
        }
        Type type = target.GetType();
        bool isClosure = type.IsDefined(typeof(CompilerGeneratedAttribute), false);
        FieldInfo[] fields = type.GetFields(
            BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic);
        if (isClosure && fields.Length == 0)
        {
            return;
        }
        string what = isClosure
            ? $"the lambda in {type.DeclaringType?.FullName} captures "
              + string.Join(", ", fields.Select(field => NameOf(field)))
            : $"{NameOf(function.Method)} is a method of an object, not a static one";
        throw new SerializationException(
            $"{what}; another process has no such object: pass what it needs as an argument");
    }

    private static string NameOf(FieldInfo field) =>
        field.Name.EndsWith("__this", StringComparison.Ordinal)
            ? "'this'"
            : $"'{field.Name}'";

    private static JsonElement EncodeArgument(
        ParameterInfo parameter, object? value, MethodInfo method)
    {
        try
        {
            return JsonSerializer.SerializeToElement(value, parameter.ParameterType, Json);
        }
        catch (Exception e) when (e is JsonException or NotSupportedException
            or InvalidOperationException or ArgumentException)
        {
            throw new SerializationException(
                $"the argument '{parameter.Name}' of {NameOf(method)}, a "
                + $"{parameter.ParameterType}, can't become JSON: {e.Message}",
                e);
        }
    }

    private static void CheckReturnType(MethodInfo method)
    {
        Type type = method.ReturnType;
        if (typeof(Delegate).IsAssignableFrom(type)
            || typeof(MemberInfo).IsAssignableFrom(type)
            || type == typeof(IntPtr)
            || type == typeof(UIntPtr)
            || type.IsPointer
            || type.IsByRefLike)
        {
            throw new SerializationException(
                $"the result of {NameOf(method)}, a {type}, can't become JSON");
        }
    }
}

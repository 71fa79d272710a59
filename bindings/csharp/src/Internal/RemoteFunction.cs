using System;
using System.Collections.Generic;
using System.Diagnostics.CodeAnalysis;
using System.Linq;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;
using System.Threading;
using System.Threading.Tasks;
using Asyncpal.Internal.Json;

namespace Asyncpal.Internal;

/// <summary>
/// A function as another process of the same program finds it: by the file it is
/// compiled in and its number there, or by the name that it was registered by.
/// </summary>
internal sealed class RemoteFunction
{
    // What is found out about a method, for each way of writing values.
    private static readonly ConditionalWeakTable<JsonValues,
        ConditionalWeakTable<MethodInfo, RemoteFunction>> Known = [];

    private readonly byte[] _header;

    private RemoteFunction(
        string name, Type[] parameters, Type result, JsonValues values, byte[] header)
    {
        Name = name;
        Parameters = parameters;
        Result = result;
        Values = values;
        _header = header;
    }

    /// <summary>The first byte of a call: what follows it.</summary>
    public enum Kind : byte
    {
        Method,
        Registered,
    }

    /// <summary>How errors call it.</summary>
    public string Name { get; }

    /// <summary>Of its arguments; a token is none.</summary>
    public Type[] Parameters { get; }

    /// <summary>
    /// What it returns, or what the task that it returns gives; void: nothing.
    /// </summary>
    public Type Result { get; }

    /// <summary>What writes its arguments and reads its results.</summary>
    public JsonValues Values { get; }

    /// <summary>Describes a function whose arguments and results can travel.</summary>
    /// <exception cref="SerializationException">It can't be called there.</exception>
    public static RemoteFunction Of(Delegate function, JsonValues values)
    {
        if (RegisteredFunction.Find(function) is { } registered)
        {
            return OfRegistered(registered, values);
        }
        Captures.Check(function);
        return Known.GetOrCreateValue(values).GetValue(
            function.Method, method => OfMethod(method, values));
    }

    /// <summary>Writes what comes before the arguments.</summary>
    public void WriteHeader(FrameWriter to) => to.WriteRaw(_header);

    /// <summary>Writes the argument with that index, of one call.</summary>
    public void WriteArgument(FrameWriter to, int index, object? value) =>
        Values.Write(to, value, Parameters[index], $"argument {index + 1} of {Name}");

    /// <summary>Reads the next result.</summary>
    public T ReadResult<T>(ref FrameReader from)
    {
        ReadOnlySpan<byte> json = from.ReadBytes();
        return typeof(T) == typeof(Nothing)
            ? default!
            : (T)Values.Read(json, Result, $"the result of {Name}")!;
    }

    /// <summary>What a call of a function with that return type gives.</summary>
    public static Type ResultOf(Type type)
    {
        if (type == typeof(Task) || type == typeof(ValueTask))
        {
            return typeof(void);
        }
        return type.IsGenericType && type.GetGenericTypeDefinition() is { } definition
            && (definition == typeof(Task<>) || definition == typeof(ValueTask<>))
                ? type.GetGenericArguments()[0]
                : type;
    }

    /// <summary>How errors call a method.</summary>
    public static string NameOf(MethodInfo method) =>
        $"{method.DeclaringType?.FullName}.{method.Name}()";

    private static RemoteFunction OfRegistered(
        RegisteredFunction registered, JsonValues values)
    {
        string name = $"'{registered.Name}'";
        for (int i = 0; i < registered.Parameters.Length; ++i)
        {
            values.Check(registered.Parameters[i], $"argument {i + 1} of {name}");
        }
        CheckResult(registered.Result, name, values);
        var header = new FrameWriter();
        header.WriteByte((byte)Kind.Registered);
        header.WriteText(registered.Name);
        header.WriteText(values.SourceName);
        return new RemoteFunction(
            name, registered.Parameters, registered.Result, values,
            header.Written.ToArray());
    }

    private static RemoteFunction OfMethod(MethodInfo method, JsonValues values)
    {
        string name = NameOf(method);
        ParameterInfo[] parameters = [.. method.GetParameters().Where(
            parameter => parameter.ParameterType != typeof(CancellationToken))];
        foreach (ParameterInfo parameter in parameters)
        {
            values.Check(
                parameter.ParameterType, $"the argument '{parameter.Name}' of {name}");
        }
        Type result = ResultOf(method.ReturnType);
        CheckResult(result, name, values);
        var header = new FrameWriter();
        header.WriteByte((byte)Kind.Method);
        WriteMethod(header, method);
        header.WriteText(values.SourceName);
        return new RemoteFunction(
            name,
            [.. parameters.Select(parameter => parameter.ParameterType)],
            result,
            values,
            header.Written.ToArray());
    }

    private static void CheckResult(Type type, string name, JsonValues values)
    {
        if (type != typeof(void))
        {
            values.Check(type, $"the result of {name}");
        }
    }

    private static void WriteMethod(FrameWriter to, MethodInfo method)
    {
        Module module = method.Module;
        Assembly assembly = module.Assembly;
        if (assembly.IsDynamic || method.DeclaringType == null)
        {
            throw new SerializationException(
                $"{method.Name}() was made at run time, so no other process has it");
        }
        if (!method.HasMetadataToken())
        {
            throw new SerializationException(
                $"this program was compiled ahead of time, so a worker knows functions by "
                + $"their names alone: before ProcessPool.RunWorkerIfAsked(args), call "
                + $"ProcessPool.Register(name, function) for {NameOf(method)}");
        }
        to.WriteText(assembly.FullName!);
        to.WriteText(PluginOf(assembly));
        to.WriteText(module.ModuleVersionId.ToString());
        to.WriteInt(method.MetadataToken);
        to.WriteTexts(NamesOf(method.DeclaringType.GetGenericArguments()));
        to.WriteTexts(NamesOf(method.GetGenericArguments()));
    }

    private static string[] NamesOf(Type[] types) =>
        [.. types.Select(type => type.AssemblyQualifiedName!)];

    /// <summary>The file of a plugin; empty: it is the program's own.</summary>
    [UnconditionalSuppressMessage(
        "SingleFile", "IL3000", Justification = "plugins are no part of the file")]
    private static string PluginOf(Assembly assembly)
    {
        if (AssemblyLoadContext.GetLoadContext(assembly) == AssemblyLoadContext.Default)
        {
            return "";
        }
        return assembly.Location is { Length: > 0 } path
            ? path
            : throw new SerializationException(
                $"{assembly.FullName} was loaded from memory, so no other process has it");
    }
}

/// <summary>What a lambda takes along that no other process has.</summary>
internal static class Captures
{
    /// <summary>
    /// A lambda without captures is a method of an object without fields, which
    /// the compiler has made.
    /// </summary>
    /// <exception cref="SerializationException">It captures something.</exception>
    [UnconditionalSuppressMessage(
        "Trimming", "IL2075", Justification = "a lambda uses what it captures")]
    public static void Check(Delegate function)
    {
        if (!function.HasSingleTarget)
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
            : $"{RemoteFunction.NameOf(function.Method)} is a method of an object, not a "
              + "static one";
        throw new SerializationException(
            $"{what}; another process has no such object: pass what it needs as an argument");
    }

    private static string NameOf(FieldInfo field) =>
        field.Name.EndsWith("__this", StringComparison.Ordinal)
            ? "'this'"
            : $"'{field.Name}'";
}

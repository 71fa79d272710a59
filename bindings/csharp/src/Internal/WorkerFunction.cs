using System;
using System.Collections.Generic;
using System.Diagnostics.CodeAnalysis;
using System.Linq;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;

namespace Asyncpal.Internal;

/// <summary>What a <see cref="RemoteFunction"/> is in a worker.</summary>
internal sealed class WorkerFunction
{
    // A worker serves on one thread.
    private static readonly Dictionary<(string Plugin, Guid Module, int Token),
        WorkerFunction> Known = [];

    private readonly Func<object?[], object?> _invoke;

    private WorkerFunction(
        string name,
        Type[] parameters,
        Type result,
        bool isAsynchronous,
        Func<object?[], object?> invoke)
    {
        Name = name;
        IsAsynchronous = isAsynchronous;
        Parameters = parameters;
        Result = result;
        _invoke = invoke;
    }

    /// <summary>How errors call it.</summary>
    public string Name { get; }

    /// <summary>Of its arguments; a token is none.</summary>
    public Type[] Parameters { get; }

    /// <summary>What a call gives at last; void: nothing.</summary>
    public Type Result { get; }

    /// <summary>Whether it may go on elsewhere after an await.</summary>
    public bool IsAsynchronous { get; }

    /// <summary>Finds what the header of a call is about.</summary>
    /// <exception cref="SerializationException">It is not here.</exception>
    public static WorkerFunction Read(ref FrameReader from)
    {
        if (from.ReadByte() == (byte)RemoteFunction.Kind.Registered)
        {
            RegisteredFunction registered = RegisteredFunction.Get(from.ReadText());
            return new WorkerFunction(
                $"'{registered.Name}'", registered.Parameters, registered.Result,
                IsAwaitable(registered.Function.Method.ReturnType), registered.Invoke);
        }
        string assembly = from.ReadText();
        string plugin = from.ReadText();
        Guid module = Guid.Parse(from.ReadText());
        int token = from.ReadInt();
        string[] typeArguments = from.ReadTexts();
        string[] methodArguments = from.ReadTexts();
        if (typeArguments.Length + methodArguments.Length > 0)
        {
            return Find(assembly, plugin, module, token, typeArguments, methodArguments);
        }
        if (!Known.TryGetValue((plugin, module, token), out WorkerFunction? known))
        {
            known = Find(assembly, plugin, module, token, [], []);
            Known.Add((plugin, module, token), known);
        }
        return known;
    }

    /// <summary>Calls it, and waits for what it returns.</summary>
    public object? Invoke(object?[] arguments) => _invoke(arguments);

    [UnconditionalSuppressMessage(
        "Trimming", "IL2026", Justification = "a delegate has kept the method")]
    [UnconditionalSuppressMessage(
        "Trimming", "IL2060", Justification = "a delegate has kept the method")]
    [UnconditionalSuppressMessage(
        "Trimming", "IL2055", Justification = "a delegate has kept the method")]
    [UnconditionalSuppressMessage(
        "AOT", "IL3050", Justification = "there, functions have names alone")]
    private static WorkerFunction Find(
        string assemblyName,
        string plugin,
        Guid moduleId,
        int token,
        string[] typeArguments,
        string[] methodArguments)
    {
        Assembly assembly = Plugins.Load(assemblyName, plugin);
        Module module = assembly.GetModules().FirstOrDefault(
            module => module.ModuleVersionId == moduleId)
            ?? throw new SerializationException(
                $"{assembly.FullName} has changed since the program was started");
        var method = (MethodInfo)module.ResolveMethod(token)!;
        if (typeArguments.Length > 0)
        {
            Type type = method.DeclaringType!.MakeGenericType(
                Plugins.TypesOf(typeArguments, plugin));
            method = (MethodInfo)MethodBase.GetMethodFromHandle(
                method.MethodHandle, type.TypeHandle)!;
        }
        if (methodArguments.Length > 0)
        {
            method = method.MakeGenericMethod(Plugins.TypesOf(methodArguments, plugin));
        }
        return Of(method);
    }

    [UnconditionalSuppressMessage(
        "Trimming", "IL2072", Justification = "of a class that lambdas are in")]
    private static WorkerFunction Of(MethodInfo method)
    {
        object? target = method.IsStatic
            ? null
            : RuntimeHelpers.GetUninitializedObject(method.DeclaringType!);
        Type[] all = [.. method.GetParameters().Select(one => one.ParameterType)];
        Type[] own = [.. all.Where(type => type != typeof(CancellationToken))];
        bool givesTask = typeof(Task).IsAssignableFrom(method.ReturnType);
        object? Call(object?[] arguments)
        {
            // A token does not travel: whoever cancels kills this process.
            int next = 0;
            object?[] values = [.. all.Select(type =>
                type == typeof(CancellationToken)
                    ? CancellationToken.None
                    : arguments[next++])];
            object? result = method.Invoke(
                target, BindingFlags.DoNotWrapExceptions, null, values, null);
            return Await(
                givesTask ? Awaiting.Check((Task?)result) : result);
        }
        return new WorkerFunction(
            RemoteFunction.NameOf(method), own, RemoteFunction.ResultOf(method.ReturnType),
            IsAwaitable(method.ReturnType), Call);
    }

    private static bool IsAwaitable(Type type) =>
        typeof(Task).IsAssignableFrom(type)
        || type == typeof(ValueTask)
        || (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(ValueTask<>));

    [UnconditionalSuppressMessage(
        "Trimming", "IL2075", Justification = "methods of the platform's tasks")]
    private static object? Await(object? result)
    {
        if (result is ValueTask plain)
        {
            result = plain.AsTask();
        }
        else if (result?.GetType() is { IsGenericType: true } type
            && type.GetGenericTypeDefinition() == typeof(ValueTask<>))
        {
            result = type.GetMethod(nameof(ValueTask<int>.AsTask))!.Invoke(result, null);
        }
        if (result is not Task task)
        {
            return result;
        }
        task.GetAwaiter().GetResult();
        return task.GetType().GetProperty(nameof(Task<int>.Result))?.GetValue(task);
    }
}

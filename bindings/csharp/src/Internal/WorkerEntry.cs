using System;
using System.Collections.Generic;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Text.Json.Serialization.Metadata;

namespace Asyncpal.Internal;

/// <summary>Where this program's workers become workers.</summary>
internal static class WorkerEntry
{
    private static readonly Dictionary<string, IJsonTypeInfoResolver> Resolvers = [];

    /// <summary>Main has called RunWorkerIfAsked(), as it will in a worker.</summary>
    public static bool IsInMain { get; private set; }

    /// <summary>What it was called with.</summary>
    public static IJsonTypeInfoResolver? Resolver { get; private set; }

    /// <summary>Becomes a worker, if this process was started as one.</summary>
    public static bool Enter(IJsonTypeInfoResolver? resolver)
    {
        Resolver = resolver;
        IsInMain = true;
        // Without the native library, where it is not one.
        if (Environment.GetEnvironmentVariable(WorkerCommand.WorkerVariable) == null
            || !HostedWorker.IsOne())
        {
            return false;
        }
        WorkerMain.Run();
        return true;
    }

    /// <summary>Whether a worker will find that one by its type.</summary>
    /// <exception cref="ArgumentException">It won't.</exception>
    public static void CheckResolver(IJsonTypeInfoResolver? resolver)
    {
        if (resolver == null || (IsInMain && resolver == Resolver))
        {
            return;
        }
        Type type = resolver.GetType();
        if (!Json.Reflection.IsAvailable)
        {
            throw new ArgumentException(
                $"this program was trimmed or compiled ahead of time: pass {type} to "
                + "ProcessPool.RunWorkerIfAsked(args, resolver), for its workers",
                nameof(ProcessPoolOptions.JsonTypeInfoResolver));
        }
        if (Make(type) == null)
        {
            throw new ArgumentException(
                $"a worker can't make a {type} of its own: it needs a public constructor "
                + "without parameters, or is passed to "
                + "ProcessPool.RunWorkerIfAsked(args, resolver)",
                nameof(ProcessPoolOptions.JsonTypeInfoResolver));
        }
    }

    /// <summary>In a worker: the one of that type. It serves on one thread.</summary>
    /// <exception cref="SerializationException">There is none.</exception>
    [UnconditionalSuppressMessage(
        "Trimming", "IL2057", Justification = "behind Reflection.IsAvailable")]
    public static IJsonTypeInfoResolver? FindResolver(string name)
    {
        if (name.Length == 0)
        {
            return null;
        }
        if (Resolver?.GetType().AssemblyQualifiedName == name)
        {
            return Resolver;
        }
        if (!Resolvers.TryGetValue(name, out IJsonTypeInfoResolver? resolver))
        {
            resolver = Json.Reflection.IsAvailable && Type.GetType(name) is { } type
                ? Make(type)
                : null;
            Resolvers.Add(name, resolver ?? throw new SerializationException(
                $"this worker has no {name}: Main passes it to "
                + "ProcessPool.RunWorkerIfAsked(args, resolver)"));
        }
        return resolver;
    }

    [UnconditionalSuppressMessage(
        "Trimming", "IL2070", Justification = "behind Reflection.IsAvailable")]
    private static IJsonTypeInfoResolver? Make(Type type) =>
        type.GetConstructor(Type.EmptyTypes)?.Invoke(null) as IJsonTypeInfoResolver;
}

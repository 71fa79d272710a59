using System;
using System.Collections.Generic;
using Asyncpal.Internal.Json;

namespace Asyncpal.Internal;

/// <summary>Where this program's workers become workers.</summary>
internal static class WorkerEntry
{
    private static readonly Dictionary<string, JsonSource> Sources = [];

    /// <summary>Main has called RunWorkerIfAsked(), as it will in a worker.</summary>
    public static bool IsInMain { get; private set; }

    /// <summary>What it was called with.</summary>
    public static JsonSource? Source { get; private set; }

    /// <summary>Becomes a worker, if this process was started as one.</summary>
    public static bool Enter(JsonSource? source)
    {
        Source = source;
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

    /// <summary>Whether a worker will have the same.</summary>
    /// <exception cref="ArgumentException">It won't.</exception>
    public static void Check(JsonSource? source)
    {
        if (source == null || (IsInMain && source.IsSame(Source)))
        {
            return;
        }
        if (!Reflection.IsAvailable)
        {
            throw new ArgumentException(
                "this program was trimmed or compiled ahead of time, so its workers have no "
                + "other resolver or options for JSON than those that are passed to "
                + "ProcessPool.RunWorkerIfAsked(args, ...): pass these");
        }
        if (source.WhatCantBeMade() is { } type)
        {
            throw new ArgumentException(
                $"a worker can't make a {type} like this one: it needs a public constructor "
                + "without parameters, or is passed, with the options that it is in, to "
                + "ProcessPool.RunWorkerIfAsked(args, ...)");
        }
    }

    /// <summary>In a worker: the one of that name. It serves on one thread.</summary>
    /// <exception cref="SerializationException">There is none.</exception>
    public static JsonSource? FindSource(string name)
    {
        if (name.Length == 0)
        {
            return null;
        }
        if (Source?.Name == name)
        {
            return Source;
        }
        if (!Sources.TryGetValue(name, out JsonSource? source))
        {
            source = Reflection.IsAvailable ? JsonSource.Make(name) : null;
            Sources.Add(name, source ?? throw new SerializationException(
                $"this worker has no {name.ReplaceLineEndings(", ")}: Main passes that to "
                + "ProcessPool.RunWorkerIfAsked(args, ...)"));
        }
        return source;
    }
}

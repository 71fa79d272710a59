using System;
using System.Collections.Concurrent;

namespace Asyncpal.Internal;

/// <summary>A function that workers find by its name, without reflection.</summary>
/// <param name="Name">Of the function, in this program.</param>
/// <param name="Function">What the user gave.</param>
/// <param name="Parameters">The types of its arguments.</param>
/// <param name="Result">Of what it gives at last; void: nothing.</param>
/// <param name="Invoke">Calls it, and waits for what it returns.</param>
internal sealed record RegisteredFunction(
    string Name,
    Delegate Function,
    Type[] Parameters,
    Type Result,
    Func<object?[], object?> Invoke)
{
    private static readonly ConcurrentDictionary<string, RegisteredFunction> ByName = new();

    private static readonly ConcurrentDictionary<Delegate, RegisteredFunction>
        ByFunction = new();

    /// <exception cref="ArgumentException">The name is taken.</exception>
    public static void Add(RegisteredFunction function)
    {
        ArgumentException.ThrowIfNullOrEmpty(function.Name);
        ArgumentNullException.ThrowIfNull(function.Function);
        if (WorkerEntry.IsInMain)
        {
            throw new InvalidOperationException(
                $"'{function.Name}' is registered after ProcessPool.RunWorkerIfAsked(args), "
                + "where workers never come: call ProcessPool.Register() before it");
        }
        if (!ByName.TryAdd(function.Name, function))
        {
            throw new ArgumentException(
                $"a function is registered as '{function.Name}' already", nameof(function));
        }
        ByFunction.TryAdd(function.Function, function);
    }

    /// <summary>The registered one that workers know; null: there is none.</summary>
    public static RegisteredFunction? Find(Delegate function) =>
        WorkerEntry.IsInMain
        && ByFunction.TryGetValue(function, out RegisteredFunction? found)
            ? found
            : null;

    /// <exception cref="SerializationException">There is none.</exception>
    public static RegisteredFunction Get(string name) =>
        ByName.TryGetValue(name, out RegisteredFunction? found)
            ? found
            : throw new SerializationException(
                $"this worker has no function '{name}': ProcessPool.Register() comes "
                + "before ProcessPool.RunWorkerIfAsked(args), and for every run of Main");
}

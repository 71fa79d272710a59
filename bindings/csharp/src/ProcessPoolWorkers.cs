using System;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Threading.Tasks;
using Asyncpal.Internal;
using Asyncpal.Internal.Json;

namespace Asyncpal;

/// <content>How workers begin.</content>
public sealed partial class ProcessPool
{
    /// <summary>
    /// Makes this process a worker, if a <see cref="ProcessPool"/> has started it as
    /// one: the first line of Main.
    /// </summary>
    /// <remarks>
    /// <code>
    /// ProcessPool.Register("resize", Resize);
    /// if (ProcessPool.RunWorkerIfAsked(args)) return;
    /// </code>
    /// <para>Programs without startup hooks need it, such as those started by
    /// <c>dotnet run app.cs</c>; in others workers begin without it, before Main.
    /// Where reflection is gone, the types that travel need a context that the
    /// compiler generates, and functions have names alone, which
    /// <see cref="Register{T}(string, Func{T})"/> gives them.</para>
    /// <para>What stands before it runs in workers, too.</para>
    /// </remarks>
    /// <param name="args">Of Main.</param>
    /// <param name="resolver">
    /// What pools have by default for
    /// <see cref="ProcessPoolOptions.JsonTypeInfoResolver"/>.
    /// </param>
    /// <returns>
    /// Whether this process was a worker, and is no longer needed; false: this is
    /// the program itself.
    /// </returns>
    public static bool RunWorkerIfAsked(
        string[] args, IJsonTypeInfoResolver? resolver = null)
    {
        ArgumentNullException.ThrowIfNull(args);
        return WorkerEntry.Enter(JsonSource.Of(resolver));
    }

    /// <summary>As the other form, with options for JSON.</summary>
    /// <param name="args">Of Main.</param>
    /// <param name="options">
    /// What pools have by default for
    /// <see cref="ProcessPoolOptions.JsonSerializerOptions"/>.
    /// </param>
    /// <inheritdoc cref="RunWorkerIfAsked(string[], IJsonTypeInfoResolver?)"/>
    public static bool RunWorkerIfAsked(string[] args, JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(args);
        ArgumentNullException.ThrowIfNull(options);
        return WorkerEntry.Enter(JsonSource.Of(null, options));
    }

    /// <summary>
    /// Gives a function a name that workers find it by. It is submitted like any
    /// other, and may have captures, as every process makes its own.
    /// </summary>
    /// <param name="name">Unique in this program.</param>
    /// <param name="function">
    /// What to call; when it is submitted, by the same delegate or method group.
    /// </param>
    /// <exception cref="ArgumentException">The name is taken.</exception>
    /// <exception cref="InvalidOperationException">
    /// <see cref="RunWorkerIfAsked(string[], IJsonTypeInfoResolver)"/> was called before.
    /// </exception>
    public static void Register<T>(string name, Func<T> function) =>
        Add(name, function, [], typeof(T), _ => function());

    /// <inheritdoc cref="Register{T}(string, Func{T})"/>
    public static void Register<T1, T>(string name, Func<T1, T> function) =>
        Add(name, function, [typeof(T1)], typeof(T), a => function((T1)a[0]!));

    /// <inheritdoc cref="Register{T}(string, Func{T})"/>
    public static void Register<T1, T2, T>(string name, Func<T1, T2, T> function) =>
        Add(
            name,
            function,
            [typeof(T1), typeof(T2)],
            typeof(T),
            a => function((T1)a[0]!, (T2)a[1]!));

    /// <inheritdoc cref="Register{T}(string, Func{T})"/>
    public static void Register<T1, T2, T3, T>(
        string name, Func<T1, T2, T3, T> function) =>
        Add(
            name,
            function,
            [typeof(T1), typeof(T2), typeof(T3)],
            typeof(T),
            a => function((T1)a[0]!, (T2)a[1]!, (T3)a[2]!));

    /// <inheritdoc cref="Register{T}(string, Func{T})"/>
    public static void Register<T1, T2, T3, T4, T>(
        string name, Func<T1, T2, T3, T4, T> function) =>
        Add(
            name,
            function,
            [typeof(T1), typeof(T2), typeof(T3), typeof(T4)],
            typeof(T),
            a => function((T1)a[0]!, (T2)a[1]!, (T3)a[2]!, (T4)a[3]!));

    /// <inheritdoc cref="Register{T}(string, Func{T})"/>
    public static void Register(string name, Action function) =>
        Add(name, function, [], typeof(void), _ =>
        {
            function();
            return null;
        });

    /// <inheritdoc cref="Register{T}(string, Func{T})"/>
    [System.Runtime.CompilerServices.OverloadResolutionPriority(1)]
    public static void Register<T>(string name, Func<Task<T>> function) =>
        Add(name, function, [], typeof(T), _ => function().GetAwaiter().GetResult());

    /// <inheritdoc cref="Register{T}(string, Func{T})"/>
    [System.Runtime.CompilerServices.OverloadResolutionPriority(1)]
    public static void Register<T1, T>(string name, Func<T1, Task<T>> function) =>
        Add(
            name,
            function,
            [typeof(T1)],
            typeof(T),
            a => function((T1)a[0]!).GetAwaiter().GetResult());

    /// <inheritdoc cref="Register{T}(string, Func{T})"/>
    [System.Runtime.CompilerServices.OverloadResolutionPriority(1)]
    public static void Register<T1, T2, T>(
        string name, Func<T1, T2, Task<T>> function) =>
        Add(
            name,
            function,
            [typeof(T1), typeof(T2)],
            typeof(T),
            a => function((T1)a[0]!, (T2)a[1]!).GetAwaiter().GetResult());

    /// <inheritdoc cref="Register{T}(string, Func{T})"/>
    [System.Runtime.CompilerServices.OverloadResolutionPriority(1)]
    public static void Register(string name, Func<Task> function) =>
        Add(name, function, [], typeof(void), _ =>
        {
            function().GetAwaiter().GetResult();
            return null;
        });

    private static void Add(
        string name,
        Delegate function,
        Type[] parameters,
        Type result,
        Func<object?[], object?> invoke) =>
        RegisteredFunction.Add(
            new RegisteredFunction(name, function, parameters, result, invoke));
}

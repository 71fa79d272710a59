using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;

namespace Asyncpal.Internal;

/// <summary>What a worker process of a <see cref="ProcessPool"/> does.</summary>
internal static unsafe class WorkerMain
{
    // Methods that were called before; a worker serves on one thread.
    private static readonly Dictionary<(Guid Module, int Token), MethodInfo> Methods = [];

    /// <summary>Serves calls until the process ends.</summary>
    public static void Run()
    {
        delegate* unmanaged<byte*, long, IntPtr, IntPtr> serve = &Serve;
        Internal.Native.ServeAsWorker((IntPtr)serve);
    }

    /// <summary>Runs calls; where one has thrown, says what those before gave.</summary>
    internal static byte[] Serve(ReadOnlySpan<byte> json)
    {
        RemoteCall call = JsonSerializer.Deserialize<RemoteCall>(json, RemoteCall.Json)!;
        MethodInfo method = Resolve(call.Method);
        object? target = method.IsStatic
            ? null
            : RuntimeHelpers.GetUninitializedObject(method.DeclaringType!);
        var results = new List<JsonElement>(call.Calls.Length);
        foreach (JsonElement[] arguments in call.Calls)
        {
            try
            {
                results.Add(Invoke(method, target, arguments));
            }
            catch (Exception e) when (call.IsChunk && results.Count > 0)
            {
                throw new PartialChunkException(ToJson(results), e);
            }
        }
        return call.IsChunk
            ? JsonSerializer.SerializeToUtf8Bytes(results, RemoteCall.Json)
            : JsonSerializer.SerializeToUtf8Bytes(results[0], RemoteCall.Json);
    }

    private static string ToJson(List<JsonElement> results) =>
        JsonSerializer.Serialize(results, RemoteCall.Json);

    [UnmanagedCallersOnly]
    private static IntPtr Serve(byte* call, long size, IntPtr failure)
    {
        try
        {
            byte[] result = Serve(new ReadOnlySpan<byte>(call, checked((int)size)));
            return Block.Of(result);
        }
        catch (Exception e)
        {
            using var described = new Failure(failure, owned: false);
            Failures.Describe(e, described);
            return IntPtr.Zero;
        }
    }

    private static MethodInfo Resolve(RemoteMethod method)
    {
        if (method.TypeArguments.Length + method.MethodArguments.Length > 0)
        {
            return Find(method);
        }
        (Guid, int) key = (method.Module, method.Token);
        if (!Methods.TryGetValue(key, out MethodInfo? known))
        {
            known = Find(method);
            Methods.Add(key, known);
        }
        return known;
    }

    private static MethodInfo Find(RemoteMethod method)
    {
        Assembly assembly = Assembly.Load(method.Assembly);
        Module module = assembly.GetModules().FirstOrDefault(
            module => module.ModuleVersionId == method.Module)
            ?? throw new SerializationException(
                $"{assembly.Location} has changed since the program was started");
        var found = (MethodInfo)module.ResolveMethod(method.Token)!;
        if (method.TypeArguments.Length > 0)
        {
            Type type = found.DeclaringType!.MakeGenericType(TypesOf(method.TypeArguments));
            found = (MethodInfo)MethodBase.GetMethodFromHandle(
                found.MethodHandle, type.TypeHandle)!;
        }
        return method.MethodArguments.Length > 0
            ? found.MakeGenericMethod(TypesOf(method.MethodArguments))
            : found;
    }

    private static Type[] TypesOf(string[] names) =>
        [.. names.Select(name => Type.GetType(name, throwOnError: true)!)];

    private static JsonElement Invoke(
        MethodInfo method, object? target, JsonElement[] arguments)
    {
        ParameterInfo[] parameters = method.GetParameters();
        // A token does not travel: whoever cancels kills this process.
        object?[] values = [
            .. arguments.Select((argument, i) =>
                argument.Deserialize(parameters[i].ParameterType, RemoteCall.Json)),
            .. Enumerable.Repeat<object?>(
                CancellationToken.None, parameters.Length - arguments.Length)];
        object? result = method.Invoke(
            target, BindingFlags.DoNotWrapExceptions, null, values, null);
        Type type = method.ReturnType;
        if (ToTask(result, type) is { } task)
        {
            task.GetAwaiter().GetResult();
            bool hasResult = type.IsGenericType;
            type = hasResult ? type.GetGenericArguments()[0] : typeof(void);
            result = hasResult
                ? task.GetType().GetProperty(nameof(Task<int>.Result))!.GetValue(task)
                : null;
        }
        if (type == typeof(void))
        {
            return JsonSerializer.SerializeToElement<object?>(null, RemoteCall.Json);
        }
        try
        {
            return JsonSerializer.SerializeToElement(result, type, RemoteCall.Json);
        }
        catch (Exception e) when (e is JsonException or NotSupportedException
            or InvalidOperationException or ArgumentException)
        {
            throw new SerializationException(
                $"the result of {RemoteCall.NameOf(method)}, a {type}, can't become "
                + $"JSON: {e.Message}",
                e);
        }
    }

    /// <summary>What an asynchronous function has returned; else null.</summary>
    private static Task? ToTask(object? result, Type type)
    {
        if (typeof(Task).IsAssignableFrom(type))
        {
            return Awaiting.Check((Task?)result);
        }
        if (result is ValueTask task)
        {
            return task.AsTask();
        }
        return type.IsGenericType
            && type.GetGenericTypeDefinition() == typeof(ValueTask<>)
                ? (Task)type.GetMethod(nameof(ValueTask<int>.AsTask))!.Invoke(result, null)!
                : null;
    }
}

/// <summary>
/// In a chunk of calls one has thrown the inner exception; the message is the JSON
/// of the results before it.
/// </summary>
internal sealed class PartialChunkException(string results, Exception? cause)
    : Exception(results, cause)
{
    /// <summary>The same for the map that reads a chunk of type T.</summary>
    public Exception ToChunkException<T>(Exception cause) =>
        new ChunkException<T>(
            JsonSerializer.Deserialize<T>(Message, RemoteCall.Json)!, cause);
}

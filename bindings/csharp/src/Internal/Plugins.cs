using System;
using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Runtime.Loader;

namespace Asyncpal.Internal;

/// <summary>
/// Code that the program has loaded in an <see cref="AssemblyLoadContext"/> of its
/// own, loaded so in a worker, too: what the program has itself is shared with it.
/// </summary>
/// <remarks>Threads: any.</remarks>
internal sealed class Plugins : AssemblyLoadContext
{
    private static readonly ConcurrentDictionary<string, Plugins> ByPath = new();

    private readonly AssemblyDependencyResolver _resolver;
    private readonly string _folder;

    private Plugins(string path)
        : base(path)
    {
        _resolver = new AssemblyDependencyResolver(path);
        _folder = Path.GetDirectoryName(path)!;
    }

    /// <summary>Loads an assembly.</summary>
    /// <param name="name">Its full name.</param>
    /// <param name="path">Its file, if it is a plugin; empty: it is none.</param>
    /// <exception cref="SerializationException">It can't be loaded.</exception>
    [RequiresUnreferencedCode("loads an assembly")]
    public static Assembly Load(string name, string path)
    {
        try
        {
            return path.Length == 0
                ? Assembly.Load(name)
                : ByPath.GetOrAdd(path, static path => new Plugins(path))
                    .LoadFromAssemblyPath(path);
        }
        catch (Exception e)
        {
            throw new SerializationException(
                $"a worker can't load {name}{(path.Length > 0 ? $" from {path}" : "")}: "
                + e.Message,
                e);
        }
    }

    /// <summary>Types by their names with their assemblies.</summary>
    [RequiresUnreferencedCode("finds types by their names")]
    public static Type[] TypesOf(string[] names, string plugin) =>
        [.. names.Select(name => Type.GetType(
            name,
            assembly => plugin.Length > 0 && ByPath.TryGetValue(plugin, out Plugins? context)
                ? context.LoadFromAssemblyName(assembly)
                : Assembly.Load(assembly),
            null,
            throwOnError: true)!)];

    /// <inheritdoc/>
    [UnconditionalSuppressMessage(
        "Trimming", "IL2026", Justification = "trimmed programs have no plugins")]
    protected override Assembly? Load(AssemblyName name)
    {
        try
        {
            return Default.LoadFromAssemblyName(name);
        }
        catch (Exception e) when (e is IOException or BadImageFormatException)
        {
            string beside = Path.Combine(_folder, name.Name + ".dll");
            string? path = _resolver.ResolveAssemblyToPath(name)
                ?? (File.Exists(beside) ? beside : null);
            return path == null ? null : LoadFromAssemblyPath(path);
        }
    }

    /// <inheritdoc/>
    protected override IntPtr LoadUnmanagedDll(string name) =>
        _resolver.ResolveUnmanagedDllToPath(name) is { } path
            ? LoadUnmanagedDllFromPath(path)
            : IntPtr.Zero;
}

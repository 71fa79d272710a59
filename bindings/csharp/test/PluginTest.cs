using System;
using System.IO;
using System.Reflection;
using System.Runtime.Loader;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// Code that the program has loaded in a context of its own.
public class PluginTest(WorkerForValues worker) : IClassFixture<WorkerForValues>
{
    private static readonly string PluginPath = Path.Combine(
        Environment.GetEnvironmentVariable("TEST_SRCDIR")!,
        "asyncpal/bindings/csharp/TestPlugin.out/TestPlugin.dll");

    private static readonly Type Plugin = new AssemblyLoadContext("plugin")
        .LoadFromAssemblyPath(PluginPath).GetType("Asyncpal.TestPlugin.Plugin")!;

    private Task Submit(Assembly plugin) => (Task)typeof(PluginTest).GetMethod(
            nameof(SubmitNext), BindingFlags.Instance | BindingFlags.NonPublic)!
        .MakeGenericMethod(plugin.GetType("Asyncpal.TestPlugin.Plugin+Value")!)
        .Invoke(this, BindingFlags.DoNotWrapExceptions, null, [plugin], null)!;

    private async Task<string> SubmitNext<T>(Assembly plugin)
    {
        Type type = plugin.GetType("Asyncpal.TestPlugin.Plugin")!;
        var next = (Func<T, T>)type.GetProperty("Function")!.GetValue(null)!;
        Task<T> task = worker.Pool.SubmitAsync(next, (T)Activator.CreateInstance(typeof(T), 7)!);
        return (await task.Soon())!.ToString()!;
    }

    [Fact]
    public async Task CodeOfAPluginRunsInWorkers() =>
        Assert.Equal("Value { Number = 8 }", await (Task<string>)Submit(Plugin.Assembly));

    [Fact]
    public async Task ExceptionOfAPluginKeepsItsType()
    {
        var failing = (Func<int>)Plugin.GetProperty("Failing")!.GetValue(null)!;
        var error = await Assert.ThrowsAnyAsync<Exception>(
            () => worker.Pool.SubmitAsync(failing).Soon());
        Assert.Equal("PluginException", error.GetType().Name);
        Assert.Equal("of the plugin", error.Message);
    }

    [Fact]
    public async Task CodeThatWasLoadedFromMemoryIsRefused()
    {
        using var file = new MemoryStream(File.ReadAllBytes(PluginPath));
        Assembly plugin = new AssemblyLoadContext("memory").LoadFromStream(file);
        var error = await Assert.ThrowsAsync<SerializationException>(() => Submit(plugin));
        Assert.Contains("from memory", error.Message);
    }
}

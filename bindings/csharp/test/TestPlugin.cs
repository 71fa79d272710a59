using System;

namespace Asyncpal.TestPlugin;

/// <summary>Code that a program loads at run time.</summary>
public static class Plugin
{
    /// <summary>Travels as a value of the plugin's own.</summary>
    /// <param name="Number">Any.</param>
    public sealed record Value(int Number);

    /// <summary>Thrown by the plugin.</summary>
    public sealed class PluginException(string message) : Exception(message);

    /// <summary>Adds one.</summary>
    public static Value Next(Value value) => new(value.Number + 1);

    /// <summary>A function of this class as a delegate.</summary>
    public static Func<Value, Value> Function => Next;

    /// <summary>Throws.</summary>
    public static int Throw() => throw new PluginException("of the plugin");

    /// <summary>A function that throws.</summary>
    public static Func<int> Failing => Throw;
}

using System;
using System.Threading;

namespace Asyncpal.Internal;

/// <summary>A function with its arguments.</summary>
/// <param name="Invoke">Calls it.</param>
/// <param name="Function">What the user gave.</param>
/// <param name="Arguments">What to call it with.</param>
internal readonly record struct Call<T>(
    Func<T> Invoke, Delegate Function, params object?[] Arguments)
{
    /// <summary>Calls it, if it takes a token.</summary>
    public Func<CancellationToken, T>? Stoppable { get; init; }
}

/// <summary>What an <see cref="Action"/> returns.</summary>
internal readonly struct Nothing;

using System;
using System.Runtime.ExceptionServices;

namespace Asyncpal;

/// <summary>
/// How one call of a map ended: what <c>MapSettled</c> and its like give for each input.
/// </summary>
/// <remarks>
/// <code>
/// foreach (Settled&lt;Page&gt; page in pool.MapSettled(Load, urls))
/// {
///     Console.WriteLine(page.IsOk ? page.Value : $"{urls[page.Index]}: {page.Exception}");
/// }
/// </code>
/// </remarks>
/// <param name="Index">Of the input, from 0.</param>
/// <param name="Value">What the call has returned; the default if it has failed.</param>
/// <param name="Exception">
/// Why there is no value: what the call has thrown, or what became of it, such as a
/// <see cref="WorkerLostException"/>. Null if there is one.
/// </param>
public sealed record Settled<T>(int Index, T? Value, Exception? Exception)
    : Internal.ISettled
{
    /// <summary>Whether there is a value.</summary>
    public bool IsOk => Exception == null;

    /// <summary>The value; throws the exception if there is one.</summary>
    public T Collect()
    {
        if (Exception != null)
        {
            ExceptionDispatchInfo.Throw(Exception);
        }
        return Value!;
    }
}

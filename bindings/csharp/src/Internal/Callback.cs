using System;

namespace Asyncpal.Internal;

/// <summary>
/// The bodies of functions that native code calls, and that no exception may leave: one
/// that would is a bug of this library, and ends the process.
/// </summary>
internal static class Callback
{
    /// <param name="arguments">Of <paramref name="call"/>, which captures nothing.</param>
    /// <param name="call">The body.</param>
    /// <param name="what">What has failed if it throws.</param>
    public static TResult Run<TArguments, TResult>(
        TArguments arguments, Func<TArguments, TResult> call, string what)
    {
        try
        {
            return call(arguments);
        }
        catch (Exception e)
        {
            Environment.FailFast($"{what} failed", e);
            throw;
        }
    }

    /// <inheritdoc cref="Run{TArguments, TResult}"/>
    public static void Run<TArguments>(
        TArguments arguments, Action<TArguments> call, string what)
    {
        try
        {
            call(arguments);
        }
        catch (Exception e)
        {
            Environment.FailFast($"{what} failed", e);
        }
    }
}

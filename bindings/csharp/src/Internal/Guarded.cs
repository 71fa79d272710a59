using System;

namespace Asyncpal.Internal;

/// <summary>
/// What an exception says, where its own members may throw. No exception leaves
/// these functions.
/// </summary>
internal static class Guarded
{
    public static string Message(Exception error) =>
        Get(error, static e => e.Message, nameof(Exception.Message));

    public static string StackTrace(Exception error) =>
        Get(error, static e => e.StackTrace, nameof(Exception.StackTrace));

    /// <summary>All of it.</summary>
    public static string Text(Exception error) =>
        Get(error, static e => e.ToString(), nameof(Exception.ToString));

    /// <summary>What a member gives; null: it has thrown.</summary>
    public static T? Try<T>(Func<T?> member)
    {
        try
        {
            return member();
        }
        catch (Exception)
        {
            return default;
        }
    }

    private static string Get(
        Exception error, Func<Exception, string?> member, string name)
    {
        try
        {
            return member(error) ?? "";
        }
        catch (Exception e)
        {
            return $"(the {name} of this {error.GetType()} has thrown a {e.GetType()})";
        }
    }
}

using System;
using System.Runtime.CompilerServices;

namespace Asyncpal.Internal;

/// <summary>
/// What every exception has, and nothing public says or sets.
/// </summary>
internal static class ExceptionFields
{
    /// <summary>
    /// The message that it was given, to which its own Message may add something.
    /// </summary>
    public static string? RawMessage(Exception error)
    {
        try
        {
            return Message(error);
        }
        catch (MissingFieldException)
        {
            return null;  // in a runtime without it
        }
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_message")]
    private static extern ref string? Message(Exception error);
}

using System.Runtime.InteropServices;

namespace Asyncpal.Testing;

/// <summary>Greets people.</summary>
public static class Greeter
{
    /// <summary>Returns the greeting for <paramref name="name"/>.</summary>
    public static string Greet(string name) => $"Hello, {name}!";

    /// <summary>How many bytes it has, counted by native code.</summary>
    public static int CountBytes(string name) => Length("Hello, ", name + "!");

    [DllImport("length")]
    private static extern int Length(
        [MarshalAs(UnmanagedType.LPUTF8Str)] string a,
        [MarshalAs(UnmanagedType.LPUTF8Str)] string b);
}

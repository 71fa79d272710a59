namespace Asyncpal.Testing;

/// <summary>Greets people.</summary>
public static class Greeter
{
    /// <summary>Returns the greeting for <paramref name="name"/>.</summary>
    public static string Greet(string name) => $"Hello, {name}!";
}

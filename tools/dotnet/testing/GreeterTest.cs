using System;
using System.Runtime.CompilerServices;
using Xunit;

namespace Asyncpal.Testing;

public class GreeterTest
{
    [Theory]
    [InlineData("Ada")]
    [InlineData("")]
    public void NamesWhomItGreets(string name) =>
        Assert.Equal($"Hello, {name}!", Greeter.Greet(name));

    [Fact]
    public void NamesSourcesByTheirPathInTheWorkspace()
    {
        Assert.Equal("./tools/dotnet/testing/GreeterTest.cs", PathOfCaller());
    }

    private static string PathOfCaller([CallerFilePath] string path = "") => path;
}

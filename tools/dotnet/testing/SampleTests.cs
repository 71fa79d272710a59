using System;
using System.Threading;
using Xunit;

namespace Asyncpal.Testing;

// What run_tests_test.sh has the runner run.
public class SampleTests
{
    [Fact]
    public void Passes()
    {
    }

    [Fact]
    public void PassesToo()
    {
    }

    [Fact]
    public void Fails() => throw new InvalidOperationException(
        "outer\u0001", new ArgumentException("<inner>"));

    [Fact(Skip = "not today")]
    public void IsSkipped()
    {
    }

    [Fact]
    public void Hangs() => Thread.Sleep(Timeout.Infinite);
}

public sealed class FailingFixture : IDisposable
{
    public void Dispose() => throw new InvalidOperationException("leaks");
}

public class FixtureTests : IClassFixture<FailingFixture>
{
    [Fact]
    public void Passes()
    {
    }
}

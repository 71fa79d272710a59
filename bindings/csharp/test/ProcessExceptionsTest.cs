using System;
using System.Collections.Generic;
using System.IO;
using System.Net.Sockets;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// What an exception is on the other side.
public class ProcessExceptionsTest(WorkerForValues worker) : IClassFixture<WorkerForValues>
{
    /// Makes its message of what it is given.
    public sealed class NoOrderException(string order)
        : Exception($"there is no {order}")
    {
        public string Order { get; } = order;
    }

    /// Keeps nothing of what its message is made of.
    public sealed class MuteException(string order) : Exception($"there is no {order}");

    public sealed class CodeException(string message) : Exception(message)
    {
        public int Code { get; set; }

        public List<string> Details { get; set; } = [];
    }

    public sealed class SecretException : Exception
    {
        private readonly int _secret;

        public SecretException(string message)
            : this(message, 0)
        {
        }

        private SecretException(string message, int secret)
            : base(message) => _secret = secret;

        public static SecretException Of(int secret) => new("told", secret);

        public override string ToString() => $"{_secret}";
    }

    public sealed class BadMessageException : Exception
    {
        public override string Message => throw new InvalidOperationException("no message");
    }

    public sealed class BadEverythingException : Exception
    {
        public override string Message => throw new InvalidOperationException("no message");

        public override string? StackTrace => throw new InvalidOperationException("no stack");

        public override string? Source
        {
            get => throw new InvalidOperationException("no source");
            set => throw new InvalidOperationException("no source");
        }

        public override System.Collections.IDictionary Data =>
            throw new InvalidOperationException("no data");

        public int Number => throw new InvalidOperationException("no number");

        public override string ToString() => throw new InvalidOperationException("no text");
    }

    private static int Throw(Exception error) => throw error;

    private static int ThrowNoOrder() => Throw(new NoOrderException("order-5"));

    private static int ThrowMute() => Throw(new MuteException("order-5"));

    private static int ThrowMany() => Throw(new AggregateException(
        "several", new FormatException("one"), new NoOrderException("two")));

    private static int ThrowArgument() => Throw(
        new ArgumentOutOfRangeException("count", 5, "too many"));

    private static int ThrowSocket() => Throw(new SocketException((int)SocketError.HostDown));

    private static int ThrowFile() => Throw(new FileNotFoundException(
        "gone", "a.txt", new IOException("below")));

    private static int ThrowWithState()
    {
        var error = new CodeException("state") { Code = 7, Details = ["a", "b"] };
        error.HResult = 42;
        error.HelpLink = "https://help";
        error.Data["when"] = new DateOnly(2026, 11, 29);
        error.Data["what"] = "it";
        return Throw(error);
    }

    private static int ThrowSecret() => Throw(SecretException.Of(9));

    private static int ThrowBadMessage() => Throw(new BadMessageException());

    private static int ThrowBadEverything() => Throw(new BadEverythingException());

    private static int ThrowNested()
    {
        try
        {
            return ThrowNoOrder();
        }
        catch (Exception e)
        {
            throw new BadMessageAround(e);
        }
    }

    public sealed class BadMessageAround(Exception inner) : Exception("around", inner);

    private async Task<T> Thrown<T>(Func<int> function)
        where T : Exception =>
        await Assert.ThrowsAsync<T>(async () => await worker.Pool.SubmitAsync(function).Soon());

    [Fact]
    public async Task MessageIsNotMadeTwice()
    {
        var error = await Thrown<NoOrderException>(ThrowNoOrder);
        Assert.Equal("there is no order-5", error.Message);
        Assert.Equal("order-5", error.Order);
    }

    [Fact]
    public async Task WhatCannotBeMadeAgainIsRemoteAndNeverWrong()
    {
        var error = await Thrown<RemoteException>(ThrowMute);
        Assert.Equal("there is no order-5", error.Message);
        Assert.Equal(typeof(MuteException).FullName, error.TypeName);
        var secret = await Thrown<RemoteException>(ThrowSecret);
        Assert.Equal((typeof(SecretException).FullName, "told"), (secret.TypeName, secret.Message));
    }

    [Fact]
    public async Task AllCausesOfAnAggregateTravel()
    {
        var error = await Thrown<AggregateException>(ThrowMany);
        Assert.Equal(2, error.InnerExceptions.Count);
        Assert.Equal("one", Assert.IsType<FormatException>(error.InnerExceptions[0]).Message);
        Assert.Equal("two", Assert.IsType<NoOrderException>(error.InnerExceptions[1]).Order);
    }

    [Fact]
    public async Task StateOfThePlatformsExceptionsTravels()
    {
        var argument = await Thrown<ArgumentOutOfRangeException>(ThrowArgument);
        Assert.Equal(("count", (object?)5), (argument.ParamName, argument.ActualValue));
        Assert.Equal(
            new ArgumentOutOfRangeException("count", 5, "too many").Message,
            argument.Message);
        var socket = await Thrown<SocketException>(ThrowSocket);
        Assert.Equal(SocketError.HostDown, socket.SocketErrorCode);
        var file = await Thrown<FileNotFoundException>(ThrowFile);
        Assert.Equal(("gone", "a.txt"), (file.Message, file.FileName));
        Assert.Equal("below", Assert.IsType<IOException>(file.InnerException).Message);
    }

    [Fact]
    public async Task WhatCanBeSetTravels()
    {
        var error = await Thrown<CodeException>(ThrowWithState);
        Assert.Equal((7, 42, "https://help"), (error.Code, error.HResult, error.HelpLink));
        Assert.Equal(["a", "b"], error.Details);
        Assert.Equal(new DateOnly(2026, 11, 29), error.Data["when"]);
        Assert.Equal("it", error.Data["what"]);
    }

    [Fact]
    public async Task BothStacksAreThere()
    {
        var error = await Thrown<BadMessageAround>(ThrowNested);
        Assert.Contains(nameof(ThrowNested), error.StackTrace);
        Assert.Contains(nameof(Thrown), error.StackTrace);
        Assert.Contains(nameof(Throw), error.InnerException!.StackTrace);
        var remote = await Thrown<RemoteException>(ThrowMute);
        Assert.Contains(nameof(Throw), remote.StackTrace);
        Assert.Contains(nameof(Thrown), remote.StackTrace);
    }

    [Fact]
    public async Task ExceptionWhoseMembersThrowHarmsNobody()
    {
        int before = await worker.Pool.SubmitAsync(static () => Environment.ProcessId).Soon();
        var message = await Thrown<RemoteException>(ThrowBadMessage);
        Assert.Contains(nameof(BadMessageException), message.Message);
        Assert.Equal(typeof(BadMessageException).FullName, message.TypeName);
        var everything = await Thrown<RemoteException>(ThrowBadEverything);
        Assert.Equal(typeof(BadEverythingException).FullName, everything.TypeName);
        Assert.Equal(
            before, await worker.Pool.SubmitAsync(static () => Environment.ProcessId).Soon());
    }

    [Fact]
    public async Task MapGivesTheSameExceptions()
    {
        var error = await Assert.ThrowsAsync<NoOrderException>(() => Task.Run(() =>
        {
            foreach (int _ in worker.Pool.Map(
                static i => i < 3 ? i : ThrowNoOrder(),
                [1, 2, 3],
                new MapOptions { ChunkSize = 3 }))
            {
            }
        }));
        Assert.Equal("there is no order-5", error.Message);
    }

    [Fact]
    public void InitializerThatThrowsBadlyBreaksItsPoolAlone()
    {
        using var processes = new ProcessPool(new ProcessPoolOptions
        {
            MaxWorkers = 1,
            Initializer = static () => throw new BadEverythingException(),
        });
        var error = Assert.Throws<InitializerException>(() => processes.Run(static () => 1));
        var inner = Assert.IsType<RemoteException>(error.InnerException);
        Assert.Equal(typeof(BadEverythingException).FullName, inner.TypeName);

        using var threads = new ThreadPool(new ThreadPoolOptions
        {
            MaxWorkers = 1,
            Initializer = static () => throw new BadEverythingException(),
        });
        error = Assert.Throws<InitializerException>(() => threads.Run(() => 1));
        Assert.IsType<BadEverythingException>(error.InnerException);
    }

    [Fact]
    public async Task PostedTaskThatThrowsBadlyHarmsNobody()
    {
        var thrown = new TaskCompletionSource<Exception>();
        using var threads = new ThreadPool(new ThreadPoolOptions
        {
            UnobservedFailureHandler = error => thrown.SetResult(error),
        });
        threads.Post(() => throw new BadEverythingException());
        Assert.IsType<BadEverythingException>(await thrown.Task.Soon());
    }

    [Fact]
    public async Task PostedTaskThatThrowsBadlyIsALineOnStderr()
    {
        using var threads = new ThreadPool(1);
        TextWriter before = Console.Error;
        var stderr = new FirstLine();
        Console.SetError(stderr);
        try
        {
            threads.Post(() => throw new BadEverythingException());
            string line = await stderr.Text.Soon();
            Assert.Contains(
                $"a posted task failed: (the ToString of this {typeof(BadEverythingException)} "
                + "has thrown a System.InvalidOperationException)",
                line);
        }
        finally
        {
            Console.SetError(before);
        }
    }

    private sealed class FirstLine : StringWriter
    {
        private readonly TaskCompletionSource<string> _text =
            new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<string> Text => _text.Task;

        public override void WriteLine(string? value) => _text.TrySetResult(value ?? "");
    }
}

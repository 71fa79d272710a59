using System;
using System.Collections.Generic;
using System.Threading.Tasks;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Asyncpal.Tests;

/// What every pool says to the logger of its options.
public abstract class PoolLogContract(PoolKind kind) : PoolContract(kind)
{
    private readonly RecordingLogger _logger = new();

    private Pool NewLoggedPool(string name, RecordingLogger logger) =>
        NewPool(new PoolPlan { Name = name, LoggerFactory = logger });

    private static void ThrowBadPage() => throw new FormatException("bad page");

    [Fact]
    public void FailureOfAPostedTaskGoesToTheLoggerAlone()
    {
        using var events = new Lines("'logged'");
        using Pool pool = NewLoggedPool("logged", _logger);
        pool.Post(ThrowBadPage);
        RecordingLogger.Entry entry = _logger.AwaitOne();
        Assert.Equal("Asyncpal", entry.Category);
        Assert.Equal(LogLevel.Error, entry.Level);
        Assert.Equal($"{Kind.ClassName} 'logged': a posted task failed", entry.Text);
        Assert.Equal("bad page", Assert.IsType<FormatException>(entry.Error).Message);
        Assert.Equal(0, events.Count);
    }

    [Fact]
    public void TaskThatRunsTooLongIsAWarningOfTheLogger()
    {
        using var events = new Lines("\"endless\" has been running");
        using Pool pool = NewPool(new PoolPlan
        {
            Name = "p",
            StallThreshold = TimeSpan.FromMilliseconds(20),
            LoggerFactory = _logger,
        });
        using var gate = new SharedGate();
        _ = pool.SubmitAsync(
            SharedGate.Pass, gate.Folder, 1, options: new TaskOptions { Name = "endless" });
        RecordingLogger.Entry entry = _logger.AwaitOne();
        gate.Open();
        Assert.Equal(LogLevel.Warning, entry.Level);
        Assert.StartsWith("pool 'p': task 1 \"endless\" has been running for ", entry.Text);
        Assert.Equal(0, events.Count);
    }

    private sealed class Thrower : PoolObserver
    {
        public override void OnDone(TaskReport task) =>
            throw new FormatException("no wish to know");
    }

    [Fact]
    public void WhatAnObserverThrowsGoesToTheLogger()
    {
        using Pool pool = NewPool(
            new PoolPlan { Observer = new Thrower(), LoggerFactory = _logger });
        pool.Run(DoNothing);
        RecordingLogger.Entry entry = _logger.AwaitOne();
        Assert.Equal(LogLevel.Error, entry.Level);
        Assert.Contains("observer", entry.Text);
        Assert.Equal("no wish to know", entry.Error?.Message);
    }

    [Fact]
    public void PoolHasALogOfItsOwn()
    {
        var other = new RecordingLogger();
        using Pool one = NewLoggedPool("one", _logger);
        using Pool two = NewLoggedPool("two", other);
        one.Post(ThrowBadPage);
        two.Post(ThrowBadPage);
        Assert.Contains("'one'", _logger.AwaitOne().Text);
        Assert.Contains("'two'", other.AwaitOne().Text);
        Assert.True(one.Join(Gate.Limit) && two.Join(Gate.Limit));
        Assert.Single(_logger.Entries);
        Assert.Single(other.Entries);
    }

    [Fact]
    public void LoggerThatThrowsLosesNoMessage()
    {
        using var thrown = new Lines("disk full");
        using var messages = new Lines("'full'");
        using Pool pool = NewLoggedPool(
            "full", new RecordingLogger { Thrown = new FormatException("disk full") });
        pool.Post(ThrowBadPage);
        Waiting.Until(() => messages.Count == 1);
        Assert.Equal(1, thrown.Count);
        Assert.Equal(4, pool.Run(Square, 2));
    }

    [Fact]
    public async Task HandlerOfFailuresComesBeforeTheLogger()
    {
        var failure = new TaskCompletionSource<Exception>();
        using Pool pool = NewPool(new PoolPlan
        {
            UnobservedFailureHandler = failure.SetResult,
            LoggerFactory = _logger,
        });
        pool.Post(ThrowBadPage);
        Assert.Equal("bad page", (await failure.Task.Soon()).Message);
        Assert.Empty(_logger.Entries);
    }
}

/// A factory of loggers that keep what they get.
public sealed class RecordingLogger : ILoggerFactory
{
    private readonly List<Entry> _entries = [];

    /// What logging throws; null: nothing.
    public Exception? Thrown { get; init; }

    public Entry[] Entries
    {
        get
        {
            lock (_entries)
            {
                return [.. _entries];
            }
        }
    }

    /// The first entry; waits for it.
    public Entry AwaitOne()
    {
        Waiting.Until(() => Entries.Length > 0);
        return Entries[0];
    }

    public ILogger CreateLogger(string categoryName) => new Logger(this, categoryName);

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    public void Dispose()
    {
    }

    private void Add(Entry entry)
    {
        if (Thrown != null)
        {
            throw Thrown;
        }
        lock (_entries)
        {
            _entries.Add(entry);
        }
    }

    public sealed record Entry(
        string Category, LogLevel Level, string Text, Exception? Error);

    private sealed class Logger(RecordingLogger owner, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter) => owner.Add(
                new Entry(category, logLevel, formatter(state, exception), exception));
    }
}

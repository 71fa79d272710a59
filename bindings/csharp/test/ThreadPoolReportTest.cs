using System;
using System.Diagnostics.Tracing;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Asyncpal.Tests;

/// <summary>What a pool says and counts of itself, and the stacks of its threads.</summary>
public class ThreadPoolReportTest
{
    [Fact]
    public async Task PoolThatMayWaitForItselfIsReportedAndCounted()
    {
        using var events = new Events("'stuck'");
        using var pool = new ThreadPool(
            new ThreadPoolOptions { MaxWorkers = 1, Name = "stuck" });
        using var latch = new ManualResetEventSlim();
        Task blocked = pool.SubmitAsync(() => latch.Wait());
        Task pending = pool.SubmitAsync(static () => { });
        Assert.Equal(0, pool.Stats().Stalls);
        (EventLevel level, string text) = await events.First.Soon();
        Assert.Equal(EventLevel.Warning, level);
        Assert.StartsWith("ThreadPool 'stuck' may wait for itself", text);
        Waiting.Until(() => pool.Stats().Stalls == 1);
        Assert.False(pending.IsCompleted);
        latch.Set();
        await blocked.Soon();
        await pending.Soon();
        Assert.Equal(1, pool.Stats().Stalls);
    }

    [Fact]
    public async Task WhatNativeCodeSaysIsAnEvent()
    {
        using var events = new Events("'slow'");
        using var end = new ManualResetEventSlim();
        using (var pool = new ThreadPool(new ThreadPoolOptions
        {
            MaxWorkers = 1,
            Name = "slow",
            Initializer = end.Wait,
            InitializerTimeout = TimeSpan.FromMilliseconds(50),
        }))
        {
            await Assert.ThrowsAsync<InitializerException>(
                () => pool.SubmitAsync(static () => { }).Soon());
            (EventLevel level, string text) = await events.First.Soon();
            Assert.Equal(EventLevel.Warning, level);
            Assert.StartsWith("pool 'slow': the initializer in slow-worker-1", text);
            Assert.EndsWith("its thread is left behind", text);
        }
        end.Set();
    }

    [Fact]
    public async Task PoolThatMayWaitForItselfIsAWarningOfItsLogger()
    {
        var logger = new RecordingLogger();
        using var pool = new ThreadPool(new ThreadPoolOptions
        {
            MaxWorkers = 1,
            Name = "stuck",
            LoggerFactory = logger,
        });
        using var latch = new ManualResetEventSlim();
        Task blocked = pool.SubmitAsync(() => latch.Wait());
        Task pending = pool.SubmitAsync(static () => { });
        RecordingLogger.Entry entry = logger.AwaitOne();
        latch.Set();
        Assert.Equal(LogLevel.Warning, entry.Level);
        Assert.StartsWith("ThreadPool 'stuck' may wait for itself", entry.Text);
        await blocked.Soon();
        await pending.Soon();
    }

    [Fact]
    public async Task ThreadThatIsLeftBehindIsAWarningOfTheLogger()
    {
        var logger = new RecordingLogger();
        using var end = new ManualResetEventSlim();
        using (var pool = new ThreadPool(new ThreadPoolOptions
        {
            MaxWorkers = 1,
            Name = "slow",
            Initializer = end.Wait,
            InitializerTimeout = TimeSpan.FromMilliseconds(50),
            LoggerFactory = logger,
        }))
        {
            await Assert.ThrowsAsync<InitializerException>(
                () => pool.SubmitAsync(static () => { }).Soon());
            RecordingLogger.Entry entry = logger.AwaitOne();
            Assert.Equal(LogLevel.Warning, entry.Level);
            Assert.EndsWith("its thread is left behind", entry.Text);
        }
        end.Set();
    }

    [Fact]
    public async Task FailureOfAPostedTaskIsAnEvent()
    {
        using var events = new Events("'posts'");
        using var pool = new ThreadPool(
            new ThreadPoolOptions { MaxWorkers = 1, Name = "posts" });
        pool.Post(static () => throw new FormatException("bad page"));
        (EventLevel level, string text) = await events.First.Soon();
        Assert.Equal(EventLevel.Error, level);
        Assert.StartsWith("ThreadPool 'posts': a posted task failed: ", text);
        Assert.Contains("bad page", text);
    }

    [Fact]
    public async Task WorkersHaveTheStackSizeOfTheOptions()
    {
        using var pool = new ThreadPool(
            new ThreadPoolOptions { MaxWorkers = 1, StackSize = 64 << 20 });
        // With the usual 8 MiB that would end the process.
        Assert.Equal(20_000, await pool.SubmitAsync(() => Descend(20_000)).Soon());
    }

    [Fact]
    public void NegativeStackSizeIsRefused()
    {
        var error = Assert.ThrowsAny<ArgumentException>(
            () => new ThreadPool(new ThreadPoolOptions { StackSize = -1 }));
        Assert.Contains("-1; it must not be negative", error.Message);
    }

    // A kilobyte each.
    private static int Descend(int depth)
    {
        Span<byte> bytes = stackalloc byte[1024];
        bytes.Fill(1);
        return depth == 0 ? 0 : bytes[depth % 1024] + Descend(depth - 1);
    }

    /// <summary>The first event with a text in it.</summary>
    private sealed class Events(string text) : EventListener
    {
        private readonly TaskCompletionSource<(EventLevel, string)> _first =
            new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<(EventLevel, string)> First => _first.Task;

        protected override void OnEventSourceCreated(EventSource source)
        {
            if (source.Name == nameof(Asyncpal))
            {
                EnableEvents(source, EventLevel.Informational);
            }
        }

        protected override void OnEventWritten(EventWrittenEventArgs e)
        {
            if (e.Payload?[0] is string message && message.Contains(text))
            {
                _first.TrySetResult((e.Level, message));
            }
        }
    }
}

using Asyncpal;
using ThreadPool = Asyncpal.ThreadPool;

/// Time, order and priority: all that a program may ask of both kinds of pools.
internal static class UseTime
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(120);
    private static readonly TimeSpan Instant = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    private static readonly TaskOptions Retried = new()
    {
        Retry = new RetryPolicy { Backoff = Instant, Multiplier = 1 },
    };

    /// What does not work; empty: nothing.
    public static async Task<string> CheckAsync(Pool pool)
    {
        var bad = new List<string>();
        void Expect(bool isSo, string what)
        {
            if (!isSo)
            {
                bad.Add($"{pool}: {what}");
            }
        }

        using var source = new CancellationTokenSource();
        Task never = pool.SubmitAfterAsync(Hour, Math.Max, 1, 2, source.Token);
        Expect(pool.Stats().Delayed == 1, "Delayed");
        source.Cancel();
        Expect(await IsCanceledAsync(never), "a delayed task is cancelled");

        Periodic stops = pool.Every(
            Instant, static () => Task.FromException(new FormatException("bad")), new()
            {
                OnError = OnRunError.Stop,
            });
        Expect(await FailureOfAsync(stops.Done) is FormatException, "Stop");
        Periodic hourly = pool.Every(Hour, static () => { }, new() { InitialDelay = Hour });
        Expect(hourly.Trigger(), "Trigger");
        Expect(await UntilAsync(() => hourly.Stats().Runs == 1), "a triggered run");
        Expect(hourly.Cancel(), "Cancel");

        // The lowest is submitted first.
        Task<long>[] times;
        using (ExecutionFence fence = pool.Pause())
        {
            await fence.WaitForQuietAsync(Limit);
            times = [.. Enum.GetValues<TaskPriority>().Select(priority => pool.SubmitAsync(
                System.Diagnostics.Stopwatch.GetTimestamp, options: new() { Priority = priority }))];
        }
        long[] began = await Task.WhenAll(times).WaitAsync(Limit);
        Expect(began.SequenceEqual(began.OrderDescending()), "Priority");

        // Views: retries, maps, keys.
        PoolView log = pool.Serial("log");
        Expect(await log.SubmitAsync(Functions.FailTwice, options: Retried) == 3, "Retry");
        var automatic = new MapOptions { ChunkSize = 0 };
        int[] numbers = [.. Enumerable.Range(0, 500)];
        Expect(pool.MapAll(Math.Abs, numbers, automatic).SequenceEqual(numbers), "ChunkSize 0");
        Expect(
            pool.Keyed<string>().Key("Ada").MapAll(Math.Abs, numbers, automatic)
                .SequenceEqual(numbers),
            "a key's map");
        Settled<int>[] settled = [.. pool.MapSettled(Inverse, [1, 0, 4], automatic)];
        Expect(
            settled is [{ Value: 100 }, { Exception: DivideByZeroException }, { Value: 25 }],
            "MapSettled");

        pool.MaxWorkers = 3;
        pool.MinWorkers = 2;
        Expect(await UntilAsync(() => pool.Stats().Workers >= 2), "MinWorkers");
        pool.MinWorkers = 0;
        pool.MaxWorkers = 1;

        // Each names the field and its value, and nothing starts.
        long submitted = pool.Stats().Submitted;
        void Refuses(string message, Action call)
        {
            try
            {
                call();
                bad.Add($"{pool}: {message}, and nobody minds");
            }
            catch (ArgumentException e)
            {
                Expect(e.Message.Contains(message), $"not '{message}': {e.Message}");
            }
        }

        void Runs(TaskOptions options) => pool.SubmitAsync(Math.Abs, 1, options: options);
        void Repeats(PeriodicOptions options) => pool.Every(Hour, static () => { }, options);
        Refuses("period is 00:00:00", () => pool.Every(TimeSpan.Zero, static () => { }));
        Refuses("delay is -01:00:00", () => pool.SubmitAfterAsync(-Hour, Math.Abs, 1));
        Refuses("Jitter is 1", () => Repeats(new() { Jitter = 1 }));
        Refuses("MaxRuns is -1", () => Repeats(new() { MaxRuns = -1 }));
        Refuses("Cadence is 7", () => Repeats(new() { Cadence = (Cadence)7 }));
        Refuses("MaxAttempts is 0", () => Runs(new() { Retry = new() { MaxAttempts = 0 } }));
        Refuses("Multiplier is 0.5", () => Runs(new() { Retry = new() { Multiplier = 0.5 } }));
        Refuses("Priority is 9", () => Runs(new() { Priority = (TaskPriority)9 }));
        Refuses("AtShutdown is 9", () => Runs(new() { AtShutdown = (AtShutdown)9 }));
        Refuses("n is 0", () => pool.Limited(0));
        Refuses("MaxWorkers is 0", () => pool.MaxWorkers = 0);
        Refuses("MinWorkers is 2, more than MaxWorkers, 1", () => pool.MinWorkers = 2);
        Refuses("ChunkSize", () => pool.MapAll(Math.Abs, numbers, new() { ChunkSize = -1 }));
        Refuses(
            "PriorityStep is 00:00:00",
            () => new ThreadPool(new ThreadPoolOptions { PriorityStep = TimeSpan.Zero }));
        Refuses(
            "MinWorkers is 3, more than MaxWorkers, 2",
            () => new ProcessPool(new ProcessPoolOptions { MaxWorkers = 2, MinWorkers = 3 }));
        Expect(pool.Stats().Submitted == submitted, "refused tasks were submitted");

        // What a shutdown does with each.
        pool.Pause();
        Task<int> must = pool.SubmitAsync(
            Math.Abs, -5, options: new() { AtShutdown = AtShutdown.Finish });
        Task<int> plain = pool.SubmitAsync(Math.Abs, -6);
        await pool.ShutdownAsync();
        Expect(await must == 5, "Finish");
        Expect(await IsCanceledAsync(plain), "a pending task is cancelled");
        return string.Join("; ", bad);
    }

    private static int Inverse(int n) => 100 / n;

    private static async Task<bool> UntilAsync(Func<bool> condition)
    {
        for (var clock = System.Diagnostics.Stopwatch.StartNew(); !condition(); )
        {
            if (clock.Elapsed > Limit)
            {
                return false;
            }
            await Task.Delay(1);
        }
        return true;
    }

    private static async Task<bool> IsCanceledAsync(Task task) =>
        await FailureOfAsync(task) is OperationCanceledException;

    private static async Task<Exception?> FailureOfAsync(Task task)
    {
        try
        {
            await task.WaitAsync(Limit);
            return null;
        }
        catch (Exception e)
        {
            return e;
        }
    }
}

using System;
using System.Collections.Generic;
using System.IO;
using System.Threading;
using System.Threading.Tasks;
using Asyncpal;
using Microsoft.Extensions.Logging;
using Xunit;
using ThreadPool = Asyncpal.ThreadPool;  // System.Threading has one, too

namespace Asyncpal.Examples;

// The C# code of README.md, of the guide and of the package, word for word; their
// first snippets are Hello.cs and Crash.cs.
public class ReadmeSnippetsTest
{
    private readonly List<string> _shown = [];

    private static string Load(string name) => "<" + name + ">";

    private static int Answer(int question)
    {
        Environment.Exit(question);
        return 0;
    }

    private static void RunForEver() => Thread.Sleep(Timeout.Infinite);

    private void Show(object value)
    {
        lock (_shown)
        {
            _shown.Add(value.ToString()!);
        }
    }

    [Fact]
    public async Task Processes()
    {
        using var pool = new ProcessPool(4);
        Task<int> answer = pool.SubmitAsync(Answer, 42);
        Task<string> page = pool.SubmitAsync(static () => Load("index.html"));
        try
        {
            Show(await answer);
        }
        catch (WorkerLostException e)
        {
            Show(e.Message);  // ... exited with code 42
        }
        Show(await page);  // all others go on
        Assert.Contains("exited with code 42", _shown[0]);
        Assert.Equal("<index.html>", _shown[1]);
    }

    private sealed class SlowTasks : PoolObserver
    {
        public override void OnDone(TaskReport task)
        {
            if (task.Ran.TotalSeconds > 1)
            {
                Console.Error.WriteLine($"{task.Name} was slow");
            }
        }
    }

    [Fact]
    public async Task Observing()
    {
        using var watched = new ThreadPool(new ThreadPoolOptions { Observer = new SlowTasks() });
        Assert.Equal(49, await watched.SubmitAsync(static () => 7 * 7));
        Assert.Equal(1, watched.Stats().Run.Count);
    }

    [Fact]
    public void Logging()
    {
        using var loggers = new LastMessage();
        using var logged = new ThreadPool(new ThreadPoolOptions { LoggerFactory = loggers });
        logged.Post(static () => throw new FormatException("bad page"));  // an error in the log
        Assert.True(SpinWait.SpinUntil(() => loggers.Text != null, 30_000));
        Assert.Equal("ThreadPool 'ThreadPool': a posted task failed", loggers.Text);
    }

    private sealed class LastMessage : ILoggerFactory, ILogger
    {
        private string? _text;

        public string? Text => Volatile.Read(ref _text);

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter) =>
            Volatile.Write(ref _text, formatter(state, exception));

        public void Dispose()
        {
        }
    }

    private static int Check(int size) => size > 0 ? size : throw new FormatException("empty");

    [Fact]
    public void MapsThatGoOn()
    {
        using var pool = new ThreadPool(2);
        var skip = new MapOptions { OnError = OnError.Skip };
        IReadOnlyList<int> known = pool.MapAll(Check, [100, 0, 250], skip);
        Assert.Equal([100, 250], known);
    }

    private static void PrintReport()
    {
    }

    private static async Task SweepAsync(CancellationToken stop) => await Task.Delay(1, stop);

    [Fact]
    public async Task Later()
    {
        using var pool = new ThreadPool(2);
        Task<string> page =
            pool.SubmitAfterAsync(TimeSpan.FromMilliseconds(10), Load, "index.html");
        using var source = new CancellationTokenSource();
        Task report =
            pool.SubmitAfterAsync(TimeSpan.FromHours(1), PrintReport, source.Token);
        source.Cancel();  // it is gone, with what it holds
        Assert.True(report.IsCanceled);
        Assert.Equal("<index.html>", await page);
    }

    [Fact]
    public async Task AgainAndAgain()
    {
        using var pool = new ThreadPool(2);
        Periodic sweep = pool.Every(TimeSpan.FromMilliseconds(2), SweepAsync);
        var hourly = new PeriodicOptions
        {
            InitialDelay = TimeSpan.FromHours(1),
            Task = new TaskOptions { Name = "report" },
        };
        pool.Every(TimeSpan.FromHours(1), PrintReport, hourly);
        sweep.Trigger();  // now, too
        sweep.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => sweep.Done.WaitAsync(TimeSpan.FromSeconds(30)));
    }

    private static void Save()
    {
    }

    private void Reload() => Show("reloaded");

    [Fact]
    public async Task Priorities()
    {
        using var pool = new ThreadPool(2);
        var urgent = new TaskOptions { Priority = TaskPriority.Urgent };
        Task<string> page = pool.SubmitAsync(Load, "index.html", options: urgent);
        var last = new TaskOptions { AtShutdown = AtShutdown.Finish };
        Task saved = pool.SubmitAsync(Save, options: last);
        pool.Shutdown();
        await saved;
        await Task.WhenAny(page);
    }

    [Fact]
    public async Task Retries()
    {
        using var pool = new ThreadPool(2);
        var again = new TaskOptions
        {
            Retry = new RetryPolicy
            {
                MaxAttempts = 5,
                Backoff = TimeSpan.FromMilliseconds(20),
            },
        };
        Task<string> page = pool.SubmitAsync(Load, "index.html", options: again);
        Assert.Equal("<index.html>", await page);
    }

    [Fact]
    public async Task Pauses()
    {
        using var pool = new ThreadPool(2);
        using (ExecutionFence fence = pool.Pause())
        {
            if (await fence.WaitForQuietAsync(TimeSpan.FromSeconds(10)))
            {
                Reload();  // no task runs
            }
        }
        pool.MaxWorkers = 8;
        pool.MinWorkers = 2;
        Assert.Equal(["reloaded"], _shown);
    }

    private static async Task<string> LoadAsync(string name)
    {
        await Task.Yield();
        return Load(name);
    }

    [Fact]
    public async Task Views()
    {
        using var pool = new ThreadPool(4);
        int lines = 0;
        int alice = 10;
        int bob = 10;
        PoolView log = pool.Serial("log");        // one at a time, in order
        PoolView disk = pool.Limited(2, "disk");  // two at a time
        log.Post(() => ++lines);
        Task<string> page = disk.SubmitAsync(LoadAsync, "index.html");

        KeyedPool<string> accounts = pool.Keyed<string>();
        accounts.Post("alice", () => alice -= 5);  // in order for each key,
        accounts.Post("bob", () => bob += 5);      // and keys side by side
        Assert.Equal("<index.html>", await page);
        pool.Join();
        Assert.Equal((1, 5, 15), (lines, alice, bob));
    }

    [Fact]
    public async Task Tracing()
    {
        string file = Path.GetTempFileName();
        using var pool = new ThreadPool(1);
        var resize = new TaskOptions { Name = "resize" };
        using (Trace.Start(file))
        {
            await pool.SubmitAsync(Load, "index.html", options: resize);
        }
        Assert.Contains("\"resize\"", File.ReadAllText(file));
        File.Delete(file);
    }

    private static int RenderAll()
    {
        TaskContext task = TaskContext.Current!;
        for (int line = 1; line <= 100; ++line)
        {
            task.ReportProgress(line / 100.0, $"line {line}");
        }
        return 100;
    }

    [Fact]
    public async Task Reporting()
    {
        using var pool = new ProcessPool(1);
        Task<int> render = pool.SubmitAsync(RenderAll);
        if (TaskProgress.Of(render) is { } progress)
        {
            Console.Error.WriteLine(progress.Fraction);
        }
        Assert.Equal(100, await render);
    }

    [Fact]
    public async Task Cancelling()
    {
        using var pool = new ProcessPool(1);
        using var source = new CancellationTokenSource();
        Task laps = pool.SubmitAsync(RunForEver, source.Token);
        source.Cancel();  // kills the process, if it runs it
        await Assert.ThrowsAsync<TaskCanceledException>(() => laps);
        var limits = new TaskOptions { Name = "laps", Timeout = TimeSpan.FromSeconds(1) };
        Task limited = pool.SubmitAsync(RunForEver, options: limits);
        await Assert.ThrowsAsync<TimeoutException>(() => limited);
    }

    [Fact]
    public async Task Room()
    {
        var polite = new ThreadPoolOptions { MaxPending = 100, WhenFull = WhenFull.Block };
        using var small = new ThreadPool(polite);
        await small.WaitForRoomAsync();
        Task<int> square = small.SubmitAsync(() => 7 * 7);
        Assert.Equal(49, await square);
    }

    [Fact]
    public async Task Schedulers()
    {
        using var pool = new ThreadPool(4);
        string[] names = ["a", "b"];
        var options = new ParallelOptions { TaskScheduler = pool.AsTaskScheduler() };
        await Parallel.ForEachAsync(names, options, LoadAsync);
    }

    [Fact]
    public void Progress()
    {
        using var pool = new ThreadPool(2);
        int[] numbers = [1, 2, 3];
        var progress = new Progress<MapProgress>(map => Show($"{map.Done} of {map.Total}"));
        pool.MapAll(Square, numbers, new MapOptions { Progress = progress });
    }

    private static int Square(int n) => n * n;

    private static ValueTask LoadAsync(string name, CancellationToken token) =>
        ValueTask.CompletedTask;
}

using System.Diagnostics.Tracing;
using Asyncpal;
using ThreadPool = Asyncpal.ThreadPool;

// A small service on the package alone: both kinds of pools, a crash, and the end
// of Main with a pool that is still open.
using var threads = new ThreadPool(2);
int sum = threads.Map(x => x * x, Enumerable.Range(1, 100)).Sum();

var processes = new ProcessPool(2);
int max = await processes.SubmitAsync(Math.Max, 3, 4);
int pid = await processes.SubmitAsync(static () => Environment.ProcessId);
bool lost = false;
try
{
    await processes.SubmitAsync(static () => Environment.Exit(1));
}
catch (WorkerLostException e)
{
    lost = e.ExitCode == 1;
}
bool goesOn = await processes.SubmitAsync(static () => true);

// Asynchronous functions of each kind, on both.
bool shapes = true;
foreach (Pool pool in new Pool[] { threads, processes })
{
    Task<string> page = pool.SubmitAsync(Functions.LoadAsync, "a.html");
    shapes &= await page == "<a.html>"
        && await pool.SubmitAsync(Functions.AddAsync, 2, 3) == 5
        && pool.Run(Functions.AddAsync, 2, 3) == 5
        && (await pool.MapAllAsync(Functions.LoadAsync, ["a", "b"]))[1] == "<b>";
    try
    {
        await pool.SubmitAsync(Functions.LoadAsync, "");
        shapes = false;
    }
    catch (FormatException)
    {
    }
}

// Code that is at an await where its pool is disposed of.
var doomed = new ThreadPool(2);
var options = new ParallelOptions { TaskScheduler = doomed.AsTaskScheduler() };
var go = new TaskCompletionSource();
Task loop = Parallel.ForEachAsync([1, 2], options, async (_, _) => await go.Task);
doomed.Dispose();
go.SetResult();
await loop.WaitAsync(TimeSpan.FromSeconds(60));

// Waits in a pool of one: for a pending task, and one that no pool can see, which
// is reported.
using (var reports = new Reports())
using (var one = new ThreadPool(1))
{
    shapes &= one.Run(() => one.SubmitAsync(() => 4).Result) == 4;
    using var end = new CancellationTokenSource();
    Task blocked = one.SubmitAsync(
        () => Task.WhenAny(one.SubmitAsync(() => 1, end.Token)).Wait());
    string report = await reports.First.WaitAsync(TimeSpan.FromSeconds(60));
    shapes &= report.StartsWith("ThreadPool 'ThreadPool' may wait for itself");
    end.Cancel();
    await blocked;
}

// Later, and again, on both.
foreach (Pool pool in new Pool[] { threads, processes })
{
    Task<int> later = pool.SubmitAfterAsync(TimeSpan.FromMilliseconds(5), Math.Max, 5, 6);
    Periodic periodic = pool.Every(
        TimeSpan.FromMilliseconds(1),
        static () => { },
        new PeriodicOptions { MaxRuns = 3 });
    await periodic.Done.WaitAsync(TimeSpan.FromSeconds(60));
    shapes &= periodic.Stats().Runs == 3 && await later == 6;

    // First, again, and not now.
    var urgent = new TaskOptions
    {
        Priority = TaskPriority.Urgent,
        Retry = new RetryPolicy { MaxAttempts = 3, Backoff = TimeSpan.FromMilliseconds(1) },
    };
    shapes &= await pool.SubmitAsync(Functions.FailTwice, options: urgent) == 3;
    Task<int> paused;
    using (ExecutionFence fence = pool.Pause())
    {
        paused = pool.SubmitAsync(Math.Max, 7, 8);
        shapes &= await fence.WaitForQuietAsync(TimeSpan.FromSeconds(60))
            && !paused.IsCompleted;
    }
    // In parts.
    PoolView view = pool.Serial();
    KeyedPool<string> keyed = pool.Keyed<string>();
    Task<int> inOrder = view.SubmitAsync(Functions.AddAsync, 1, 2);
    shapes &= view.Run(Math.Max, 1, 2) == 2 && await inOrder == 3
        && await keyed.SubmitAsync("a", Math.Max, 3, 4) == 4
        && pool.Limited(2).MapAll(Math.Abs, [-1, -2])[1] == 2;
    pool.MaxWorkers = 3;
    shapes &= await paused == 8 && pool.Stats().Retried == 2;
}

using (var one = new ThreadPool(1))
using (var process = new ProcessPool(1))
{
    foreach (Pool pool in new Pool[] { one, process })
    {
        string mistakes = await UseTime.CheckAsync(pool);
        if (mistakes.Length > 0)
        {
            Console.WriteLine(mistakes);
            shapes = false;
        }
    }
}

Console.WriteLine($"{sum} {max} {pid != Environment.ProcessId} {lost} {goesOn} {shapes}");
return sum == 338350 && max == 4 && pid != Environment.ProcessId && lost && goesOn
    && shapes
    ? 0
    : 1;

internal static class Functions
{
    public static async Task<string> LoadAsync(string name)
    {
        await Task.Yield();
        return name.Length > 0 ? $"<{name}>" : throw new FormatException("no name");
    }

    public static int FailTwice()
    {
        int attempt = TaskContext.Current!.Attempt;
        return attempt == 3 ? attempt : throw new FormatException("again");
    }

    public static async ValueTask<int> AddAsync(int a, int b, CancellationToken stop)
    {
        await Task.Delay(1, stop);
        return a + b;
    }
}

internal sealed class Reports : EventListener
{
    private readonly TaskCompletionSource<string> _first = new();

    public Task<string> First => _first.Task;

    protected override void OnEventSourceCreated(EventSource source)
    {
        if (source.Name == "Asyncpal")
        {
            EnableEvents(source, EventLevel.Warning);
        }
    }

    protected override void OnEventWritten(EventWrittenEventArgs e) =>
        _first.TrySetResult((string)e.Payload![0]!);
}

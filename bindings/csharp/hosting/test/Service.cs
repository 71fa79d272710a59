using Asyncpal;
using Asyncpal.Extensions.Hosting;
using ThreadPool = Asyncpal.ThreadPool;

// A service whose requests run in pools, for package_test.py. Its first argument is
// a folder: a task leaves the file "begun" there, and waits for "go".
string folder = args[0];
var builder = WebApplication.CreateBuilder(args[1..]);
builder.Services.AddAsyncpalThreadPool("threads", o =>
{
    o.MaxWorkers = 2;
    o.Initializer = () =>
    {
        if (File.Exists(Path.Combine(folder, "ill")))
        {
            throw new FormatException("bad start");
        }
    };
});
builder.Services.AddAsyncpalProcessPool(
    "processes", builder.Configuration.GetSection("Processes"));
builder.Services.Configure<PoolHostingOptions>("threads", o => o.WorkersOnStart = 2);

var app = builder.Build();
app.MapHealthChecks("/health");

// Continues after the stop has begun, and needs its pool only then.
app.MapGet("/slow", async ([FromKeyedServices("threads")] ThreadPool pool) =>
{
    File.WriteAllText(Path.Combine(folder, "begun"), "");
    while (!File.Exists(Path.Combine(folder, "go")))
    {
        await Task.Delay(5);
    }
    return await pool.SubmitAsync(() => "slow but sure");
});

app.MapGet("/pid", ([FromKeyedServices("processes")] ProcessPool pool) =>
    pool.SubmitAsync(static () => Environment.ProcessId));

app.MapGet("/workers", (
    [FromKeyedServices("threads")] ThreadPool threads,
    [FromKeyedServices("processes")] ProcessPool processes) =>
    $"{threads.CountWorkers()} {processes.CountWorkers()} {processes.MaxWorkers}");

// Posted: runs although nobody waits for it, after the host has stopped.
app.MapGet("/later", ([FromKeyedServices("threads")] ThreadPool pool) =>
{
    pool.Post(() => throw new FormatException("posted and failed"));
    pool.Post(() =>
    {
        while (!File.Exists(Path.Combine(folder, "go")))
        {
            Thread.Sleep(5);
        }
        File.WriteAllText(Path.Combine(folder, "drained"), "");
    });
    return "posted";
});

// All workers go, and the next one can't begin.
app.MapGet("/break", ([FromKeyedServices("threads")] ThreadPool pool) =>
{
    File.WriteAllText(Path.Combine(folder, "ill"), "");
    pool.Join();
    pool.Post(() => { });
    return "broken soon";
});

app.Run();

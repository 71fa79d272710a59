using System;
using System.Threading;
using System.Threading.Tasks;
using Asyncpal;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

// A web service whose work runs in a pool of processes: a request that crashes
// its worker gets a 503, and no other notices.
//
//   ./bazelw run //examples/csharp:Service -- --urls http://127.0.0.1:8080
//   curl http://127.0.0.1:8080/fib/30

await using var pool = new ProcessPool(new ProcessPoolOptions
{
    MaxWorkers = 2,
    Name = "requests",
});

WebApplication app = WebApplication.CreateBuilder(args).Build();

app.MapGet("/fib/{n:int:range(0,50)}", (int n, CancellationToken gone) =>
    // The client's going away ends the work, too.
    Answer(() => pool.SubmitAsync(Fib, n, gone)));

app.MapGet("/crash", () =>
    Answer(() => pool.SubmitAsync(static () => Crash())));

app.MapGet("/stats", () => pool.Stats());

await app.RunAsync();

static long Fib(int n) => n < 2 ? n : Fib(n - 1) + Fib(n - 2);

static long Crash()
{
    Environment.FailFast("as was asked for");
    return 0;
}

static async Task<IResult> Answer(Func<Task<long>> work)
{
    try
    {
        return Results.Text($"{await work()}\n");
    }
    catch (WorkerLostException e)
    {
        return Results.Text(e.Message + "\n", statusCode: 503);
    }
}

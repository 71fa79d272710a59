using Asyncpal;
using ThreadPool = Asyncpal.ThreadPool;  // System.Threading has one, too

var builder = WebApplication.CreateBuilder(args);
builder.Services.AddAsyncpalThreadPool("images", o => o.MaxWorkers = 4);
builder.Services.AddAsyncpalProcessPool(
    "plugins", builder.Configuration.GetSection("Plugins"));

var app = builder.Build();
app.MapHealthChecks("/health");
app.MapGet("/square/{n}", (int n, [FromKeyedServices("images")] ThreadPool pool) =>
    pool.SubmitAsync(() => n * n));
app.MapGet("/pid", ([FromKeyedServices("plugins")] ProcessPool pool) =>
    pool.SubmitAsync(static () => Environment.ProcessId));
app.Run();

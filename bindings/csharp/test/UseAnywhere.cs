using System.Text.Json.Serialization;
using Asyncpal;
using Microsoft.Extensions.Logging;
using ThreadPool = Asyncpal.ThreadPool;

// A program that is published in every way that there is: what it says of itself is
// the same in all of them. In a worker, only the first lines run.
ProcessPool.Register<Order, Receipt>("price", Work.Price);
ProcessPool.Register<int, int>("square", Work.Square);
ProcessPool.Register("process", Work.Process);
ProcessPool.Register<int, int>("fail", Work.Fail);
ProcessPool.Register<int>("exit", Work.Exit);
if (ProcessPool.RunWorkerIfAsked(args, Json.Default)) return 0;

using var threads = new ThreadPool(2);
int sum = threads.Map(x => x * x, Enumerable.Range(1, 100)).Sum();

using var processes = new ProcessPool(1);
int square = await processes.SubmitAsync(Work.Square, 12);
int process = await processes.SubmitAsync(Work.Process);
Receipt receipt = await processes.SubmitAsync(
    Work.Price, new Order(["tea", "bread"], Money.Euro, 1.10m));
int[] squares = [.. processes.Map(Work.Square, [1, 2, 3], new MapOptions { ChunkSize = 2 })];
string error = "none";
try
{
    await processes.SubmitAsync(Work.Fail, 3);
}
catch (Exception e)
{
    error = e.Message;
}
int? code = null;
try
{
    await processes.SubmitAsync(Work.Exit);
}
catch (WorkerLostException e)
{
    code = e.ExitCode;
}
string refused = "nothing";
try
{
    await processes.SubmitAsync(Work.Describe, new Unknown());
}
catch (SerializationException e)
{
    refused = e.Message.Contains("Unknown") || e.Message.Contains("Register")
        ? "by name"
        : e.Message;
}
using var log = new Lines();
using var logged = new ThreadPool(
    new ThreadPoolOptions { MaxWorkers = 1, LoggerFactory = log });
logged.Post(static () => throw new FormatException("bad page"));
string line = await log.First.WaitAsync(TimeSpan.FromSeconds(60));
Console.WriteLine(
    $"{sum} {square} {process != Environment.ProcessId} {receipt} "
    + $"{string.Join(',', squares)} {error} {code} {refused} {args.Length} "
    + line);
return 0;

internal enum Money
{
    Euro,
    Pound,
}

internal sealed record Order(string[] Items, Money Currency, decimal Each);

internal sealed record Receipt(decimal Total, DateTime? Paid);

internal sealed class Unknown
{
    public int Hidden { get; } = Environment.ProcessId;
}

[JsonSerializable(typeof(Order))]
[JsonSerializable(typeof(Receipt))]
internal sealed partial class Json : JsonSerializerContext;

internal sealed class Lines : ILoggerFactory, ILogger
{
    private readonly TaskCompletionSource<string> _first = new();

    public Task<string> First => _first.Task;

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
        _first.TrySetResult($"{logLevel}: {exception?.Message}");

    public void Dispose()
    {
    }
}

internal static class Work
{
    public static int Square(int x) => x * x;

    public static int Process() => Environment.ProcessId;

    public static Receipt Price(Order order) => new(order.Items.Length * order.Each, null);

    public static int Fail(int x) => x > 0 ? throw new FormatException("not this") : x;

    public static int Exit()
    {
        Environment.Exit(7);
        return 0;
    }

    public static string Describe(Unknown unknown) => unknown.Hidden.ToString();
}

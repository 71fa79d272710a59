using System.Collections.Concurrent;
using Asyncpal;
using ThreadPool = Asyncpal.ThreadPool;

// What pools report goes to a logger factory without a host, for package_test.py.
var lines = new ConcurrentQueue<string>();
using (ILoggerFactory loggers =
    LoggerFactory.Create(logging => logging.AddProvider(new Lines(lines))))
using (loggers.LogAsyncpal())
using (var pool = new ThreadPool(1))
{
    pool.Post(static () => throw new FormatException("bad page"));
    pool.Join();
    SpinWait.SpinUntil(() => !lines.IsEmpty, TimeSpan.FromSeconds(60));
}
Console.WriteLine(string.Join('\n', lines));

internal sealed class Lines(ConcurrentQueue<string> lines) : ILoggerProvider, ILogger
{
    private string _category = "";

    public ILogger CreateLogger(string categoryName)
    {
        _category = categoryName;
        return this;
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
        lines.Enqueue($"{logLevel} {_category}: {formatter(state, exception)}");

    public void Dispose()
    {
    }
}

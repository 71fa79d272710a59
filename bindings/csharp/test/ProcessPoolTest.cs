using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

public class ProcessPoolChunksContract() : PoolChunksContract(new Processes());

public class ProcessPoolTaskContract() : PoolTaskContract(new Processes());

public class ProcessPoolLifecycleContract() : PoolLifecycleContract(new Processes());

public class ProcessPoolRemainsContract() : PoolRemainsContract(new Processes());

public class ProcessPoolLimitsContract() : PoolLimitsContract(new Processes());

public class ProcessPoolLaterContract() : PoolLaterContract(new Processes());

public class ProcessPoolMapContract() : PoolMapContract(new Processes());

public class ProcessPoolMeasureContract() : PoolMeasureContract(new Processes());

public class ProcessPoolObserverContract() : PoolObserverContract(new Processes());

public class ProcessPoolPauseContract() : PoolPauseContract(new Processes());

public class ProcessPoolPeriodicContract() : PoolPeriodicContract(new Processes());

public class ProcessPoolPriorityContract() : PoolPriorityContract(new Processes());

public class ProcessPoolProgressContract() : PoolProgressContract(new Processes());

public class ProcessPoolRetriesContract() : PoolRetriesContract(new Processes());

public class ProcessPoolSettledContract() : PoolSettledContract(new Processes());

public class ProcessPoolTaskContextContract()
    : PoolTaskContextContract(new Processes());

public class ProcessPoolLogContract() : PoolLogContract(new Processes());

public class ProcessPoolTelemetryContract() : PoolTelemetryContract(new Processes());

public class ProcessPoolAsyncShapesContract() : AsyncShapesContract(new Processes());

public class ProcessPoolViewRetriesContract() : PoolViewRetriesContract(new Processes());

public class ProcessPoolViewsContract() : PoolViewsContract(new Processes());

public class ProcessPoolWorkerContract() : PoolWorkerContract(new Processes());

public class ProcessPoolTest
{
    private static int s_state;

    public sealed record Point(int X, double Y, string? Name);

    private sealed class CustomException(string message, Exception inner)
        : Exception(message, inner);

    private static int Square(int x) => x * x;

    private static T Echo<T>(T value) => value;

    private static int KillMyself()
    {
        Process.GetCurrentProcess().Kill();
        return 0;
    }

    private static int ThrowCustom() =>
        throw new CustomException("outer", new FormatException("inner"));

    private static void TouchAndSpin(string path)
    {
        File.WriteAllText(path, "");
        while (true)
        {
        }
    }

    [Fact]
    public async Task TasksRunInAnotherProcess()
    {
        using var pool = new ProcessPool(1);
        int pid = await pool.SubmitAsync(static () => Environment.ProcessId).Soon();
        Assert.NotEqual(Environment.ProcessId, pid);
        Assert.Equal(pid, pool.Workers()[0].ProcessId);
    }

    [Fact]
    public async Task WorkerLeavesNoTraceInItsEnvironment()
    {
        using var pool = new ProcessPool(1);
        Assert.Null(await pool.SubmitAsync(
            static () => Environment.GetEnvironmentVariable("DOTNET_STARTUP_HOOKS")).Soon());
    }

    [Fact]
    public async Task ValuesTravelAsTheyAre()
    {
        using var pool = new ProcessPool(1);
        var point = new Point(1, double.NaN, null);
        Assert.Equal(point, await pool.SubmitAsync(Echo<Point>, point).Soon());
        Assert.Equal((1, "ä\0"), await pool.SubmitAsync(Echo<(int, string)>, (1, "ä\0")).Soon());
        var map = new Dictionary<string, int[]> { ["a"] = [1, 2] };
        Assert.Equal(map, await pool.SubmitAsync(Echo<Dictionary<string, int[]>>, map).Soon());
        Assert.Null(await pool.SubmitAsync<string?, string?>(Echo, null).Soon());
    }

    [Fact]
    public async Task LargeValuesTravel()
    {
        using var pool = new ProcessPool(1);
        string text = new('x', 4 << 20);
        Assert.Equal(text, await pool.SubmitAsync(Echo<string>, text).Soon());
    }

    [Fact]
    public async Task LambdaInAGenericMethodTravels()
    {
        using var pool = new ProcessPool(1);
        Assert.Equal("Int32", await NameOf<int>(pool).Soon());

        static Task<string> NameOf<T>(ProcessPool pool) =>
            pool.SubmitAsync(static () => typeof(T).Name);
    }

    [Fact]
    public void CaptureIsRefusedByName()
    {
        using var pool = new ProcessPool(1);
        int answer = 42;
        var error = Assert.Throws<SerializationException>(
            () => { pool.SubmitAsync(() => answer); });
        Assert.Contains("'answer'", error.Message);
        Assert.Equal(0, pool.Stats().Submitted);
    }

    [Fact]
    public void MethodOfAnObjectIsRefused()
    {
        using var pool = new ProcessPool(1);
        var error = Assert.Throws<SerializationException>(
            () => { pool.SubmitAsync(new List<int>().GetHashCode); });
        Assert.Contains("GetHashCode()", error.Message);
    }

    [Fact]
    public void ArgumentThatCannotTravelIsRefusedByName()
    {
        using var pool = new ProcessPool(1);
        var error = Assert.Throws<SerializationException>(
            () => { pool.SubmitAsync(static action => 1, new Action(() => { })); });
        Assert.Contains("'action'", error.Message);
        Assert.Equal(0, pool.Stats().Submitted);
    }

    [Fact]
    public void ResultThatCannotTravelIsRefused()
    {
        using var pool = new ProcessPool(1);
        var error = Assert.Throws<SerializationException>(
            () => { pool.SubmitAsync(static Action () => () => { }); });
        Assert.Contains("System.Action", error.Message);
    }

    [Fact]
    public async Task ExceptionKeepsItsTypeItsCauseAndItsStack()
    {
        using var pool = new ProcessPool(1);
        var error = await Assert.ThrowsAsync<CustomException>(
            async () => await pool.SubmitAsync(ThrowCustom).Soon());
        Assert.Equal("outer", error.Message);
        Assert.Equal("inner", Assert.IsType<FormatException>(error.InnerException).Message);
        Assert.Contains(nameof(ThrowCustom), error.StackTrace);
        Assert.Contains(nameof(ExceptionKeepsItsTypeItsCauseAndItsStack), error.StackTrace);
    }

    [Fact]
    public async Task KilledWorkerCostsOneTask()
    {
        using var pool = new ProcessPool(1);
        Task<int> lost = pool.SubmitAsync(KillMyself);
        Task<int>[] others = [.. Enumerable.Range(0, 20).Select(i => pool.SubmitAsync(Square, i))];
        var error = await Assert.ThrowsAsync<WorkerLostException>(() => lost.Soon());
        Assert.Equal(9, error.Signal);
        Assert.Null(error.ExitCode);
        Assert.True(error.ProcessId > 0);
        Assert.Equal(Enumerable.Range(0, 20).Select(Square), await Task.WhenAll(others).Soon());
        PoolStats stats = pool.Stats();
        Assert.Equal((1, 1, 20), (stats.Lost, stats.Failed, stats.Completed));
    }

    [Fact]
    public async Task ExitOfAWorkerIsReportedWithItsCode()
    {
        using var pool = new ProcessPool(1);
        var error = await Assert.ThrowsAsync<WorkerLostException>(() => pool.SubmitAsync(static () =>
        {
            Environment.Exit(3);
            return 1;
        }).Soon());
        Assert.Equal(3, error.ExitCode);
        Assert.Null(error.Signal);
    }

    [Fact]
    public async Task CancelOfARunningTaskReplacesItsWorker()
    {
        using var pool = new ProcessPool(1);
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        using var source = new CancellationTokenSource();
        Task endless = pool.SubmitAsync(
            static name =>
            {
                TouchAndSpin(name);
                return 0;
            },
            path,
            source.Token);
        Waiting.Until(() => File.Exists(path));
        File.Delete(path);
        source.Cancel();
        var error = await Assert.ThrowsAsync<TaskCanceledException>(() => endless.Soon());
        Assert.Equal(source.Token, error.CancellationToken);
        Assert.Equal(4, await pool.SubmitAsync(Square, 2).Soon());
        Assert.Equal(1, pool.Stats().Cancelled);
    }

    [Fact]
    public async Task TimeoutReplacesTheWorker()
    {
        using var pool = new ProcessPool(1);
        int before = await pool.SubmitAsync(static () => Environment.ProcessId).Soon();
        var options = new TaskOptions { Timeout = TimeSpan.FromMilliseconds(50) };
        await Assert.ThrowsAsync<TimeoutException>(() => pool.SubmitAsync(
            static stop => Thread.Sleep(Timeout.Infinite), options: options).Soon());
        int after = await pool.SubmitAsync(static () => Environment.ProcessId).Soon();
        Assert.NotEqual(before, after);
    }

    [Fact]
    public async Task TaskWhoseWorkerIsLostRunsAgainIfItMay()
    {
        using var pool = new ProcessPool(1);
        using var gate = new SharedGate();
        var options = new TaskOptions { MaxAttempts = 2 };
        Task<int> task = pool.SubmitAsync(
            DieTheFirstTime, gate.Folder, options: options);
        Assert.Equal(7, await task.Soon());
    }

    private static int DieTheFirstTime(string folder)
    {
        string mark = Path.Combine(folder, "mark");
        if (!File.Exists(mark))
        {
            File.WriteAllText(mark, "");
            KillMyself();
        }
        return 7;
    }

    [Fact]
    public async Task InitializerRunsInEachWorker()
    {
        using var pool = new ProcessPool(new ProcessPoolOptions
        {
            MaxWorkers = 1,
            Initializer = static () => s_state = 7,
        });
        Assert.Equal(7, await pool.SubmitAsync(static () => s_state).Soon());
        Assert.Equal(0, s_state);
    }

    [Fact]
    public void MissingWorkerProgramIsNamed()
    {
        using var pool = new ProcessPool(new ProcessPoolOptions
        {
            WorkerCommand = ["/does/not/exist"],
        });
        var error = Assert.ThrowsAny<Exception>(() => pool.Run(static () => 1));
        Assert.Contains("/does/not/exist", error.ToString());
    }

    [Fact]
    public void ProgramThatIsNoWorkerBreaksThePoolAndIsQuoted()
    {
        using var pool = new ProcessPool(new ProcessPoolOptions
        {
            WorkerCommand = ["/bin/sh", "-c", "echo no module images >&2"],
        });
        var error = Assert.Throws<BrokenPoolException>(() => pool.Run(static () => 1));
        Assert.Contains("its last lines on stderr:\n  no module images", error.Message);
    }

    [Fact]
    public void ProgramThatSaysNothingInTimeBreaksThePool()
    {
        using var pool = new ProcessPool(new ProcessPoolOptions
        {
            WorkerCommand = ["/bin/sleep", "60"],
            HandshakeTimeout = TimeSpan.FromMilliseconds(100),
        });
        var error = Assert.Throws<BrokenPoolException>(() => pool.Run(static () => 1));
        Assert.Contains("sent no handshake within 100ms", error.Message);
    }

    [Fact]
    public void HandshakeTimeoutMustBeMoreThanZero() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new ProcessPool(
            new ProcessPoolOptions { HandshakeTimeout = TimeSpan.Zero }));

    private static bool MayGetNoPrivileges() =>
        File.ReadLines("/proc/self/status").Contains("NoNewPrivs:\t1");

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WorkersGetNoNewPrivilegesIfTheyAreToldSo(bool forbidden)
    {
        using var pool = new ProcessPool(
            new ProcessPoolOptions { MaxWorkers = 1, NoNewPrivileges = forbidden });
        Assert.Equal(
            forbidden || MayGetNoPrivileges(),
            await pool.SubmitAsync(MayGetNoPrivileges).Soon());
    }

    /// Of native code's settings, which are the library's own business.
    private static object? NativeDefault(string type, string property)
    {
        Type settings = typeof(ProcessPool).Assembly.GetTypes().Single(t => t.Name == type);
        using var made = (IDisposable)Activator.CreateInstance(settings, nonPublic: true)!;
        return settings.GetProperty(property)!.GetValue(made);
    }

    [Fact]
    public void DefaultsAreThoseOfNativeCode()
    {
        var threads = new ThreadPoolOptions();
        var processes = new ProcessPoolOptions();
        long idle = (long)NativeDefault("NativePoolOptions", "IdleTimeout")!;
        Assert.Equal(idle / 100, threads.IdleTimeout.Ticks);
        Assert.Equal(idle / 100, processes.IdleTimeout.Ticks);
        Assert.Equal(
            NativeDefault("NativeProcessPoolOptions", "MaxPayloadBytes"), processes.MaxPayloadBytes);
        Assert.Equal(
            (long)NativeDefault("NativeProcessPoolOptions", "RestartWindow")! / 100,
            processes.RestartWindow.Ticks);
        Assert.Equal(NativeDefault("NativePoolOptions", "MaxPending"), threads.MaxPending);
        Assert.Equal(NativeDefault("NativePoolOptions", "WhenFull"), (int)threads.WhenFull);
        Assert.Equal(
            NativeDefault("NativeProcessPoolOptions", "NoNewPrivileges"), processes.NoNewPrivileges);
    }

    [Fact]
    public void ArgumentOfAnUnknownTypeIsRefusedForACppTask()
    {
        using var pool = new ProcessPool(1);
        var error = Assert.Throws<SerializationException>(
            () => { pool.CallAsync<long>("math.fib", 1L, 2m); });
        Assert.Contains("argument 2", error.Message);
        Assert.Contains("System.Decimal", error.Message);
    }
}

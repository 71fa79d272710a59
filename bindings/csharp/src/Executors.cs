namespace Asyncpal;

/// <summary>Makes pools of the usual kinds, named as in the other
/// languages.</summary>
public static class Executors
{
    /// <summary>Makes a pool of up to <paramref name="workers"/> threads.</summary>
    public static ThreadPool NewFixedThreadPool(int workers) => new(workers);

    /// <summary>Makes a pool of one thread: tasks run one after the other.</summary>
    public static ThreadPool NewSingleThreadExecutor() =>
        new(new ThreadPoolOptions { MaxWorkers = 1, HasFixedSize = true });

    /// <summary>Makes a pool of two threads.</summary>
    public static ThreadPool NewDualThreadPool() =>
        new(new ThreadPoolOptions { MaxWorkers = 2, HasFixedSize = true });

    /// <summary>Makes a pool of three threads.</summary>
    public static ThreadPool NewTripleThreadPool() =>
        new(new ThreadPoolOptions { MaxWorkers = 3, HasFixedSize = true });

    /// <summary>Makes a pool of four threads.</summary>
    public static ThreadPool NewQuadThreadPool() =>
        new(new ThreadPoolOptions { MaxWorkers = 4, HasFixedSize = true });

    /// <summary>
    /// Makes a pool that has as many threads as its tasks need, up to the number
    /// of CPUs plus five, and none when it has nothing to do.
    /// </summary>
    public static ThreadPool NewCachedThreadPool() => new();

    /// <summary>Makes a pool of up to <paramref name="workers"/>
    /// processes.</summary>
    public static ProcessPool NewFixedProcessPool(int workers) => new(workers);

    /// <summary>Makes a pool of one process: tasks run one after the other.</summary>
    public static ProcessPool NewSingleProcessExecutor() =>
        new(new ProcessPoolOptions { MaxWorkers = 1, HasFixedSize = true });

    /// <summary>Makes a pool of two processes.</summary>
    public static ProcessPool NewDualProcessPool() =>
        new(new ProcessPoolOptions { MaxWorkers = 2, HasFixedSize = true });

    /// <summary>Makes a pool of three processes.</summary>
    public static ProcessPool NewTripleProcessPool() =>
        new(new ProcessPoolOptions { MaxWorkers = 3, HasFixedSize = true });

    /// <summary>Makes a pool of four processes.</summary>
    public static ProcessPool NewQuadProcessPool() =>
        new(new ProcessPoolOptions { MaxWorkers = 4, HasFixedSize = true });
}

using System;
using System.Threading;
using System.Threading.Tasks;
using Asyncpal.Internal;

namespace Asyncpal;

/// <content>Submitting single tasks.</content>
public abstract partial class Pool
{
    /// <summary>Runs a function on a worker.</summary>
    /// <param name="function">What to run.</param>
    /// <param name="cancellationToken">
    /// Cancelled before the function has begun: it never runs. A running one on a
    /// thread may look at the token itself; in a process it is ended, with its
    /// worker.
    /// </param>
    /// <returns>
    /// A task with what the function returns or throws. It becomes canceled with
    /// that token, or when the pool is shut down before the function has begun.
    /// Whatever awaits it does not continue on a worker.
    /// </returns>
    /// <exception cref="ObjectDisposedException">The pool is closed.</exception>
    /// <exception cref="BrokenPoolException">The pool is broken.</exception>
    public Task<T> SubmitAsync<T>(
        Func<T> function, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(function);
        return Submit(new Call<T>(function, function), cancellationToken);
    }

    /// <summary>Runs a function on a worker, with an argument.</summary>
    /// <inheritdoc cref="SubmitAsync{T}(Func{T}, CancellationToken)"/>
    public Task<T> SubmitAsync<TArgument, T>(
        Func<TArgument, T> function,
        TArgument argument,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(function);
        return Submit(
            new Call<T>(() => function(argument), function, argument),
            cancellationToken);
    }

    /// <summary>Runs a function on a worker, with two arguments.</summary>
    /// <inheritdoc cref="SubmitAsync{T}(Func{T}, CancellationToken)"/>
    public Task<T> SubmitAsync<T1, T2, T>(
        Func<T1, T2, T> function,
        T1 first,
        T2 second,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(function);
        return Submit(
            new Call<T>(() => function(first, second), function, first, second),
            cancellationToken);
    }

    /// <inheritdoc cref="SubmitAsync{T}(Func{T}, CancellationToken)"/>
    public Task SubmitAsync(
        Action function, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(function);
        return Submit(
            new Call<Nothing>(() => Return(function), function), cancellationToken);
    }

    /// <summary>
    /// Runs an asynchronous function. In a thread pool its worker is free from the
    /// first await on, and what follows is up to the .NET thread pool; in a
    /// process pool a worker runs all of it.
    /// </summary>
    /// <inheritdoc cref="SubmitAsync{T}(Func{T}, CancellationToken)"/>
    public Task<T> SubmitAsync<T>(
        Func<Task<T>> function, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(function);
        return SubmitAsynchronous(
            new Call<Task<T>>(function, function), cancellationToken);
    }

    /// <inheritdoc cref="SubmitAsync{T}(Func{Task{T}}, CancellationToken)"/>
    public Task SubmitAsync(
        Func<Task> function, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(function);
        return SubmitAsynchronous(
            new Call<Task<Nothing>>(() => ReturnAsync(function), function),
            cancellationToken);
    }

    /// <summary>
    /// Runs a function on a worker and waits for it: returns what it returns and
    /// throws what it throws. A worker of a thread pool may run the function of
    /// its own pool right there.
    /// </summary>
    /// <param name="function">What to run.</param>
    public T Run<T>(Func<T> function) =>
        SubmitAsync(function).GetAwaiter().GetResult();

    /// <inheritdoc cref="Run{T}(Func{T})"/>
    public T Run<TArgument, T>(Func<TArgument, T> function, TArgument argument) =>
        SubmitAsync(function, argument).GetAwaiter().GetResult();

    /// <inheritdoc cref="Run{T}(Func{T})"/>
    public void Run(Action function) =>
        SubmitAsync(function).GetAwaiter().GetResult();

    private protected abstract Task<T> Submit<T>(
        Call<T> call, CancellationToken token);

    private protected abstract Task<T> SubmitAsynchronous<T>(
        Call<Task<T>> call, CancellationToken token);

    private static Nothing Return(Action function)
    {
        function();
        return default;
    }

    private static async Task<Nothing> ReturnAsync(Func<Task> function)
    {
        await function().ConfigureAwait(false);
        return default;
    }
}

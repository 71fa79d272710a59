using System;
using System.Threading;
using System.Threading.Tasks;
using Asyncpal.Internal;

namespace Asyncpal;

/// <content>Submitting tasks with options, and functions that can be stopped.</content>
public abstract partial class Pool
{
    /// <summary>Runs a function on a worker, within limits.</summary>
    /// <inheritdoc cref="SubmitAsync{T}(Func{T}, CancellationToken)"/>
    /// <param name="options">Its name and limits.</param>
    /// <param name="function">What to run.</param>
    /// <param name="cancellationToken">As without options.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is.</exception>
    public Task<T> SubmitAsync<T>(
        TaskOptions options,
        Func<T> function,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(function);
        return Submit(new Call<T>(function, function), options, cancellationToken);
    }

    /// <summary>Runs a function on a worker, with an argument.</summary>
    /// <inheritdoc cref="SubmitAsync{T}(TaskOptions, Func{T}, CancellationToken)"/>
    public Task<T> SubmitAsync<TArgument, T>(
        TaskOptions options,
        Func<TArgument, T> function,
        TArgument argument,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(function);
        return Submit(
            new Call<T>(() => function(argument), function, argument),
            options,
            cancellationToken);
    }

    /// <summary>Runs a function on a worker, with two arguments.</summary>
    /// <inheritdoc cref="SubmitAsync{T}(TaskOptions, Func{T}, CancellationToken)"/>
    public Task<T> SubmitAsync<T1, T2, T>(
        TaskOptions options,
        Func<T1, T2, T> function,
        T1 first,
        T2 second,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(function);
        return Submit(
            new Call<T>(() => function(first, second), function, first, second),
            options,
            cancellationToken);
    }

    /// <inheritdoc cref="SubmitAsync{T}(TaskOptions, Func{T}, CancellationToken)"/>
    public Task SubmitAsync(
        TaskOptions options,
        Action function,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(function);
        return Submit(
            new Call<Nothing>(() => Return(function), function),
            options,
            cancellationToken);
    }

    /// <summary>
    /// Runs a function that can be stopped: its token is cancelled by the caller's,
    /// by its timeout, and when the pool is shut down, unless that drains it. In a
    /// process pool the token never is, since the worker is killed.
    /// </summary>
    /// <inheritdoc cref="SubmitAsync{T}(Func{T}, CancellationToken)"/>
    public Task<T> SubmitAsync<T>(
        Func<CancellationToken, T> function,
        CancellationToken cancellationToken = default) =>
        SubmitStoppable(null, function, cancellationToken);

    /// <inheritdoc cref="SubmitAsync{T}(Func{CancellationToken, T}, CancellationToken)"/>
    /// <param name="options">Its name and limits.</param>
    /// <param name="function">What to run.</param>
    /// <param name="cancellationToken">As without options.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is.</exception>
    public Task<T> SubmitAsync<T>(
        TaskOptions options,
        Func<CancellationToken, T> function,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return SubmitStoppable(options, function, cancellationToken);
    }

    /// <inheritdoc cref="SubmitAsync{T}(Func{CancellationToken, T}, CancellationToken)"/>
    public Task SubmitAsync(
        Action<CancellationToken> function,
        CancellationToken cancellationToken = default) =>
        SubmitStoppable(null, function, cancellationToken);

    /// <inheritdoc cref="SubmitAsync{T}(TaskOptions, Func{CancellationToken, T}, CancellationToken)"/>
    public Task SubmitAsync(
        TaskOptions options,
        Action<CancellationToken> function,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return SubmitStoppable(options, function, cancellationToken);
    }

    /// <summary>
    /// Runs an asynchronous function, within limits. In a thread pool its timeout
    /// holds up to its first await.
    /// </summary>
    /// <inheritdoc cref="SubmitAsync{T}(TaskOptions, Func{T}, CancellationToken)"/>
    public Task<T> SubmitAsync<T>(
        TaskOptions options,
        Func<Task<T>> function,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(function);
        return SubmitAsynchronous(
            new Call<Task<T>>(function, function), options, cancellationToken);
    }

    /// <inheritdoc cref="SubmitAsync{T}(TaskOptions, Func{Task{T}}, CancellationToken)"/>
    public Task SubmitAsync(
        TaskOptions options,
        Func<Task> function,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(function);
        return SubmitAsynchronous(
            new Call<Task<Nothing>>(() => ReturnAsync(function), function),
            options,
            cancellationToken);
    }

    /// <summary>Runs an asynchronous function that can be stopped.</summary>
    /// <inheritdoc cref="SubmitAsync{T}(Func{CancellationToken, T}, CancellationToken)"/>
    public Task<T> SubmitAsync<T>(
        Func<CancellationToken, Task<T>> function,
        CancellationToken cancellationToken = default) =>
        SubmitAsynchronouslyStoppable(null, function, cancellationToken);

    /// <inheritdoc cref="SubmitAsync{T}(TaskOptions, Func{Task{T}}, CancellationToken)"/>
    public Task<T> SubmitAsync<T>(
        TaskOptions options,
        Func<CancellationToken, Task<T>> function,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return SubmitAsynchronouslyStoppable(options, function, cancellationToken);
    }

    /// <inheritdoc cref="SubmitAsync{T}(Func{CancellationToken, Task{T}}, CancellationToken)"/>
    public Task SubmitAsync(
        Func<CancellationToken, Task> function,
        CancellationToken cancellationToken = default) =>
        SubmitAsynchronouslyStoppable(null, function, cancellationToken);

    /// <inheritdoc cref="SubmitAsync{T}(TaskOptions, Func{Task{T}}, CancellationToken)"/>
    public Task SubmitAsync(
        TaskOptions options,
        Func<CancellationToken, Task> function,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return SubmitAsynchronouslyStoppable(options, function, cancellationToken);
    }

    /// <summary>
    /// As <see cref="Run{T}(Func{T})"/>, within limits.
    /// </summary>
    /// <param name="options">Its name and limits.</param>
    /// <param name="function">What to run.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is.</exception>
    public T Run<T>(TaskOptions options, Func<T> function) =>
        WaitFor(SubmitAsync(options, function));

    /// <inheritdoc cref="Run{T}(TaskOptions, Func{T})"/>
    public T Run<TArgument, T>(
        TaskOptions options, Func<TArgument, T> function, TArgument argument) =>
        WaitFor(SubmitAsync(options, function, argument));

    /// <inheritdoc cref="Run{T}(TaskOptions, Func{T})"/>
    public void Run(TaskOptions options, Action function)
    {
        Task task = SubmitAsync(options, function);
        WaitOn(task, Timeout.InfiniteTimeSpan);
        task.GetAwaiter().GetResult();
    }

    /// <summary>With options, or with a function that can be stopped.</summary>
    private protected abstract Task<T> Submit<T>(
        Call<T> call, TaskOptions? options, CancellationToken token);

    /// <summary>The same for one that is asynchronous.</summary>
    private protected abstract Task<T> SubmitAsynchronous<T>(
        Call<Task<T>> call, TaskOptions? options, CancellationToken token);

    private Task<T> SubmitAsynchronouslyStoppable<T>(
        TaskOptions? options,
        Func<CancellationToken, Task<T>> function,
        CancellationToken token)
    {
        ArgumentNullException.ThrowIfNull(function);
        return SubmitAsynchronous(
            new Call<Task<T>>(() => function(default), function) { Stoppable = function },
            options,
            token);
    }

    private Task<Nothing> SubmitAsynchronouslyStoppable(
        TaskOptions? options, Func<CancellationToken, Task> function, CancellationToken token)
    {
        ArgumentNullException.ThrowIfNull(function);
        return SubmitAsynchronous(
            new Call<Task<Nothing>>(() => ReturnAsync(() => function(default)), function)
            {
                Stoppable = stop => ReturnAsync(() => function(stop)),
            },
            options,
            token);
    }

    private T WaitFor<T>(Task<T> task)
    {
        WaitOn(task, Timeout.InfiniteTimeSpan);
        return task.GetAwaiter().GetResult();
    }

    private Task<T> SubmitStoppable<T>(
        TaskOptions? options, Func<CancellationToken, T> function, CancellationToken token)
    {
        ArgumentNullException.ThrowIfNull(function);
        return Submit(
            new Call<T>(() => function(default), function) { Stoppable = function },
            options,
            token);
    }

    private Task<Nothing> SubmitStoppable(
        TaskOptions? options, Action<CancellationToken> function, CancellationToken token)
    {
        ArgumentNullException.ThrowIfNull(function);
        return Submit(
            new Call<Nothing>(() => Return(() => function(default)), function)
            {
                Stoppable = stop => Return(() => function(stop)),
            },
            options,
            token);
    }
}

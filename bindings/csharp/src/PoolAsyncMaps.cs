using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Asyncpal.Internal;

namespace Asyncpal;

/// <content>Maps whose readers await.</content>
public abstract partial class Pool
{
    /// <summary>
    /// Calls a function with each input; gives the results in the order of the
    /// inputs. It is a few tasks ahead of its reader, so that inputs may be
    /// many, or without end; leaving it early cancels what has not begun.
    /// </summary>
    /// <inheritdoc cref="Map{TIn, TOut}"/>
    public IAsyncEnumerable<TOut> MapAsync<TIn, TOut>(
        Func<TIn, TOut> function,
        IEnumerable<TIn> inputs,
        MapOptions? options = null,
        CancellationToken cancellationToken = default) =>
        ReadAsync(Start(
            new MapPlan("MapAsync", IsOrdered: true, IsEager: false),
            One(function),
            inputs,
            options,
            cancellationToken), cancellationToken);

    /// <summary>
    /// As the form with one input, but with one of each of two inputs, until the
    /// shorter ends.
    /// </summary>
    /// <inheritdoc cref="Map{TIn, TOut}"/>
    public IAsyncEnumerable<TOut> MapAsync<T1, T2, TOut>(
        Func<T1, T2, TOut> function,
        IEnumerable<T1> first,
        IEnumerable<T2> second,
        MapOptions? options = null,
        CancellationToken cancellationToken = default) =>
        ReadAsync(Start(
            new MapPlan("MapAsync", IsOrdered: true, IsEager: false),
            Two(function),
            first.Zip(second),
            options,
            cancellationToken), cancellationToken);

    /// <summary>
    /// Calls a function with each input; gives the results as they are done. It
    /// is a few tasks ahead of its reader, so that inputs may be many, or
    /// without end; leaving it early cancels what has not begun.
    /// </summary>
    /// <inheritdoc cref="Map{TIn, TOut}"/>
    public IAsyncEnumerable<TOut> MapUnorderedAsync<TIn, TOut>(
        Func<TIn, TOut> function,
        IEnumerable<TIn> inputs,
        MapOptions? options = null,
        CancellationToken cancellationToken = default) =>
        ReadAsync(Start(
            new MapPlan("MapUnorderedAsync", IsOrdered: false, IsEager: false),
            One(function),
            inputs,
            options,
            cancellationToken), cancellationToken);

    /// <summary>
    /// As the form with one input, but with one of each of two inputs, until the
    /// shorter ends.
    /// </summary>
    /// <inheritdoc cref="Map{TIn, TOut}"/>
    public IAsyncEnumerable<TOut> MapUnorderedAsync<T1, T2, TOut>(
        Func<T1, T2, TOut> function,
        IEnumerable<T1> first,
        IEnumerable<T2> second,
        MapOptions? options = null,
        CancellationToken cancellationToken = default) =>
        ReadAsync(Start(
            new MapPlan("MapUnorderedAsync", IsOrdered: false, IsEager: false),
            Two(function),
            first.Zip(second),
            options,
            cancellationToken), cancellationToken);

    /// <summary>
    /// Calls a function with each input; gives the results in the order of the
    /// inputs. It starts all of its tasks at once, and its task is done when
    /// they are done.
    /// </summary>
    /// <inheritdoc cref="Map{TIn, TOut}"/>
    public Task<IReadOnlyList<TOut>> MapAllAsync<TIn, TOut>(
        Func<TIn, TOut> function,
        IEnumerable<TIn> inputs,
        MapOptions? options = null,
        CancellationToken cancellationToken = default) =>
        ReadAllAsync(Start(
            new MapPlan("MapAllAsync", IsOrdered: true, IsEager: true),
            One(function),
            inputs,
            options,
            cancellationToken));

    /// <summary>
    /// As the form with one input, but with one of each of two inputs, until the
    /// shorter ends.
    /// </summary>
    /// <inheritdoc cref="Map{TIn, TOut}"/>
    public Task<IReadOnlyList<TOut>> MapAllAsync<T1, T2, TOut>(
        Func<T1, T2, TOut> function,
        IEnumerable<T1> first,
        IEnumerable<T2> second,
        MapOptions? options = null,
        CancellationToken cancellationToken = default) =>
        ReadAllAsync(Start(
            new MapPlan("MapAllAsync", IsOrdered: true, IsEager: true),
            Two(function),
            first.Zip(second),
            options,
            cancellationToken));

    /// <summary>
    /// Calls a function with each input; gives the results as they are done. It
    /// starts all of its tasks at once, and its task is done when they are
    /// done.
    /// </summary>
    /// <inheritdoc cref="Map{TIn, TOut}"/>
    public Task<IReadOnlyList<TOut>> MapAllUnorderedAsync<TIn, TOut>(
        Func<TIn, TOut> function,
        IEnumerable<TIn> inputs,
        MapOptions? options = null,
        CancellationToken cancellationToken = default) =>
        ReadAllAsync(Start(
            new MapPlan("MapAllUnorderedAsync", IsOrdered: false, IsEager: true),
            One(function),
            inputs,
            options,
            cancellationToken));

    /// <summary>
    /// As the form with one input, but with one of each of two inputs, until the
    /// shorter ends.
    /// </summary>
    /// <inheritdoc cref="Map{TIn, TOut}"/>
    public Task<IReadOnlyList<TOut>> MapAllUnorderedAsync<T1, T2, TOut>(
        Func<T1, T2, TOut> function,
        IEnumerable<T1> first,
        IEnumerable<T2> second,
        MapOptions? options = null,
        CancellationToken cancellationToken = default) =>
        ReadAllAsync(Start(
            new MapPlan("MapAllUnorderedAsync", IsOrdered: false, IsEager: true),
            Two(function),
            first.Zip(second),
            options,
            cancellationToken));

    /// <summary>
    /// Calls a function with each tuple's elements; gives the results in the
    /// order of the inputs. It is a few tasks ahead of its reader, so that
    /// inputs may be many, or without end; leaving it early cancels what has
    /// not begun.
    /// </summary>
    /// <inheritdoc cref="Map{TIn, TOut}"/>
    public IAsyncEnumerable<TOut> StarmapAsync<T1, T2, TOut>(
        Func<T1, T2, TOut> function,
        IEnumerable<(T1 First, T2 Second)> inputs,
        MapOptions? options = null,
        CancellationToken cancellationToken = default) =>
        ReadAsync(Start(
            new MapPlan("StarmapAsync", IsOrdered: true, IsEager: false),
            Two(function),
            inputs,
            options,
            cancellationToken), cancellationToken);

    /// <summary>
    /// Calls a function with each tuple's elements; gives the results as they
    /// are done. It is a few tasks ahead of its reader, so that inputs may be
    /// many, or without end; leaving it early cancels what has not begun.
    /// </summary>
    /// <inheritdoc cref="Map{TIn, TOut}"/>
    public IAsyncEnumerable<TOut> StarmapUnorderedAsync<T1, T2, TOut>(
        Func<T1, T2, TOut> function,
        IEnumerable<(T1 First, T2 Second)> inputs,
        MapOptions? options = null,
        CancellationToken cancellationToken = default) =>
        ReadAsync(Start(
            new MapPlan("StarmapUnorderedAsync", IsOrdered: false, IsEager: false),
            Two(function),
            inputs,
            options,
            cancellationToken), cancellationToken);

    /// <summary>
    /// Calls a function with each tuple's elements; gives the results in the
    /// order of the inputs. It starts all of its tasks at once, and its task is
    /// done when they are done.
    /// </summary>
    /// <inheritdoc cref="Map{TIn, TOut}"/>
    public Task<IReadOnlyList<TOut>> StarmapAllAsync<T1, T2, TOut>(
        Func<T1, T2, TOut> function,
        IEnumerable<(T1 First, T2 Second)> inputs,
        MapOptions? options = null,
        CancellationToken cancellationToken = default) =>
        ReadAllAsync(Start(
            new MapPlan("StarmapAllAsync", IsOrdered: true, IsEager: true),
            Two(function),
            inputs,
            options,
            cancellationToken));

    /// <summary>
    /// Calls a function with each tuple's elements; gives the results as they
    /// are done. It starts all of its tasks at once, and its task is done when
    /// they are done.
    /// </summary>
    /// <inheritdoc cref="Map{TIn, TOut}"/>
    public Task<IReadOnlyList<TOut>> StarmapAllUnorderedAsync<T1, T2, TOut>(
        Func<T1, T2, TOut> function,
        IEnumerable<(T1 First, T2 Second)> inputs,
        MapOptions? options = null,
        CancellationToken cancellationToken = default) =>
        ReadAllAsync(Start(
            new MapPlan("StarmapAllUnorderedAsync", IsOrdered: false, IsEager: true),
            Two(function),
            inputs,
            options,
            cancellationToken));
}

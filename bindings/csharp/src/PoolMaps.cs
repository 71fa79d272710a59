using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Asyncpal.Internal;

namespace Asyncpal;

/// <content>Maps that block their reader.</content>
public abstract partial class Pool
{
    /// <summary>
    /// Calls a function with each input; gives the results in the order of the
    /// inputs. It is a few tasks ahead of its reader, so that inputs may be
    /// many, or without end; leaving it early cancels what has not begun.
    /// </summary>
    /// <param name="function">What to call, on workers.</param>
    /// <param name="inputs">
    /// Read by the thread that reads the results, and one chunk at a time.
    /// </param>
    /// <param name="options">How the inputs become tasks.</param>
    /// <param name="cancellationToken">
    /// Ends the map, with a <see cref="TaskCanceledException"/>.
    /// </param>
    /// <remarks>
    /// What a call throws comes out in the place of its result, and ends the map.
    /// The results can be read once. The first tasks start with the call.
    /// </remarks>
    /// <exception cref="TimeoutException">The time in the options is over.</exception>
    public IEnumerable<TOut> Map<TIn, TOut>(
        Func<TIn, TOut> function,
        IEnumerable<TIn> inputs,
        MapOptions? options = null,
        CancellationToken cancellationToken = default) =>
        Read(Start(
            new MapPlan("Map", IsOrdered: true, IsEager: false),
            One(function),
            inputs,
            options,
            cancellationToken));

    /// <summary>
    /// As the form with one input, but with one of each of two inputs, until the
    /// shorter ends.
    /// </summary>
    /// <inheritdoc cref="Map{TIn, TOut}"/>
    public IEnumerable<TOut> Map<T1, T2, TOut>(
        Func<T1, T2, TOut> function,
        IEnumerable<T1> first,
        IEnumerable<T2> second,
        MapOptions? options = null,
        CancellationToken cancellationToken = default) =>
        Read(Start(
            new MapPlan("Map", IsOrdered: true, IsEager: false),
            Two(function),
            first.Zip(second),
            options,
            cancellationToken));

    /// <summary>
    /// Calls a function with each input; gives the results as they are done. It
    /// is a few tasks ahead of its reader, so that inputs may be many, or
    /// without end; leaving it early cancels what has not begun.
    /// </summary>
    /// <inheritdoc cref="Map{TIn, TOut}"/>
    public IEnumerable<TOut> MapUnordered<TIn, TOut>(
        Func<TIn, TOut> function,
        IEnumerable<TIn> inputs,
        MapOptions? options = null,
        CancellationToken cancellationToken = default) =>
        Read(Start(
            new MapPlan("MapUnordered", IsOrdered: false, IsEager: false),
            One(function),
            inputs,
            options,
            cancellationToken));

    /// <summary>
    /// As the form with one input, but with one of each of two inputs, until the
    /// shorter ends.
    /// </summary>
    /// <inheritdoc cref="Map{TIn, TOut}"/>
    public IEnumerable<TOut> MapUnordered<T1, T2, TOut>(
        Func<T1, T2, TOut> function,
        IEnumerable<T1> first,
        IEnumerable<T2> second,
        MapOptions? options = null,
        CancellationToken cancellationToken = default) =>
        Read(Start(
            new MapPlan("MapUnordered", IsOrdered: false, IsEager: false),
            Two(function),
            first.Zip(second),
            options,
            cancellationToken));

    /// <summary>
    /// Calls a function with each input; gives the results in the order of the
    /// inputs. It starts all of its tasks at once, and returns when they are
    /// done.
    /// </summary>
    /// <inheritdoc cref="Map{TIn, TOut}"/>
    public IReadOnlyList<TOut> MapAll<TIn, TOut>(
        Func<TIn, TOut> function,
        IEnumerable<TIn> inputs,
        MapOptions? options = null,
        CancellationToken cancellationToken = default) =>
        ReadAll(Start(
            new MapPlan("MapAll", IsOrdered: true, IsEager: true),
            One(function),
            inputs,
            options,
            cancellationToken));

    /// <summary>
    /// As the form with one input, but with one of each of two inputs, until the
    /// shorter ends.
    /// </summary>
    /// <inheritdoc cref="Map{TIn, TOut}"/>
    public IReadOnlyList<TOut> MapAll<T1, T2, TOut>(
        Func<T1, T2, TOut> function,
        IEnumerable<T1> first,
        IEnumerable<T2> second,
        MapOptions? options = null,
        CancellationToken cancellationToken = default) =>
        ReadAll(Start(
            new MapPlan("MapAll", IsOrdered: true, IsEager: true),
            Two(function),
            first.Zip(second),
            options,
            cancellationToken));

    /// <summary>
    /// Calls a function with each input; gives the results as they are done. It
    /// starts all of its tasks at once, and returns when they are done.
    /// </summary>
    /// <inheritdoc cref="Map{TIn, TOut}"/>
    public IReadOnlyList<TOut> MapAllUnordered<TIn, TOut>(
        Func<TIn, TOut> function,
        IEnumerable<TIn> inputs,
        MapOptions? options = null,
        CancellationToken cancellationToken = default) =>
        ReadAll(Start(
            new MapPlan("MapAllUnordered", IsOrdered: false, IsEager: true),
            One(function),
            inputs,
            options,
            cancellationToken));

    /// <summary>
    /// As the form with one input, but with one of each of two inputs, until the
    /// shorter ends.
    /// </summary>
    /// <inheritdoc cref="Map{TIn, TOut}"/>
    public IReadOnlyList<TOut> MapAllUnordered<T1, T2, TOut>(
        Func<T1, T2, TOut> function,
        IEnumerable<T1> first,
        IEnumerable<T2> second,
        MapOptions? options = null,
        CancellationToken cancellationToken = default) =>
        ReadAll(Start(
            new MapPlan("MapAllUnordered", IsOrdered: false, IsEager: true),
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
    public IEnumerable<TOut> Starmap<T1, T2, TOut>(
        Func<T1, T2, TOut> function,
        IEnumerable<(T1 First, T2 Second)> inputs,
        MapOptions? options = null,
        CancellationToken cancellationToken = default) =>
        Read(Start(
            new MapPlan("Starmap", IsOrdered: true, IsEager: false),
            Two(function),
            inputs,
            options,
            cancellationToken));

    /// <summary>
    /// Calls a function with each tuple's elements; gives the results as they
    /// are done. It is a few tasks ahead of its reader, so that inputs may be
    /// many, or without end; leaving it early cancels what has not begun.
    /// </summary>
    /// <inheritdoc cref="Map{TIn, TOut}"/>
    public IEnumerable<TOut> StarmapUnordered<T1, T2, TOut>(
        Func<T1, T2, TOut> function,
        IEnumerable<(T1 First, T2 Second)> inputs,
        MapOptions? options = null,
        CancellationToken cancellationToken = default) =>
        Read(Start(
            new MapPlan("StarmapUnordered", IsOrdered: false, IsEager: false),
            Two(function),
            inputs,
            options,
            cancellationToken));

    /// <summary>
    /// Calls a function with each tuple's elements; gives the results in the
    /// order of the inputs. It starts all of its tasks at once, and returns
    /// when they are done.
    /// </summary>
    /// <inheritdoc cref="Map{TIn, TOut}"/>
    public IReadOnlyList<TOut> StarmapAll<T1, T2, TOut>(
        Func<T1, T2, TOut> function,
        IEnumerable<(T1 First, T2 Second)> inputs,
        MapOptions? options = null,
        CancellationToken cancellationToken = default) =>
        ReadAll(Start(
            new MapPlan("StarmapAll", IsOrdered: true, IsEager: true),
            Two(function),
            inputs,
            options,
            cancellationToken));

    /// <summary>
    /// Calls a function with each tuple's elements; gives the results as they
    /// are done. It starts all of its tasks at once, and returns when they are
    /// done.
    /// </summary>
    /// <inheritdoc cref="Map{TIn, TOut}"/>
    public IReadOnlyList<TOut> StarmapAllUnordered<T1, T2, TOut>(
        Func<T1, T2, TOut> function,
        IEnumerable<(T1 First, T2 Second)> inputs,
        MapOptions? options = null,
        CancellationToken cancellationToken = default) =>
        ReadAll(Start(
            new MapPlan("StarmapAllUnordered", IsOrdered: false, IsEager: true),
            Two(function),
            inputs,
            options,
            cancellationToken));
}

using System.Collections;
using System.Collections.Generic;
using System.Linq;

namespace Asyncpal.Internal;

/// <summary>Inputs of a map in step, and how many there are, if that is known.</summary>
internal sealed class Zipped<T>(IEnumerable<T> rows, int? count) : IEnumerable<T>, ICounted
{
    /// <inheritdoc/>
    public int? Count => count;

    /// <inheritdoc/>
    public IEnumerator<T> GetEnumerator() => rows.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

/// <summary>What may know how many elements it has.</summary>
internal interface ICounted
{
    /// <summary>Null: it does not.</summary>
    int? Count { get; }
}

/// <summary>Counts without going through.</summary>
internal static class Zipped
{
    /// <summary>Null: that is not known.</summary>
    public static int? CountOf<T>(IEnumerable<T> inputs) =>
        inputs is ICounted counted ? counted.Count
        : inputs.TryGetNonEnumeratedCount(out int count) ? count
        : null;

    /// <summary>Of the shorter one, if both are known.</summary>
    public static int? CountOf<T1, T2>(IEnumerable<T1> first, IEnumerable<T2> second) =>
        Min(CountOf(first), CountOf(second));

    /// <inheritdoc cref="CountOf{T1, T2}"/>
    public static int? CountOf<T1, T2, T3>(
        IEnumerable<T1> first, IEnumerable<T2> second, IEnumerable<T3> third) =>
        Min(CountOf(first, second), CountOf(third));

    /// <inheritdoc cref="CountOf{T1, T2}"/>
    public static int? CountOf<T1, T2, T3, T4>(
        IEnumerable<T1> first,
        IEnumerable<T2> second,
        IEnumerable<T3> third,
        IEnumerable<T4> fourth) =>
        Min(CountOf(first, second), CountOf(third, fourth));

    private static int? Min(int? one, int? other) =>
        one == null || other == null ? null : one < other ? one : other;
}

using System;
using System.Collections.Generic;

namespace Asyncpal.Internal.Json;

/// <summary>
/// What a collection finds and sorts its keys by, as a number. The platform's own
/// travel; any other would be lost, and is refused.
/// </summary>
internal static class Comparers
{
    private static readonly StringComparer[] Known =
    [
        StringComparer.Ordinal,
        StringComparer.OrdinalIgnoreCase,
        StringComparer.InvariantCulture,
        StringComparer.InvariantCultureIgnoreCase,
    ];

    /// <summary>0: the key's own.</summary>
    public static int NumberOf<TKey>(object? comparer, Type collection)
    {
        if (comparer == null
            || comparer == EqualityComparer<TKey>.Default
            || comparer == Comparer<TKey>.Default)
        {
            return 0;
        }
        int known = Array.FindIndex(Known, one => one.Equals(comparer));
        return known >= 0
            ? known + 1
            : throw new SerializationException(
                $"a {collection} with a comparer of its own, {comparer.GetType()}, "
                + "can't become JSON");
    }

    /// <summary>For keys that are hashed; null: the key's own.</summary>
    public static IEqualityComparer<TKey>? Equality<TKey>(int number) =>
        number == 0 ? null : (IEqualityComparer<TKey>)(object)Known[number - 1];

    /// <summary>For keys that are sorted; null: the key's own.</summary>
    public static IComparer<TKey>? Order<TKey>(int number) =>
        number == 0 ? null : (IComparer<TKey>)(object)Known[number - 1];
}

namespace Asyncpal.Internal;

/// <summary>What kind of map it is.</summary>
/// <param name="Name">For messages.</param>
/// <param name="IsOrdered">Whether results come in the order of the inputs.</param>
/// <param name="IsEager">Whether all tasks start at once.</param>
internal readonly record struct MapPlan(string Name, bool IsOrdered, bool IsEager);

namespace Asyncpal.Extensions.Hosting;

/// <summary>What a host does with a pool, by the pool's name.</summary>
/// <remarks>
/// <code>
/// services.Configure&lt;PoolHostingOptions&gt;("images", o => o.WorkersOnStart = 4);
/// </code>
/// </remarks>
public sealed class PoolHostingOptions
{
    /// <summary>
    /// Whether <see cref="Pool.Test"/> runs before the host starts; if it throws,
    /// the start fails with that. True by default.
    /// </summary>
    public bool TestOnStart { get; set; } = true;

    /// <summary>How many workers start with the host; by default one.</summary>
    public int WorkersOnStart { get; set; } = 1;
}

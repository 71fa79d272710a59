using System.Runtime.CompilerServices;
using System.Text.Json;

namespace Asyncpal.Internal.Json;

/// <summary>
/// Whether types can be looked into at run time: not in programs that were trimmed
/// or compiled ahead of time.
/// </summary>
internal static class Reflection
{
    /// <summary>
    /// Both are constants to the trimmer, which drops what is behind them.
    /// </summary>
    public static bool IsAvailable =>
        JsonSerializer.IsReflectionEnabledByDefault
        && RuntimeFeature.IsDynamicCodeSupported;
}

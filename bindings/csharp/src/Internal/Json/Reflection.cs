using System.Diagnostics.CodeAnalysis;
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
    /// A constant to the trimmer, which drops what is behind it: false where code is
    /// missing that attributes say is required.
    /// </summary>
    [FeatureGuard(typeof(RequiresUnreferencedCodeAttribute))]
    [FeatureGuard(typeof(RequiresDynamicCodeAttribute))]
    public static bool IsAvailable =>
        JsonSerializer.IsReflectionEnabledByDefault
        && RuntimeFeature.IsDynamicCodeSupported;
}

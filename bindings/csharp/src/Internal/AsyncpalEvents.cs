using System;
using System.Diagnostics.CodeAnalysis;
using System.Diagnostics.Tracing;

namespace Asyncpal.Internal;

/// <summary>The events of this library, which has the name Asyncpal there.</summary>
/// <remarks>What nobody listens to goes to stderr.</remarks>
[EventSource(Name = "Asyncpal")]
internal sealed class AsyncpalEvents : EventSource
{
    public static readonly AsyncpalEvents Log = new();

    /// <summary>A pool of threads may wait for itself.</summary>
    [NonEvent]
    public void TellBlocked(string message)
    {
        if (HasListener(EventLevel.Warning, message))
        {
            WorkersBlocked(message);
        }
    }

    /// <summary>Anything else that no task tells of.</summary>
    [NonEvent]
    public void Tell(EventLevel level, string message)
    {
        if (!HasListener(level, message))
        {
            return;
        }
        switch (level)
        {
            case EventLevel.Error:
                Error(message);
                break;
            case EventLevel.Warning:
                Warning(message);
                break;
            default:
                Information(message);
                break;
        }
    }

    private bool HasListener(EventLevel level, string message)
    {
        if (IsEnabled(level, EventKeywords.None))
        {
            return true;
        }
        Console.Error.WriteLine($"asyncpal: {message}");
        return false;
    }

    [Event(1, Level = EventLevel.Warning, Message = "{0}")]
    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = Plain)]
    private void WorkersBlocked(string message) => WriteEvent(1, message);

    [Event(2, Level = EventLevel.Informational, Message = "{0}")]
    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = Plain)]
    private void Information(string message) => WriteEvent(2, message);

    [Event(3, Level = EventLevel.Warning, Message = "{0}")]
    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = Plain)]
    private void Warning(string message) => WriteEvent(3, message);

    [Event(4, Level = EventLevel.Error, Message = "{0}")]
    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = Plain)]
    private void Error(string message) => WriteEvent(4, message);

    private const string Plain = "A string has no members to keep.";
}

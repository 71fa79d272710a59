using System;
using System.Diagnostics.CodeAnalysis;
using System.Diagnostics.Tracing;

namespace Asyncpal.Internal;

/// <summary>The events of this library, which has the name Asyncpal there.</summary>
/// <remarks>What nobody listens to goes to stderr.</remarks>
[EventSource(Name = "Asyncpal")]
internal sealed class AsyncpalEvents : EventSource
{
    public const int WorkersBlockedId = 1;
    public const int InformationId = 2;
    public const int WarningId = 3;
    public const int ErrorId = 4;

    public static readonly AsyncpalEvents Log = new();

    /// <summary>That of a message of native code.</summary>
    /// <param name="severity">As <c>asyncpal::LogSeverity</c>.</param>
    public static EventLevel LevelOf(int severity) => severity switch
    {
        0 => EventLevel.Informational,
        1 => EventLevel.Warning,
        _ => EventLevel.Error,
    };

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

    [Event(WorkersBlockedId, Level = EventLevel.Warning, Message = "{0}")]
    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = Plain)]
    private void WorkersBlocked(string message) => WriteEvent(WorkersBlockedId, message);

    [Event(InformationId, Level = EventLevel.Informational, Message = "{0}")]
    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = Plain)]
    private void Information(string message) => WriteEvent(InformationId, message);

    [Event(WarningId, Level = EventLevel.Warning, Message = "{0}")]
    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = Plain)]
    private void Warning(string message) => WriteEvent(WarningId, message);

    [Event(ErrorId, Level = EventLevel.Error, Message = "{0}")]
    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = Plain)]
    private void Error(string message) => WriteEvent(ErrorId, message);

    private const string Plain = "A string has no members to keep.";
}

using System.Diagnostics.Tracing;
using System.Globalization;
using System.Linq;
using Microsoft.Extensions.Logging;

namespace Asyncpal.Extensions.Hosting;

/// <summary>Writes what pools report to a logger.</summary>
internal sealed class PoolEventListener(ILogger logger) : EventListener
{
    /// <inheritdoc/>
    protected override void OnEventSourceCreated(EventSource eventSource)
    {
        if (eventSource.Name == nameof(Asyncpal))
        {
            EnableEvents(eventSource, EventLevel.Informational);
        }
    }

    /// <inheritdoc/>
    protected override void OnEventWritten(EventWrittenEventArgs eventData)
    {
        object?[] values = eventData.Payload?.ToArray() ?? [];
        string text = string.Format(
            CultureInfo.InvariantCulture, eventData.Message ?? "{0}", values);
        logger.Log(
            eventData.Level <= EventLevel.Error ? LogLevel.Error
            : eventData.Level == EventLevel.Warning ? LogLevel.Warning
            : LogLevel.Information,
            new EventId(eventData.EventId, eventData.EventName),
            "{Report}",
            text);
    }
}

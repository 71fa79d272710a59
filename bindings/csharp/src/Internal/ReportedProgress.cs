namespace Asyncpal.Internal;

/// <summary>What a task has reported last, for all that are asked for it.</summary>
internal sealed class ReportedProgress
{
    private volatile TaskProgress? _last;

    public TaskProgress? Last
    {
        get => _last;
        set => _last = value;
    }
}

namespace Asyncpal.Internal;

/// <summary>One key of a view with keys.</summary>
internal interface IViewKey
{
    /// <summary>A task is about to be submitted; returns the key's number.</summary>
    long Enter();

    /// <summary>The task is over, and its function has returned; or it was not
    /// submitted.</summary>
    void Leave();
}

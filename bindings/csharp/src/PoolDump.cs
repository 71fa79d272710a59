using System;
using System.Globalization;
using System.Text;
using Asyncpal.Internal;

namespace Asyncpal;

/// <content>What all pools do, as text.</content>
public abstract partial class Pool
{
    /// <summary>1, 2, 3, ..., in the order in which this process made its pools.</summary>
    internal long Id { get; private set; }

    /// <summary>"threads" or "processes".</summary>
    internal abstract string Kind { get; }

    /// <summary>
    /// What all pools of this process that were not disposed of are doing, for people:
    /// each with its workers, what they run, and for how long. For logs and debuggers;
    /// the text may change from one version to the next.
    /// </summary>
    public static string DumpState()
    {
        var text = new StringBuilder();
        foreach (Pool pool in OpenPools.All())
        {
            try
            {
                text.Append(pool.Dump());
            }
            catch (ObjectDisposedException)
            {
                // By another thread, just now.
            }
        }
        return text.ToString();
    }

    /// <summary>The pool is made, and can be asked.</summary>
    private protected void Register(ObserverCalls? observer)
    {
        Id = OpenPools.Add(this);
        observer?.Open(this);
    }

    private StringBuilder Dump()
    {
        PoolStats stats = Stats();
        string state = IsBroken ? ", broken" : IsClosed ? ", closed" : "";
        string delayed = stats.Delayed == 0 ? "" : $" ({stats.Delayed} delayed)";
        var text = new StringBuilder();
        text.Append(
            CultureInfo.InvariantCulture,
            $"pool '{Name}' (id {Id}, {Kind}{state}): {stats.Workers} of {MaxWorkers} "
                + $"workers, {stats.Busy} busy; tasks: {stats.Pending} pending{delayed}, "
                + $"{stats.Running} running, {stats.Completed} completed, "
                + $"{stats.Failed} failed ({stats.Lost} lost), "
                + $"{stats.Cancelled} cancelled\n");
        foreach (WorkerInfo worker in Workers())
        {
            string process = worker.ProcessId is { } id ? $" ({id})" : "";
            text.Append(CultureInfo.InvariantCulture, $"  {worker.Name}{process}: ");
            if (worker.IsBusy)
            {
                double seconds = Math.Round(worker.RunningFor.TotalSeconds, 3);
                text.Append(
                    CultureInfo.InvariantCulture,
                    $"runs {worker.CurrentTask} for {seconds}s");
            }
            else
            {
                text.Append("idle");
            }
            text.Append(CultureInfo.InvariantCulture, $", {worker.TasksDone} done\n");
        }
        return text;
    }
}

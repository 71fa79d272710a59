using System;
using System.Threading;
using System.Threading.Tasks;

namespace Asyncpal.Internal;

/// <summary>
/// A task that is run again and again: what <see cref="Periodic"/> is a handle of. Each
/// run is a task of the pool, submitted for its time when the one before is over.
/// </summary>
/// <remarks>
/// <para>How it works. An asynchronous loop submits runs and awaits them, one at a time.
/// What a caller wishes meanwhile changes the schedule, and whoever changes that or has
/// submitted a run sees to it that the run's time is that of the schedule.</para>
/// <para>Threads: any. It calls no code of users with its lock held. Errors: those of the
/// first submission are <see cref="Start"/>'s.</para>
/// </remarks>
internal sealed class PeriodicRuns
{
    private readonly Asyncpal.Pool _pool;
    private readonly PeriodicOptions _options;
    private readonly TaskOptions _taskOptions;
    private readonly Func<TaskOptions, CancellationToken, Task> _submit;
    private readonly CancellationTokenSource _stop = new();

    private readonly TaskCompletionSource _done =
        new(TaskCreationOptions.RunContinuationsAsynchronously);

    private readonly Lock _lock = new();

    // Guarded by the lock.
    private readonly PeriodicSchedule _schedule;
    private TaskTiming? _current;  // of the run that was submitted
    private bool _isTriggered;  // while a run goes on
    private bool _isCancelled;
    private bool _hasEnded;

    // Changes of when the next run is due, and those that have been applied.
    private int _version;
    private int _applied;
    private bool _isApplying;

    /// <param name="pool">What runs it.</param>
    /// <param name="period">How often.</param>
    /// <param name="options">Null: none.</param>
    /// <param name="submit">Submits a run.</param>
    public PeriodicRuns(
        Asyncpal.Pool pool,
        TimeSpan period,
        PeriodicOptions? options,
        Func<TaskOptions, CancellationToken, Task> submit)
    {
        _pool = pool;
        _options = options ?? new PeriodicOptions();
        _taskOptions = _options.Task ?? new TaskOptions();
        _submit = submit;
        using NativePeriodicOptions schedule = _options.ToNative(
            Checks.Positive(nameof(period), period));
        _schedule = new PeriodicSchedule(schedule, pool.ClockNow());
    }

    public Task Done => _done.Task;

    /// <summary>Submits the first run, or throws. Once.</summary>
    public void Start()
    {
        _pool.AddSeries(Done);
        try
        {
            var timing = new TaskTiming
            {
                IsRun = true,
                Delay = Durations.ToNanos(_options.InitialDelay),
            };
            _ = RunAsync(Submit(timing), timing);
        }
        catch
        {
            _pool.RemoveSeries(Done);
            throw;
        }
    }

    public bool Cancel()
    {
        using (Uninterrupted.Enter(_lock))
        {
            if (_hasEnded || _isCancelled)
            {
                return false;
            }
            _isCancelled = true;
            if (_isApplying)
            {
                return true;  // a task that is being moved can't be cancelled
            }
        }
        _stop.Cancel();
        return true;
    }

    public bool Trigger()
    {
        using (Uninterrupted.Enter(_lock))
        {
            if (_hasEnded || _isCancelled || !TryGetNow(out long now))
            {
                return false;
            }
            if (IsRunning)
            {
                _isTriggered = true;
                return true;
            }
            if (!_schedule.Trigger(now))
            {
                return true;
            }
            ++_version;
        }
        ApplySchedule();
        return true;
    }

    public void SetPeriod(long period)
    {
        using (Uninterrupted.Enter(_lock))
        {
            if (_hasEnded || _isCancelled || !TryGetNow(out long now))
            {
                return;
            }
            _schedule.SetPeriod(period, now, IsRunning);
            ++_version;
        }
        ApplySchedule();
    }

    public PeriodicStats Stats()
    {
        using (Uninterrupted.Enter(_lock))
        {
            TimeSpan untilNext = Timeout.InfiniteTimeSpan;
            if (!_hasEnded
                && _schedule.Due() != long.MaxValue
                && TryGetNow(out long now))
            {
                // No sooner than that.
                untilNext = TimeSpan.FromTicks(
                    (Math.Max(_schedule.Due() - now, 0) + 99) / 100);
            }
            return new PeriodicStats(
                _schedule.Runs(), _schedule.Failed(), _schedule.Skipped(), untilNext);
        }
    }

    // Meanwhile nobody moves the task: that takes the lock, too, or _isApplying.
    private bool IsRunning => !_isApplying && _current?.Task is { HasNotBegun: false };

    private Task Submit(TaskTiming timing)
    {
        Task run = _submit(_taskOptions with { Timing = timing }, _stop.Token);
        using (Uninterrupted.Enter(_lock))
        {
            _current = timing;
        }
        ApplySchedule();
        return run;
    }

    private async Task RunAsync(Task first, TaskTiming timing)
    {
        try
        {
            for (Task? run = first; run != null; )
            {
                await run.ConfigureAwait(
                    ConfigureAwaitOptions.SuppressThrowing
                        | ConfigureAwaitOptions.ForceYielding);
                if (timing.Gone is { } gone)
                {
                    await gone.Task.ConfigureAwait(false);
                }
                if (!Account(run))
                {
                    return;
                }
                (run, timing) = SubmitNext();
            }
        }
        catch (Exception e)
        {
            EndAs(e);
        }
    }

    /// <summary>Null: there is none, as it has ended.</summary>
    private (Task? Run, TaskTiming Timing) SubmitNext()
    {
        while (true)
        {
            TaskTiming timing;
            using (Uninterrupted.Enter(_lock))
            {
                _applied = _version;
                timing = new TaskTiming { IsRun = true, NextDue = _schedule.Due() };
            }
            try
            {
                return (Submit(timing), timing);
            }
            catch (RejectedException e)
            {
                if (!Account(e))
                {
                    return (null, timing);
                }
            }
            catch (ObjectDisposedException)
            {
                EndAs(null, isCancelled: true);
                return (null, timing);
            }
        }
    }

    /// <summary>That run is over. False: the end has come.</summary>
    private bool Account(Task run)
    {
        if (!run.IsCanceled)
        {
            return Account(run.Exception?.InnerException);
        }
        bool isCancelled;
        using (Uninterrupted.Enter(_lock))
        {
            isCancelled = _isCancelled;
        }
        if (isCancelled || _pool.IsClosed)
        {
            EndAs(null, isCancelled: true);
            return false;
        }
        // By some token of its own.
        return Account(new TaskCanceledException(run));
    }

    private bool Account(Exception? error)
    {
        if (error is BrokenPoolException)
        {
            EndAs(error);
            return false;
        }
        if (!TryGetNow(out long now))
        {
            EndAs(null, isCancelled: true);
            return false;
        }
        bool stops = error != null && _options.OnError == OnRunError.Stop;
        long run;
        bool isLast;
        using (Uninterrupted.Enter(_lock))
        {
            _current = null;
            isLast = !_schedule.OnEnd(now, error != null);
            run = _schedule.Runs();
            if (_isTriggered)
            {
                _isTriggered = false;
                _schedule.Trigger(now);
            }
        }
        if (stops)
        {
            EndAs(error);
            return false;
        }
        if (error != null)
        {
            Report(run, error);
        }
        if (isLast)
        {
            EndAs(null);
            return false;
        }
        using (Uninterrupted.Enter(_lock))
        {
            if (!_isCancelled)
            {
                return true;
            }
        }
        EndAs(null, isCancelled: true);
        return false;
    }

    private void Report(long run, Exception error)
    {
        string name = _taskOptions.Name;
        string what = name.Length == 0 ? "a periodic task" : $"'{name}'";
        var report = new PeriodicRunException(
            $"run {run} of {what} on pool '{_pool.Name}' failed: {Guarded.Text(error)}",
            name,
            run,
            error);
        try
        {
            _pool.OnUnobservedFailure(report, "a periodic task failed");
        }
        catch (Exception thrown)
        {
            _ = Task.FromException(thrown);  // unobserved, as in any task
        }
    }

    private void EndAs(Exception? error, bool isCancelled = false)
    {
        using (Uninterrupted.Enter(_lock))
        {
            _hasEnded = true;
            _current = null;
        }
        _pool.RemoveSeries(Done);
        if (isCancelled)
        {
            _done.TrySetCanceled();
        }
        else if (error != null)
        {
            _done.TrySetException(error);
            _ = _done.Task.Exception;  // nobody need look at it
        }
        else
        {
            _done.TrySetResult();
        }
    }

    /// <summary>Moves the run that waits to where the schedule has it.</summary>
    private void ApplySchedule()
    {
        while (true)
        {
            ITimedTask? task;
            long due;
            using (Uninterrupted.Enter(_lock))
            {
                if (_isApplying || _isCancelled || _applied == _version)
                {
                    return;
                }
                task = _current?.Task;
                if (task == null)
                {
                    return;  // whoever submits it looks again
                }
                _isApplying = true;
                _applied = _version;
                due = _schedule.Due();
            }
            try
            {
                task.MoveDelayed(due);
            }
            catch (ObjectDisposedException)
            {
                // The pool has cancelled it.
            }
            bool isCancelled;
            using (Uninterrupted.Enter(_lock))
            {
                _isApplying = false;
                isCancelled = _isCancelled;
            }
            if (isCancelled)
            {
                _stop.Cancel();
                return;
            }
        }
    }

    /// <summary>False: the pool is disposed of.</summary>
    private bool TryGetNow(out long now)
    {
        try
        {
            now = _pool.ClockNow();
            return true;
        }
        catch (ObjectDisposedException)
        {
            now = 0;
            return false;
        }
    }
}

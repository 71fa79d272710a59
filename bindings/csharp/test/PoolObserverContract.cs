using System;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// What every pool tells its observer, and measures for its histograms.
public abstract class PoolObserverContract(PoolKind kind) : PoolContract(kind)
{
    private readonly RecordingObserver _recorder = new();

    private Pool NewWatchedPool() =>
        NewPool(new PoolPlan { Name = "p", Observer = _recorder });

    private Pool NewSmallPool(WhenFull whenFull) => NewPool(
        new PoolPlan { Name = "p", MaxPending = 1, WhenFull = whenFull, Observer = _recorder });

    // -------------------------------------------------------------- A task's life

    [Fact]
    public async Task TellsOfATaskFromItsSubmissionToItsEnd()
    {
        using Pool pool = NewWatchedPool();
        long worker = await pool.SubmitAsync(
            Kind.WorkerId, options: new TaskOptions { Name = "who" }).Soon();
        RecordingObserver.Event[] events = _recorder.Events;
        Assert.Equal(["submit", "start", "done"], events.Select(one => one.What));
        foreach (RecordingObserver.Event one in events)
        {
            Assert.Equal("p", one.Task.Pool);
            Assert.Equal("who", one.Task.Name);
            Assert.Equal(1, one.Task.Id);
            Assert.False(one.Task.IsLost);
        }
        TaskReport submitted = events[0].Task;
        Assert.Equal(TaskState.Pending, submitted.Outcome);
        Assert.Equal((0, 0, null), (submitted.Worker, submitted.Attempt, submitted.ProcessId));
        TaskReport started = events[1].Task;
        Assert.Equal(TaskState.Running, started.Outcome);
        Assert.Equal((1, 1, worker), (started.Worker, started.Attempt, started.ProcessId));
        TaskReport done = events[2].Task;
        Assert.Equal(TaskState.Completed, done.Outcome);
        Assert.Equal((1, 1, worker), (done.Worker, done.Attempt, done.ProcessId));
        Assert.True(done.Ran > TimeSpan.Zero);
    }

    [Fact]
    public async Task TellsOfTheEndBeforeTheFutureIsDone()
    {
        using Pool pool = NewWatchedPool();
        for (int i = 0; i < 50; ++i)
        {
            await pool.SubmitAsync(Square, i).Soon();
            Assert.Equal("submit start done", _recorder.LastLife);
        }
    }

    [Fact]
    public void TellsOfAPostedTask()
    {
        using Pool pool = NewWatchedPool();
        pool.Post(DoNothing);
        Assert.True(pool.Join(Gate.Limit));
        Assert.Equal(["submit start done"], _recorder.Lives);
        Assert.Equal(TaskState.Completed, _recorder.Last("done").Outcome);
    }

    [Fact]
    public void TellsOfATaskThatIsRunAtOnce()
    {
        using Pool pool = NewWatchedPool();
        for (int i = 0; i < 10; ++i)
        {
            Assert.Equal(i * i, pool.Run(Square, i));
        }
        Assert.Equal(10, _recorder.CountLives("submit start done"));
        Assert.Equal(10, _recorder.Lives.Length);
    }

    [Fact]
    public void TellsOfTheChunksOfAMap()
    {
        using Pool pool = NewWatchedPool();
        pool.MapAll(Square, Enumerable.Range(0, 9), new MapOptions { ChunkSize = 3 });
        Assert.Equal(4, pool.Map(Square, Enumerable.Range(0, 4)).Count());
        Assert.Equal(7, _recorder.CountLives("submit start done"));
        Assert.Equal(7, _recorder.Lives.Length);
    }

    [Fact]
    public async Task TellsOfATaskThatThrows()
    {
        using Pool pool = NewWatchedPool();
        await Assert.ThrowsAsync<FormatException>(
            () => pool.SubmitAsync(ThrowFormatException).Soon());
        Assert.Equal(TaskState.Failed, _recorder.Last("done").Outcome);
        Assert.False(_recorder.Last("done").IsLost);
    }

    // ------------------------------------------------------ Tasks that never start

    [Fact]
    public async Task CancelledTaskEndsWithoutAStart()
    {
        using Pool pool = NewWatchedPool();
        using var gate = new SharedGate();
        Occupy(pool, gate);
        using var cancellation = new CancellationTokenSource();
        Task<int> task = pool.SubmitAsync(Square, 2, cancellation.Token);
        cancellation.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => task.Soon());
        Assert.Equal("submit done", _recorder.LastLife);
        TaskReport report = _recorder.Last("done");
        Assert.Equal(TaskState.Cancelled, report.Outcome);
        Assert.Equal((0, 0, TimeSpan.Zero), (report.Worker, report.Attempt, report.Ran));
        gate.Open();
    }

    [Fact]
    public async Task ExpiredTaskEndsWithoutAStart()
    {
        using Pool pool = NewWatchedPool();
        using var gate = new SharedGate();
        Occupy(pool, gate);
        await AssertTimesOut(pool.SubmitAsync(
            Square, 2, options: new TaskOptions { QueueDeadline = Instant }));
        Assert.Equal("submit done", _recorder.LastLife);
        Assert.Equal(TaskState.Failed, _recorder.Last("done").Outcome);
        Assert.True(_recorder.Last("done").Waited >= Instant);
        Assert.Equal(1, pool.Stats().Expired);
        gate.Open();
    }

    [Fact]
    public void RefusedTaskEndsWithoutAStart()
    {
        using Pool pool = NewSmallPool(WhenFull.Reject);
        using var gate = new SharedGate();
        Occupy(pool, gate);
        _ = pool.SubmitAsync(Square, 2);
        Assert.Throws<RejectedException>(() => { _ = pool.SubmitAsync(Square, 3); });
        Assert.Throws<RejectedException>(() => pool.Post(DoNothing));
        Assert.Equal(
            ["submit", "submit done", "submit done", "submit start"],
            _recorder.Lives.Order());
        gate.Open();
    }

    [Fact]
    public void WaitForRoomThatEndsInVainEndsTheTask()
    {
        using Pool pool = NewSmallPool(WhenFull.Block);
        using var gate = new SharedGate();
        Occupy(pool, gate);
        _ = pool.SubmitAsync(Square, 2);
        Assert.Throws<RejectedException>(() =>
        {
            _ = pool.SubmitAsync(
                Square, 4, options: new TaskOptions { QueueDeadline = Instant });
        });
        Assert.Equal("submit done", _recorder.LifeOf(_recorder.Last("done").Id));
        gate.Open();
    }

    [Fact]
    public void DroppedTaskEndsWithoutAStart()
    {
        using Pool pool = NewSmallPool(WhenFull.DropOldest);
        using var gate = new SharedGate();
        Occupy(pool, gate);
        _ = pool.SubmitAsync(Square, 2);
        long oldest = _recorder.Last("submit").Id;
        _ = pool.SubmitAsync(Square, 3);
        Assert.Equal("submit done", _recorder.LifeOf(oldest));
        Assert.Equal(TaskState.Failed, _recorder.Last("done").Outcome);
        gate.Open();
    }

    [Fact]
    public void TaskThatAShutdownCancelsEndsWithoutAStart()
    {
        using Pool pool = NewWatchedPool();
        using var gate = new SharedGate();
        Occupy(pool, gate);
        _ = pool.SubmitAsync(Square, 2);
        pool.Post(DoNothing);
        pool.Shutdown(AtOnce);
        Assert.Equal(2, _recorder.CountLives("submit done"));
        gate.Open();
    }

    [Fact]
    public void ClosedPoolTellsOfNoSubmission()
    {
        using Pool pool = NewWatchedPool();
        pool.Shutdown();
        Assert.Throws<ObjectDisposedException>(() => { _ = pool.SubmitAsync(Square, 2); });
        Assert.Empty(_recorder.Events);
    }

    // ------------------------------------------------------------- Ended by others

    [Fact]
    public async Task TaskThatTimesOutEndsWithItsWorker()
    {
        using Pool pool = NewWatchedPool();
        using var gate = new SharedGate();
        var limited = new TaskOptions { Timeout = TimeSpan.FromMilliseconds(50) };
        await AssertTimesOut(
            pool.SubmitAsync(SharedGate.Pass, gate.Folder, 0, options: limited));
        Assert.Equal("submit start done", _recorder.LastLife);
        TaskReport report = _recorder.Last("done");
        Assert.Equal(TaskState.Failed, report.Outcome);
        Assert.Equal((1, 1), (report.Worker, report.Attempt));
        Assert.True(report.Ran >= limited.Timeout);
        Assert.Equal(1, pool.Stats().TimedOut);
        gate.Open();
    }

    // --------------------------------------------------------------------- Workers

    [Fact]
    public void TellsOfWorkersFromTheirStartToTheirEnd()
    {
        using Pool pool = NewPool(
            new PoolPlan { MaxWorkers = 2, Name = "p", Observer = _recorder });
        pool.SpawnMaxWorkers();
        Assert.True(pool.Join(Gate.Limit));
        RecordingObserver.WorkerEvent[] events = _recorder.WorkerEvents;
        foreach (RecordingObserver.WorkerEvent one in events)
        {
            Assert.Equal($"p-worker-{one.Worker.Id}", one.Worker.Name);
            Assert.NotNull(one.Worker.ProcessId);
            Assert.Equal(one.What == "started" ? "" : "Join() waits for it", one.Why);
        }
        long started = pool.Stats().WorkersStarted;
        Assert.Equal(started, events.Count(one => one.What == "started"));
        Assert.Equal(2 * started, events.Length);
        Assert.Equal(0, pool.Stats().WorkersLost);
    }

    [Fact]
    public void WorkerAtItsTaskLimitEndsForThat()
    {
        using Pool pool = NewPool(
            new PoolPlan { MaxTasksPerWorker = 1, Observer = _recorder });
        pool.Run(DoNothing);
        Assert.True(pool.Join(Gate.Limit));
        RecordingObserver.WorkerEvent[] events = _recorder.WorkerEvents;
        Assert.Equal(["started", "ended"], events.Select(one => one.What));
        Assert.Equal("it has run its MaxTasksPerWorker", events[1].Why);
        Assert.Equal(1, events[1].Worker.TasksDone);
    }

    // ------------------------------------------------------- What observers may do

    private sealed class Thrower : PoolObserver
    {
        public override void OnSubmit(TaskReport task) => Throw();

        public override void OnStart(TaskReport task) => Throw();

        public override void OnDone(TaskReport task) => Throw();

        public override void OnWorkerStarted(WorkerInfo worker) => Throw();

        public override void OnWorkerEnded(WorkerInfo worker, string why) => Throw();

        private static void Throw() => throw new FormatException("no wish to know");
    }

    [Fact]
    public async Task WhatAnObserverThrowsHarmsNobody()
    {
        using var lines = new Lines("no wish to know");
        using Pool pool = NewPool(new PoolPlan { Observer = new Thrower() });
        for (int i = 0; i < 5; ++i)
        {
            Assert.Equal(i * i, await pool.SubmitAsync(Square, i).Soon());
        }
        pool.Post(DoNothing);
        Assert.True(pool.Join(Gate.Limit));
        Assert.Equal(6, pool.Stats().Completed);
        Assert.Equal(1, lines.Count);
    }

    private sealed class User : PoolObserver
    {
        private int _submissions;

        public int Submissions => Volatile.Read(ref _submissions);

        public Pool? Pool { get; set; }

        public override void OnSubmit(TaskReport task)
        {
            Look();
            // Its own condition, that ends.
            if (Interlocked.Increment(ref _submissions) <= 3)
            {
                Pool!.Post(DoNothing);
            }
        }

        public override void OnStart(TaskReport task) => Look();

        public override void OnDone(TaskReport task)
        {
            Look();
            if (task.Name == "first")
            {
                _ = Pool!.SubmitAsync(Square, 2);
            }
        }

        public override void OnWorkerStarted(WorkerInfo worker) => Look();

        public override void OnWorkerEnded(WorkerInfo worker, string why) => Look();

        private void Look()
        {
            Pool!.Stats();
            Pool.Workers();
        }
    }

    [Fact]
    public async Task ObserverMayUseThePool()
    {
        var user = new User();
        using Pool pool = NewPool(new PoolPlan { Observer = user });
        user.Pool = pool;
        Assert.Equal(9, await pool.SubmitAsync(
            Square, 3, options: new TaskOptions { Name = "first" }).Soon());
        Assert.True(pool.Join(Gate.Limit));
        // The first, three posted ones, and the one from OnDone().
        Assert.Equal(5, pool.Stats().Completed);
        Assert.Equal(5, user.Submissions);
    }

    [Fact]
    public async Task EachTaskOfManyHasOneLife()
    {
        using Pool pool = NewPool(new PoolPlan { MaxWorkers = 3, Observer = _recorder });
        async Task SubmitMany()
        {
            for (int i = 0; i < 60; ++i)
            {
                using var cancellation = new CancellationTokenSource();
                Task<int> task = pool.SubmitAsync(Square, i, cancellation.Token);
                if (i % 3 == 0)
                {
                    cancellation.Cancel();
                }
                await task.Soon().ContinueWith(static _ => { }, TaskScheduler.Default);
            }
        }
        await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => Task.Run(SubmitMany))).Soon();
        Assert.True(pool.Join(Gate.Limit));
        int whole = _recorder.CountLives("submit start done");
        int cancelled = _recorder.CountLives("submit done");
        // Killed as it started: its end need not wait for OnStart().
        int killed = _recorder.CountLives("submit done start");
        Assert.Equal(180, whole + cancelled + killed);
        Assert.True(cancelled + killed <= pool.Stats().Cancelled);
    }
}

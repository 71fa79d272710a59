using System;
using System.Collections.Generic;
using System.Linq;
using Asyncpal.Internal;
using Xunit;
using Xunit.Sdk;

namespace Asyncpal.Tests;

/// HostQueue in small pools, in random orders of all that happens, and where native code
/// refuses.
public class HostQueueScheduleTest
{
    private const int Seeds = 30_000;

    private readonly TaskCounts _counts = new();
    private readonly HostQueue _queue;
    private int _tickets;

    public HostQueueScheduleTest() => _queue = new HostQueue(_counts);

    [Fact]
    public void NoScheduleLeavesATaskBehind()
    {
        for (int seed = 0; seed < Seeds; ++seed)
        {
            try
            {
                new HostQueueModel(seed, Fault.None).Run();
            }
            catch (XunitException e)
            {
                throw new XunitException($"with seed {seed}: {e.Message}");
            }
        }
    }

    /// So the schedules are able to find what they are for.
    [Theory]
    [InlineData((int)Fault.EndsUnseen)]
    [InlineData((int)Fault.SeeksNoSuccessor)]
    [InlineData((int)Fault.IgnoresSignal)]
    [InlineData((int)Fault.BlocksUnsaid)]
    [InlineData((int)Fault.SearchesForEver)]
    public void SomeScheduleFindsAFault(int fault)
    {
        for (int seed = 0; seed < Seeds; ++seed)
        {
            try
            {
                new HostQueueModel(seed, (Fault)fault).Run();
            }
            catch (XunitException)
            {
                return;
            }
        }
        Assert.Fail($"none finds {(Fault)fault}");
    }

    private Work Submit()
    {
        var work = new Work();
        _counts.Number();
        if (_queue.Push(work))
        {
            _queue.SeeToWorkers();
        }
        return work;
    }

    [Fact]
    public void TaskThatReliedOnARefusedTicketIsStranded()
    {
        var mine = new Work();
        var other = new Work();
        _queue.Open(1, () =>
        {
            // While this ticket is out nobody else needs one.
            _counts.Number();
            Assert.False(_queue.Push(other));
            throw new InvalidOperationException("no thread");
        });
        _counts.Number();
        Assert.True(_queue.Push(mine));
        Assert.Throws<InvalidOperationException>(() => _queue.SeeToWorkers());
        Assert.Equal([mine, other], _queue.TakeStranded());
        Assert.Null(_queue.Take());
    }

    [Fact]
    public void OneTaskNeedsOneTicket()
    {
        _queue.Open(2, () => ++_tickets);
        Work work = Submit();
        var worker = new WorkerCounts();
        _counts.Add(worker);
        _queue.Work(worker);
        Assert.True(work.IsDone);
        Assert.Equal(1, _tickets);
        Assert.Equal((0, 0, 0), _queue.Tickets);
    }

    [Fact]
    public void ClosingGivesEachTaskATicket()
    {
        _queue.Open(1, () => ++_tickets);
        for (int i = 0; i < 3; ++i)
        {
            Submit();
        }
        Assert.Equal(1, _tickets);
        Assert.True(_queue.Close(runsRest: true, () => _tickets += 10));
        Assert.Equal(13, _tickets);
        _counts.Number();
        Assert.True(_queue.Push(new Work()));
        Assert.False(_queue.SeeToWorkers());
    }

    [Fact]
    public void WhatFollowsNativeTasksDoesNotOvertakeThem()
    {
        _queue.Open(2, () => ++_tickets);
        for (int i = 0; i < 5; ++i)
        {
            Submit();
        }
        _counts.Number();
        _counts.EnterNativeQueue();
        _queue.GoFirst();  // in front of it, a ticket for each
        Assert.Equal(5, _tickets);
        Assert.True(_counts.MustFollowNative);
        _counts.LeaveNativeQueue();
        _counts.Leave();
        Assert.False(_counts.MustFollowNative);
    }

    [Fact]
    public void TicketLeavesItsWorkerToNativeTasksAfterEachTask()
    {
        _queue.Open(1, () => ++_tickets);
        Work[] works = [.. Enumerable.Range(0, 3).Select(_ => Submit())];
        _counts.Hold();
        _queue.GoFirst();
        Assert.Equal(3, _tickets);
        var worker = new WorkerCounts();
        _counts.Add(worker);
        for (int done = 1; done <= 3; ++done)
        {
            _queue.Work(worker);
            Assert.Equal(done, works.Count(static work => work.IsDone));
        }
        Assert.Equal((0, 0, 0), _queue.Tickets);
        _counts.Release();
    }

    [Fact]
    public void MoreWorkersGetMoreTickets()
    {
        _queue.Open(1, () => ++_tickets);
        for (int i = 0; i < 5; ++i)
        {
            Submit();
        }
        Assert.Equal(1, _tickets);
        _queue.SetMaxWorkers(3);
        Assert.Equal(3, _tickets);
    }

    [Fact]
    public void CancelledTasksDoNotStayInTheQueue()
    {
        _queue.Open(1, () => ++_tickets);
        var cancelled = new List<WeakReference>();
        for (int i = 0; i < 5000; ++i)
        {
            cancelled.Add(CancelOne());
        }
        GC.Collect();
        Assert.InRange(cancelled.FindAll(static work => work.IsAlive).Count, 0, 2000);
    }

    // By itself, so that no variable of the test keeps the task.
    [System.Runtime.CompilerServices.MethodImpl(
        System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private WeakReference CancelOne()
    {
        Work work = Submit();
        work.Claim();
        _counts.Drop(Outcome.Cancelled);
        _queue.AddStale();
        return new WeakReference(work);
    }
}

/// A mistake that somebody could make in the protocol.
internal enum Fault
{
    None,

    /// A ticket that has searched in vain ends without a look at the queue.
    EndsUnseen,

    /// One that has found a task looks for no successor.
    SeeksNoSuccessor,

    /// A submitter that is signalled goes its way.
    IgnoresSignal,

    /// A worker that is about to wait says so to nobody.
    BlocksUnsaid,

    /// One that stops searching counts as searching for ever.
    SearchesForEver,
}

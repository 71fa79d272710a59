using System;
using System.Collections.Generic;
using System.Linq;
using Asyncpal.Internal;
using Xunit;

namespace Asyncpal.Tests;

/// A task and, in the model, what it does.
internal sealed class Work : IQueuedTask
{
    public bool IsPending { get; set; } = true;

    public long Number { get; set; }

    /// Its submission has returned.
    public bool IsReady { get; set; }

    public bool HasStarted { get; set; }

    public bool IsDone { get; set; }

    /// Is submitted later; null: nothing.
    public Work? Awaits { get; set; }

    /// Says so before it waits.
    public bool Blocks { get; set; }

    /// All of them have to have started.
    public List<Work> Meets { get; set; } = [];

    public List<Work> Submits { get; } = [];

    public bool Claim()
    {
        bool isMine = IsPending;
        IsPending = false;
        return isMine;
    }

    public void RunClaimed(WorkerCounts worker) => IsDone = true;
}

/// One run of a small pool, step by step, on one thread, in an order that a seed gives.
/// The queue is the product's; native code is a model of what it promises: it loses no
/// ticket, runs at most as many of them as there may be workers, and one more while all
/// that run are blocked.
internal sealed class HostQueueModel
{
    private readonly TaskCounts _counts = new();
    private readonly List<Actor> _actors = [];
    private readonly List<Work> _all = [];
    private readonly int _maxWorkers;
    private readonly Fault _fault;
    private int _ticketsInNative;
    private int _running;
    private int _blockedTickets;
    private bool _isInHook;

    public HostQueueModel(int seed, Fault fault)
    {
        Random = new Random(seed);
        _maxWorkers = 1 + Random.Next(3);
        _fault = fault;
        Queue = new HookedQueue(this);
        Queue.Open(_maxWorkers, () => ++_ticketsInNative);
        Fill();
        if (Random.Next(3) == 0)
        {
            _actors.Add(new Holder(this));
        }
    }

    private Random Random { get; }

    private HostQueue Queue { get; }

    /// Throws if it comes to a state that must not be.
    public void Run()
    {
        while (true)
        {
            _actors.RemoveAll(static actor => actor.IsOver);
            List<Actor> order = [.. _actors];
            bool moved = (Random.Next(3) == 0 || order.Count == 0) && StartTicket();
            while (!moved && order.Count > 0)
            {
                int next = Random.Next(order.Count);
                Actor actor = order[next];
                order.RemoveAt(next);
                moved = actor.Step();
            }
            if (!moved && !StartTicket())
            {
                break;
            }
            Check();
        }
        Assert.All(_all, static work => Assert.True(work.IsDone, "a task was left behind"));
        Assert.Equal((0, 0, 0), Queue.Tickets);
        Assert.Equal(0, _counts.Here);
    }

    private void Fill()
    {
        if (Random.Next(4) == 0)
        {
            // As many as there are workers, and all must run at once.
            List<Work> together = [.. Enumerable.Range(0, _maxWorkers).Select(_ => NewWork())];
            foreach (Work work in together)
            {
                work.Meets = together;
                _actors.Add(new Submitter(this, [work]));
            }
            return;
        }
        for (int i = 1 + Random.Next(3); i > 0; --i)
        {
            var works = new List<Work>();
            for (int j = 1 + Random.Next(3); j > 0; --j)
            {
                Work work = NewWork();
                works.Add(work);
                if (Random.Next(3) == 0)
                {
                    Work inner = NewWork();
                    work.Submits.Add(inner);
                    work.Awaits = Random.Next(2) == 0 ? inner : null;
                    work.Blocks = true;
                }
            }
            _actors.Add(new Submitter(this, works));
        }
    }

    private Work NewWork()
    {
        var work = new Work();
        _all.Add(work);
        return work;
    }

    private bool StartTicket()
    {
        bool allBlocked = _running > 0 && _running == _blockedTickets;
        if (_ticketsInNative == 0 || (_running >= _maxWorkers && !allBlocked))
        {
            return false;
        }
        --_ticketsInNative;
        ++_running;
        _actors.Add(new Ticket(this));
        return true;
    }

    /// No task waits for a worker that may be had, unless somebody sees to it.
    private void Check()
    {
        int waiting = _all.Count(static work => work.IsReady && work.IsPending);
        (int all, int searching, int blocked) = Queue.Tickets;
        if (all - blocked < _maxWorkers && !_actors.Exists(static actor => actor.SeesToOthers))
        {
            Assert.True(waiting <= searching, "a task waits beside a worker");
        }
    }

    /// Somebody with one step after the other.
    private abstract class Actor
    {
        public bool IsOver { get; protected set; }

        /// It is about to look for somebody that a task may need.
        public abstract bool SeesToOthers { get; }

        /// False: it can do nothing before somebody else does something.
        public abstract bool Step();
    }

    private sealed class HookedQueue(HostQueueModel model) : HostQueue(model._counts)
    {
        /// Whoever needs no lock may do something right here.
        protected override void OnSignalled()
        {
            if (model._isInHook || model.Random.Next(2) == 0)
            {
                return;
            }
            model._isInHook = true;
            for (int i = 0; i < 3 && model._actors.Count > 0; ++i)
            {
                Actor actor = model._actors[model.Random.Next(model._actors.Count)];
                if (actor is Submitter { NeedsNoLock: true } submitter)
                {
                    submitter.Step();
                }
            }
            model._isInHook = false;
        }
    }

    /// For a while, all tasks go to native code.
    private sealed class Holder(HostQueueModel model) : Actor
    {
        private int _at;

        public override bool SeesToOthers => false;

        public override bool Step()
        {
            switch (_at++)
            {
                case 0:
                    model._counts.Hold();
                    break;
                case 1:
                    model.Queue.GoFirst();
                    break;
                default:
                    model._counts.Release();
                    IsOver = true;
                    break;
            }
            return true;
        }
    }

    private sealed class Submitter : Actor
    {
        private readonly HostQueueModel _model;
        private readonly Queue<Work> _works;
        private int _at;

        public Submitter(HostQueueModel model, List<Work> works)
        {
            _model = model;
            _works = new Queue<Work>(works);
            IsOver = works.Count == 0;
        }

        public bool NeedsNoLock => !IsOver && _at < 3;

        public override bool SeesToOthers => _at > 1;

        public override bool Step()
        {
            switch (_at)
            {
                case 0:
                    _works.Peek().Number = _model._counts.Number();
                    break;
                case 1:
                    _model.Queue.Publish(_works.Peek());
                    break;
                case 2:
                    if (!_model.Queue.IsSignalled || _model._fault == Fault.IgnoresSignal)
                    {
                        Finish();
                        return true;
                    }
                    break;
                default:
                    _model.Queue.SeeToWorkers();
                    Finish();
                    return true;
            }
            ++_at;
            return true;
        }

        private void Finish()
        {
            _works.Dequeue().IsReady = true;
            _at = 0;
            IsOver = _works.Count == 0;
        }
    }

    /// A worker that has a ticket, as HostQueue.Work() has it.
    private sealed class Ticket(HostQueueModel model) : Actor
    {
        private readonly HostQueue _queue = model.Queue;
        private At _at = At.Begin;
        private bool _searches = true;
        private Work? _work;
        private Submitter? _submitter;
        private bool _isBlocked;

        private enum At
        {
            Begin,
            Take,
            Found,
            Run,
            Wait,
            Crowded,
        }

        public override bool SeesToOthers =>
            _at == At.Found || (_at == At.Crowded && _queue.IsCrowded);

        public override bool Step()
        {
            switch (_at)
            {
                case At.Begin:
                    _queue.Begin();
                    _at = At.Take;
                    return true;
                case At.Take:
                    Take();
                    return true;
                case At.Found:
                    Found();
                    _at = At.Run;
                    return true;
                case At.Run:
                    return Run();
                case At.Wait:
                    return Wait();
                default:
                    _at = At.Take;
                    if ((_queue.IsCrowded && _queue.EndIfCrowded())
                        || (model._counts.MustFollowNative && _queue.EndIfCovered()))
                    {
                        End();
                    }
                    return true;
            }
        }

        private void Take()
        {
            _work = (Work?)_queue.Take();
            if (_work != null)
            {
                _at = _searches ? At.Found : At.Run;
                _work.Claim();
                model._counts.Leave();
            }
            else if (!_searches)
            {
                _queue.Search();
                _searches = true;
            }
            else if (_queue.End() || model._fault == Fault.EndsUnseen)
            {
                End();
            }
        }

        private void Found()
        {
            _searches = false;
            switch (model._fault)
            {
                case Fault.SeeksNoSuccessor:
                    // As if nothing were there for the moment.
                    long here = model._counts.Here;
                    for (long i = 0; i < here; ++i)
                    {
                        model._counts.Leave();
                    }
                    _queue.Found();
                    for (long i = 0; i < here; ++i)
                    {
                        model._counts.Number();
                    }
                    break;
                case Fault.SearchesForEver:
                    break;
                default:
                    _queue.Found();
                    break;
            }
        }

        private bool Run()
        {
            _work!.HasStarted = true;
            _submitter ??= new Submitter(model, _work.Submits);
            if (!_submitter.IsOver)
            {
                return _submitter.Step();
            }
            _submitter = null;
            if (_work.Awaits != null && _work.Blocks && model._fault != Fault.BlocksUnsaid)
            {
                _isBlocked = true;
                ++model._blockedTickets;
                _queue.Block();
            }
            _at = At.Wait;
            return true;
        }

        private bool Wait()
        {
            if (_work!.Awaits is { IsDone: false }
                || _work.Meets.Exists(static other => !other.HasStarted))
            {
                return false;
            }
            if (_isBlocked)
            {
                _isBlocked = false;
                --model._blockedTickets;
                _queue.Unblock();
            }
            _work.IsDone = true;
            _at = At.Crowded;
            return true;
        }

        private void End()
        {
            IsOver = true;
            --model._running;
        }
    }
}

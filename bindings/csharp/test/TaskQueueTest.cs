using System;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Asyncpal.Internal;
using Xunit;

namespace Asyncpal.Tests;

public class TaskQueueTest
{
    private readonly HookedQueue _queue = new();

    private static Work[] NewTasks(int count) =>
        [.. Enumerable.Range(0, count).Select(static i => new Work { Number = i })];

    private static Task OnThread(Action body) => Task.Factory.StartNew(
        body, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    [Fact]
    public void IsFirstInFirstOut()
    {
        Work[] tasks = NewTasks(1000);
        Array.ForEach(tasks, _queue.Add);
        foreach (Work task in tasks)
        {
            Assert.False(_queue.IsEmpty);
            Assert.Same(task, _queue.TryTake());
        }
        Assert.True(_queue.IsEmpty);
        Assert.Null(_queue.TryTake());
    }

    [Fact]
    public void WhatIsSweptIsSkipped()
    {
        Work[] tasks = NewTasks(1000);
        Array.ForEach(tasks, _queue.Add);
        foreach (Work task in tasks.Where(static task => task.Number % 10 != 0))
        {
            task.Claim();
        }
        Assert.Equal(900, _queue.Sweep());
        Assert.Equal(0, _queue.Sweep());
        tasks[10].Claim();
        Assert.Equal(1, _queue.Sweep());
        _queue.Add(new Work { Number = 1000 });
        for (int i = 0; i <= 1000; i += 10)
        {
            if (i != 10)
            {
                Assert.False(_queue.IsEmpty);
                Assert.Equal(i, _queue.TryTake()?.Number);
            }
        }
        Assert.True(_queue.IsEmpty);
    }

    // Its taker had looked for a sweep, and found none, when one came.
    [Fact]
    public void TaskThatOvertakesASweepGoesBack()
    {
        Work[] tasks = NewTasks(4);
        _queue.Add(tasks[0]);
        _queue.Add(tasks[1]);
        _queue.Add(tasks[2]);
        tasks[0].Claim();
        _queue.BeforeTake = () =>
        {
            _queue.BeforeTake = null;
            Assert.Equal(1, _queue.Sweep());
            _queue.Add(tasks[3]);
        };
        Assert.Same(tasks[1], _queue.TryTake());
        Assert.Same(tasks[2], _queue.TryTake());
        Assert.Same(tasks[3], _queue.TryTake());
        Assert.True(_queue.IsEmpty);
    }

    [Fact]
    public void TaskThatIsSweptInTheMeantimeIsNotMissed()
    {
        Work task = NewTasks(1)[0];
        _queue.Add(task);
        _queue.BeforeTake = () =>
        {
            _queue.BeforeTake = null;
            Assert.Equal(0, _queue.Sweep());
            Assert.False(_queue.IsEmpty);
        };
        Assert.Same(task, _queue.TryTake());
        Assert.Null(_queue.TryTake());
    }

    [Fact]
    public async Task ThreadsGetEachTaskOnceAndInOrderWhileItIsSwept()
    {
        const int Producers = 3;
        const int Consumers = 2;
        const int Each = 100_000;
        var seen = new int[Producers, Each];
        int left = Producers * Each;
        int lastNumber = 0;
        var over = new ManualResetEventSlim();

        void Produce(int producer)
        {
            for (int i = 0; i < Each; ++i)
            {
                _queue.Add(new Item(producer, i, Interlocked.Increment(ref lastNumber)));
            }
        }

        void Consume()
        {
            int[] last = [-1, -1, -1];
            while (Volatile.Read(ref left) > 0)
            {
                if (_queue.TryTake() is not Item item)
                {
                    Thread.Yield();
                    continue;
                }
                Interlocked.Decrement(ref left);
                Interlocked.Increment(ref seen[item.Producer, item.Index]);
                Assert.True(item.Index > last[item.Producer], "out of order");
                last[item.Producer] = item.Index;
            }
        }

        Task sweeps = OnThread(() =>
        {
            while (!over.Wait(0))
            {
                _queue.Sweep();
                Thread.Yield();
            }
        });
        await Task.WhenAll(
            Enumerable.Range(0, Producers).Select(p => OnThread(() => Produce(p)))
                .Concat(Enumerable.Range(0, Consumers).Select(_ => OnThread(Consume)))).Soon();
        over.Set();
        await sweeps.Soon();
        Assert.All(seen.Cast<int>(), static count => Assert.Equal(1, count));
        Assert.True(_queue.IsEmpty);
    }

    private sealed class HookedQueue : TaskQueue
    {
        public Action? BeforeTake { get; set; }

        protected override void OnTake() => BeforeTake?.Invoke();
    }

    private sealed record Item(int Producer, int Index, long Number) : IQueuedTask
    {
        public bool IsPending => true;

        public bool Claim() => true;

        public void RunClaimed(WorkerCounts worker)
        {
        }
    }
}

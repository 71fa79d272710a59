using System;
using System.Threading;
using Asyncpal;
using ThreadPool = Asyncpal.ThreadPool;

// A program that is watched from outside: it works until its input ends.
using var counted = new ThreadPool(
    new ThreadPoolOptions { MaxWorkers = 2, Name = "counted", Histograms = true });
using var stop = new ManualResetEventSlim();
var input = new Thread(() =>
{
    Console.In.ReadToEnd();
    stop.Set();
});
input.Start();
counted.SubmitAsync(static () => 1).Wait();
Console.WriteLine(Environment.ProcessId);
while (!stop.Wait(10))
{
    counted.Run(static () => { });
}

using Asyncpal;
using ThreadPool = Asyncpal.ThreadPool;

// A small service on the package alone: both kinds of pools, a crash, and the end
// of Main with a pool that is still open.
using var threads = new ThreadPool(2);
int sum = threads.Map(x => x * x, Enumerable.Range(1, 100)).Sum();

var processes = new ProcessPool(2);
int max = await processes.SubmitAsync(Math.Max, 3, 4);
int pid = await processes.SubmitAsync(static () => Environment.ProcessId);
bool lost = false;
try
{
    await processes.SubmitAsync(static () => Environment.Exit(1));
}
catch (WorkerLostException e)
{
    lost = e.ExitCode == 1;
}
bool goesOn = await processes.SubmitAsync(static () => true);

Console.WriteLine($"{sum} {max} {pid != Environment.ProcessId} {lost} {goesOn}");
return sum == 338350 && max == 4 && pid != Environment.ProcessId && lost && goesOn
    ? 0
    : 1;

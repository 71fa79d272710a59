using Asyncpal;

using var pool = new ProcessPool(4);
Task answer = pool.SubmitAsync(Environment.Exit, 42);
Task<string> page = pool.SubmitAsync(static () => "<index.html>");
try
{
    await answer;
}
catch (WorkerLostException e)
{
    Console.WriteLine(e.Message);  // ... exited with code 42
}
Console.WriteLine(await page);  // all others go on

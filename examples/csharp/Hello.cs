using Asyncpal;
using ThreadPool = Asyncpal.ThreadPool;  // System.Threading has one, too

using var pool = new ThreadPool(4);
Task<string> page = pool.SubmitAsync(LoadAsync, "index.html");
foreach (int square in pool.Map(n => n * n, [1, 2, 3])) Console.WriteLine(square);
Console.WriteLine(await page);

static async Task<string> LoadAsync(string name)
{
    await Task.Delay(10);
    return $"<{name}>";
}

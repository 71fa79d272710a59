using System;
using System.IO;
using Asyncpal.Testing;

// What stands beside the program, and its own arguments.
Console.WriteLine(Greeter.Greet(string.Join(" and ", args)));
Console.WriteLine(File.ReadAllText(
    Path.Combine(AppContext.BaseDirectory, "note.txt")).Trim());

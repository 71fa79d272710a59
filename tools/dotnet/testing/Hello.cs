using System;
using Asyncpal.Testing;

// What stands beside the program, and its own arguments.
string name = string.Join(" and ", args);
Console.WriteLine(Greeter.Greet(name));
Console.WriteLine($"{Greeter.CountBytes(name)} bytes");

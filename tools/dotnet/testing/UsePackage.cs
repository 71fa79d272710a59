using Asyncpal.Testing;

// The package's assembly, and what it brings for this platform.
string native = Path.Combine(
    AppContext.BaseDirectory, "runtimes", "linux-x64", "native", "note.txt");
return Greeter.Greet("you") == "Hello, you!" && File.Exists(native) ? 0 : 1;

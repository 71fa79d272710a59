using Asyncpal.Testing;

// The package's assembly, and the libraries that it brings.
return Greeter.Greet("you") == "Hello, you!" && Greeter.CountBytes("you") == 11
    ? 0
    : 1;

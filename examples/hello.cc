// The smallest program: README.md begins with it.

#include <iostream>

#include "asyncpal/future/future.h"
#include "asyncpal/pool/thread_pool.h"

int Add(int a, int b) { return a + b; }

int main() {
  asyncpal::ThreadPool pool;
  asyncpal::Future<int> sum = pool.Submit(Add, 10, 2);
  std::cout << sum.Collect() << "\n";
}

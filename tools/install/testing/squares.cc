#include <unistd.h>

#include <iostream>

#include "asyncpal/pool/process_pool.h"

int main() {
  asyncpal::ProcessPool pool(2);
  const bool elsewhere = pool.Run([] { return getpid(); }) != getpid();
  std::cout << pool.Run([](int n) { return n * n; }, 7) << elsewhere << "\n";
}

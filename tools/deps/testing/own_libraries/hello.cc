#include <iostream>

#include "asyncpal/pool/thread_pool.h"

int main() {
  asyncpal::ThreadPool pool(1);
  std::cout << pool.Run([] { return 42; }) << "\n";
}

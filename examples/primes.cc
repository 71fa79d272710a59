// Which of these numbers are prime? Six independent questions, asked on all
// CPUs at once; the answers come back in the order of the numbers.

#include <cstdint>
#include <iostream>
#include <vector>

#include "asyncpal/pool/thread_pool.h"

namespace {

bool IsPrime(int64_t n) {
  if (n < 2) return false;
  if (n % 2 == 0) return n == 2;
  for (int64_t i = 3; i <= n / i; i += 2) {
    if (n % i == 0) return false;
  }
  return true;
}

}  // namespace

int main() {
  const std::vector<int64_t> numbers = {
      112272535095293, 112582705942171, 112272535095293,
      115280095190773, 115797848077099, 1099726899285419,
  };

  asyncpal::ThreadPool pool;

  // Map() is lazy: it hands out the first answer while later numbers are still
  // being worked on.
  auto number = numbers.begin();
  for (bool prime : pool.Map(IsPrime, numbers)) {
    std::cout << *number++ << " is prime: " << (prime ? "true" : "false")
              << std::endl;
  }
}

// The seed's process pool example: which of these numbers are prime? Each is
// tested in another process, with nothing to register and nothing in main()
// for the workers' sake.

#include <array>
#include <cstdint>
#include <cstdio>

#include "asyncpal/pool/process_pool.h"

constexpr std::array<int64_t, 6> kNumbers = {112272535095293, 112582705942171,
                                             112272535095293, 115280095190773,
                                             115797848077099, 1099726899285419};

bool IsPrime(int64_t n) {
  if (n < 2) return false;
  if (n == 2) return true;
  if (n % 2 == 0) return false;
  for (int64_t i = 3; i * i <= n; i += 2) {
    if (n % i == 0) return false;
  }
  return true;
}

int main() {
  asyncpal::ProcessPool pool;
  size_t i = 0;
  // Map() is lazy; MapAll() would be faster, and keep all results in memory.
  for (const bool prime : pool.Map(IsPrime, kNumbers)) {
    std::printf("%lld is prime: %s\n", static_cast<long long>(kNumbers[i++]),
                prime ? "true" : "false");
  }
}

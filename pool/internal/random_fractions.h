#ifndef ASYNCPAL_POOL_INTERNAL_RANDOM_FRACTIONS_H_
#define ASYNCPAL_POOL_INTERNAL_RANDOM_FRACTIONS_H_

#include <cstdint>

namespace asyncpal::internal {

// Numbers from 0 to 1 at random, for the jitter of a retry or of a period: good
// enough to keep tasks apart, in four bytes.
//
// Threads: none of its own; a plain value. Ordering: the same for a seed.
// Lifetime, Errors, Shutdown: none.
class RandomFractions {
 public:
  explicit RandomFractions(uint32_t seed) : last_(seed) {}

  // The next one.
  double Next();

  // Something that differs from one call to the next.
  static uint32_t NewSeed();

 private:
  uint32_t last_;  // what has been drawn last
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_RANDOM_FRACTIONS_H_

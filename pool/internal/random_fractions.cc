#include "asyncpal/pool/internal/random_fractions.h"

#include <random>

namespace asyncpal::internal {

double RandomFractions::Next() {
  std::minstd_rand engine(last_);  // whose state is its last value
  const double fraction = std::uniform_real_distribution<double>()(engine);
  last_ = static_cast<uint32_t>(engine());
  return fraction;
}

uint32_t RandomFractions::NewSeed() {
  static thread_local std::random_device device;
  return device();
}

}  // namespace asyncpal::internal

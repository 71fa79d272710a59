#include "asyncpal/pool/pool_view.h"

namespace asyncpal::internal {

void CheckPlaces(int n) {
  if (n >= 1) return;
  throw std::invalid_argument(
      absl::StrCat("Limited: n is ", n, "; it must be at least 1"));
}

}  // namespace asyncpal::internal

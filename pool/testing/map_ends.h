#ifndef ASYNCPAL_POOL_TESTING_MAP_ENDS_H_
#define ASYNCPAL_POOL_TESTING_MAP_ENDS_H_

#include <cstddef>
#include <vector>

#include "asyncpal/pool/progress.h"
#include "asyncpal/pool/settled.h"
#include "gtest/gtest.h"

// How a map's calls have ended.

namespace asyncpal::testing {

// The indexes of calls whose failure is an E; nothing else may have failed.
template <typename E, typename T>
std::vector<size_t> IndexesThatThrow(const std::vector<Settled<T>>& settled) {
  std::vector<size_t> indexes;
  for (const Settled<T>& one : settled) {
    if (one.ok()) continue;
    EXPECT_THROW(one.Collect(), E) << one.index;
    indexes.push_back(one.index);
  }
  return indexes;
}

// Keeps what the map said last.
class EndRecorder : public MapProgress {
 public:
  void OnEnd(const MapState& map) override { end = map; }
  MapState end;
};

}  // namespace asyncpal::testing

#endif  // ASYNCPAL_POOL_TESTING_MAP_ENDS_H_

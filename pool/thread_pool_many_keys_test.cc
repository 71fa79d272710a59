#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/pool/pool_view.h"
#include "asyncpal/pool/thread_pool.h"
#include "gtest/gtest.h"

// Keys by the million, each for a moment: their tasks run in order, and nothing
// is left of them. ASYNCPAL_TEST_KEYS says how many; see BUILD.bazel.

namespace asyncpal {
namespace {

constexpr int64_t kKeys = ASYNCPAL_TEST_KEYS;
constexpr int kTasksEach = 10;
constexpr int64_t kBlock = 1000;  // keys that have tasks at the same time
constexpr int64_t kMostPending = 2 * kTasksEach * kBlock;

class ManyKeys : public ::testing::Test {
 protected:
  // All tasks of these keys; each adds itself to what ran of its key.
  void Post(int64_t first_key, int64_t keys, std::vector<uint8_t>& ran) {
    for (int64_t block = 0; block < keys; block += kBlock) {
      for (int i = 0; i < kTasksEach; ++i) {
        for (int64_t key = block; key < std::min(block + kBlock, keys); ++key) {
          keyed_.Post(first_key + key, [this, &mine = ran[key], i] {
            if (mine++ != i) ++out_of_order_;
          });
        }
      }
    }
  }

  ThreadPool pool_{{.max_workers = 2, .max_pending = kMostPending}};
  KeyedPool<int64_t> keyed_ = pool_.Keyed<int64_t>();
  std::atomic<int64_t> out_of_order_ = 0;
};

TEST_F(ManyKeys, RunInOrderAndLeaveNothing) {
  std::vector<uint8_t> ran(kKeys);
  // All are pending at once: the pool will keep no more for other tasks than
  // for these.
  pool_.Pause();
  Post(/*first_key=*/-2 * kBlock, 2 * kBlock, ran);
  pool_.Resume();
  ASSERT_TRUE(pool_.Join(absl::Minutes(1)));
  std::fill(ran.begin(), ran.end(), 0);
  const size_t before = mallinfo2().uordblks;
  Post(/*first_key=*/0, kKeys, ran);
  ASSERT_TRUE(pool_.Join(absl::Minutes(10)));
  EXPECT_EQ(std::count(ran.begin(), ran.end(), kTasksEach), kKeys);
  EXPECT_EQ(out_of_order_, 0);
  EXPECT_LT(mallinfo2().uordblks, before + (size_t{1} << 20));
}

}  // namespace
}  // namespace asyncpal

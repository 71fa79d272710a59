#include "asyncpal/future/internal/block_cache.h"

#include <malloc.h>

#include <cstdint>
#include <cstring>
#include <new>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

// Under a sanitizer nothing is cached; the tests then say less, and their
// memory accesses are checked.

class BlockOfSize : public ::testing::TestWithParam<size_t> {};

TEST_P(BlockOfSize, CanBeWrittenFromEndToEnd) {
  void* const block = AllocateBlock(GetParam());
  std::memset(block, 0xff, GetParam());
  FreeBlock(block, GetParam());
}

TEST_P(BlockOfSize, IsAlignedForEveryOrdinaryType) {
  void* const block = AllocateBlock(GetParam());
  EXPECT_EQ(
      reinterpret_cast<uintptr_t>(block) % __STDCPP_DEFAULT_NEW_ALIGNMENT__,
      0u);
  FreeBlock(block, GetParam());
}

TEST_P(BlockOfSize, IsNobodyElses) {
  std::set<void*> blocks;
  for (int i = 0; i < 200; ++i) blocks.insert(AllocateBlock(GetParam()));
  EXPECT_EQ(blocks.size(), 200u);
  for (void* const block : blocks) FreeBlock(block, GetParam());
}

TEST_P(BlockOfSize, IsNobodyElsesAfterManyWereFreed) {
  std::vector<void*> freed;
  for (int i = 0; i < 200; ++i) freed.push_back(AllocateBlock(GetParam()));
  for (void* const block : freed) FreeBlock(block, GetParam());
  std::set<void*> blocks;
  for (int i = 0; i < 300; ++i) blocks.insert(AllocateBlock(GetParam()));
  EXPECT_EQ(blocks.size(), 300u);
  for (void* const block : blocks) FreeBlock(block, GetParam());
}

INSTANTIATE_TEST_SUITE_P(Each, BlockOfSize,
                         ::testing::Values(1, 16, 17, 88, 104, 112, 255, 256,
                                           257, 4096));

TEST(BlockCache, GivesBlocksFreedOnOneThreadToAnother) {
  std::vector<void*> blocks;
  for (int i = 0; i < 1000; ++i) blocks.push_back(AllocateBlock(96));
  std::thread([&] {
    for (void* const block : blocks) FreeBlock(block, 96);
  }).join();
  std::set<void*> again;
  for (int i = 0; i < 2000; ++i) {
    void* const block = AllocateBlock(96);
    std::memset(block, 0xff, 96);
    again.insert(block);
  }
  EXPECT_EQ(again.size(), 2000u);
  for (void* const block : again) FreeBlock(block, 96);
}

// Allocates in its destructor.
class AllocatesLast {
 public:
  explicit AllocatesLast(void** block) : block_(block) {}
  ~AllocatesLast() { *block_ = AllocateBlock(100); }

 private:
  void** block_;
};

TEST(BlockCache, ReusesABlockFromTheEndOfAThreadWithinItsSize) {
  void* block = nullptr;
  std::thread([&block] {
    // Made before the thread's cache, and so destroyed after it.
    thread_local AllocatesLast last(&block);
    FreeBlock(AllocateBlock(100), 100);
  }).join();
  FreeBlock(block, 100);
  // The same class of sizes as 100.
  void* const reused = AllocateBlock(112);
  void* const next = AllocateBlock(112);
  std::memset(reused, 0xff, 112);
  std::memset(next, 0, 112);
  EXPECT_EQ(static_cast<unsigned char*>(reused)[111], 0xff);
  FreeBlock(reused, 112);
  FreeBlock(next, 112);
}

TEST(BlockCache, ThreadsThatComeAndGoUseTheSameMemory) {
  std::set<uintptr_t> pages;
  for (int i = 0; i < 100; ++i) {
    std::thread([&] {
      void* const block = AllocateBlock(80);
      pages.insert(reinterpret_cast<uintptr_t>(block) / 4096);
      FreeBlock(block, 80);
    }).join();
  }
  EXPECT_LT(pages.size(), 100u);
}

// What malloc() has given out; 0: a sanitizer's allocator is there instead.
size_t BytesInUse() { return mallinfo2().uordblks; }

TEST(BlockCache, GivesTheMemoryOfABurstBack) {
  if (BytesInUse() == 0) GTEST_SKIP() << "a sanitizer's allocator";
  constexpr size_t kSize = 64;
  constexpr size_t kBlocks = 400'000;
  std::vector<void*> blocks;
  blocks.reserve(kBlocks);
  const size_t before = BytesInUse();
  for (size_t i = 0; i < kBlocks; ++i) blocks.push_back(AllocateBlock(kSize));
  const size_t burst = BytesInUse() - before;
  for (void* const block : blocks) FreeBlock(block, kSize);
  EXPECT_LT(burst, kBlocks * (kSize + 1));
  EXPECT_LT(BytesInUse() - before, burst / 3);
}

TEST(BlockCache, UsesWhatCameBackBeforeNewMemory) {
  if (BytesInUse() == 0) GTEST_SKIP() << "a sanitizer's allocator";
  constexpr size_t kSize = 48;
  constexpr size_t kBlocks = 200'000;
  std::vector<void*> blocks(kBlocks);
  for (void*& block : blocks) block = AllocateBlock(kSize);
  const size_t most = BytesInUse();
  // Each second one stays, so no slab becomes free.
  for (int round = 0; round < 3; ++round) {
    for (size_t i = 0; i < kBlocks; i += 2) FreeBlock(blocks[i], kSize);
    for (size_t i = 0; i < kBlocks; i += 2) blocks[i] = AllocateBlock(kSize);
  }
  EXPECT_LT(BytesInUse(), most + most / 50);
  for (void* const block : blocks) FreeBlock(block, kSize);
}

TEST(BlockCache, TakesABlockBackAtTheEndOfAThread) {
  class FreesLast {
   public:
    explicit FreesLast(void* block) : block_(block) {}
    ~FreesLast() { FreeBlock(block_, 100); }

   private:
    void* block_;
  };
  void* const block = AllocateBlock(100);
  std::thread([block] {
    thread_local FreesLast last(block);
    FreeBlock(AllocateBlock(100), 100);
  }).join();
  void* const next = AllocateBlock(100);
  std::memset(next, 0xff, 100);
  FreeBlock(next, 100);
}

}  // namespace
}  // namespace asyncpal::internal

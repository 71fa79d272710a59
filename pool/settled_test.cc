#include "asyncpal/pool/settled.h"

#include <cstddef>
#include <cstdlib>
#include <functional>
#include <memory>
#include <ranges>
#include <stdexcept>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/ipc/codec.h"
#include "asyncpal/pool/options.h"
#include "asyncpal/pool/process_pool.h"
#include "asyncpal/pool/progress.h"
#include "asyncpal/pool/testing/gate.h"
#include "asyncpal/pool/testing/map_ends.h"
#include "asyncpal/pool/thread_pool.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// What maps that go on after a failure do in one kind of pool and not in the
// other; for what they have in common see pool_contract_settled.h.

namespace {

using ::asyncpal::testing::EndRecorder;
using ::asyncpal::testing::IndexesThatThrow;

// Can't be sent back from a worker if it is 2.
struct Fragile {
  int number = 0;
};

}  // namespace

template <>
struct asyncpal::Codec<Fragile> {
  static void Encode(const Fragile& fragile, Encoder& out) {
    if (fragile.number == 2) throw std::domain_error("two is fragile");
    out.Write(fragile.number);
  }
  static Fragile Decode(Decoder& in) { return {in.Read<int>()}; }
};

namespace asyncpal {
namespace {

using ::testing::ElementsAre;
using testing::Gate;
using ::testing::HasSubstr;
using testing::PassGate;
using ::testing::ThrowsMessage;

const std::vector<int> kSix = {0, 1, 2, 3, 4, 5};

int Square(int n) { return n * n; }

int ExitAtTwo(int n) {
  if (n == 2) std::_Exit(3);
  return n;
}

int ThrowAtTwo(int n) {
  if (n == 2) throw std::out_of_range("two is too many");
  return n;
}

// --- Settled ---

TEST(Settled, MovesItsValueOut) {
  Settled<std::unique_ptr<int>> settled = {.value = std::make_unique<int>(7)};
  const std::unique_ptr<int> value = std::move(settled).Collect();
  EXPECT_EQ(*value, 7);
}

TEST(Settled, CollectThrowsTheException) {
  const Settled<int> settled = {
      .exception = std::make_exception_ptr(std::out_of_range("too far"))};
  EXPECT_FALSE(settled.ok());
  EXPECT_THAT([&] { settled.Collect(); },
              ThrowsMessage<std::out_of_range>("too far"));
}

// --- Processes ---

TEST(ProcessPoolSettled, LostWorkerIsTheFailureOfItsCall) {
  ProcessPool pool(2);
  const auto settled = pool.MapSettledAll(ExitAtTwo, kSix);
  ASSERT_EQ(settled.size(), 6u);
  EXPECT_THAT(IndexesThatThrow<WorkerLostError>(settled), ElementsAre(2));
  EXPECT_EQ(settled[5].value, 5);
}

TEST(ProcessPoolSettled, LostWorkerCostsNoOtherCallOfItsChunk) {
  ProcessPool pool(2);
  for (const bool keep_order : {true, false}) {
    const auto settled = pool.MapSettledAll(
        {.chunk_size = 2, .keep_order = keep_order}, ExitAtTwo, kSix);
    ASSERT_EQ(settled.size(), 6u);
    EXPECT_THAT(IndexesThatThrow<WorkerLostError>(settled), ElementsAre(2));
  }
}

TEST(ProcessPoolSettled, LazyMapGoesOnAfterALostWorker) {
  ProcessPool pool(1);
  std::vector<size_t> lost;
  size_t next = 0;
  for (const Settled<int>& one :
       pool.MapSettled({.buffer_size = 1}, ExitAtTwo, kSix)) {
    EXPECT_EQ(one.index, next++);
    if (!one.ok()) lost.push_back(one.index);
  }
  EXPECT_EQ(next, 6u);
  EXPECT_THAT(lost, ElementsAre(2));
}

TEST(ProcessPoolSettled, SkippingMapLeavesOutTheCallOfALostWorker) {
  ProcessPool pool(2);
  const auto told = std::make_shared<EndRecorder>();
  EXPECT_THAT(
      pool.MapAll(
          {.chunk_size = 2, .progress = told, .on_error = OnError::kSkip},
          ExitAtTwo, kSix),
      ElementsAre(0, 1, 3, 4, 5));
  EXPECT_EQ(told->end.done, 5);
  EXPECT_EQ(told->end.failed, 1);
}

TEST(ProcessPoolSettled, ResultThatCanNotBeSentIsTheFailureOfItsCall) {
  ProcessPool pool(2);
  const auto settled =
      pool.MapSettledAll([](int n) { return Fragile{n}; }, kSix);
  ASSERT_EQ(settled.size(), 6u);
  EXPECT_THAT(IndexesThatThrow<SerializationError>(settled), ElementsAre(2));
}

TEST(ProcessPoolSettled, SkippingMapLeavesOutAResultThatCanNotBeSent) {
  ProcessPool pool(2);
  EXPECT_EQ(pool.MapAll(
                    {.on_error = OnError::kSkip},
                    [](int n) { return Fragile{n}; }, kSix)
                .size(),
            5u);
}

TEST(ProcessPoolSettled, ExceptionHasTheStackOfItsThrow) {
  ProcessPool pool(1);
  const auto settled = pool.MapSettledAll({.chunk_size = 6}, ThrowAtTwo, kSix);
  ASSERT_EQ(settled.size(), 6u);
  EXPECT_THAT(GetRemoteTraceback(settled[2].exception),
              HasSubstr("ThrowAtTwo"));
}

TEST(ProcessPoolSettled, BrokenPoolEndsTheMap) {
  ProcessPool pool({.max_workers = 1, .initializer = Shippable([] {
                                        throw std::runtime_error("no model");
                                      })});
  EXPECT_THROW(pool.MapSettledAll(Square, kSix), BrokenPoolError);
}

TEST(ProcessPoolSettled, BrokenPoolEndsASkippingMap) {
  ProcessPool pool({.max_workers = 1, .initializer = Shippable([] {
                                        throw std::runtime_error("no model");
                                      })});
  EXPECT_THROW(pool.MapAll({.on_error = OnError::kSkip}, Square, kSix),
               BrokenPoolError);
}

// --- Threads ---

TEST(ThreadPoolSettled, ValuesMayOnlyMove) {
  ThreadPool pool(2);
  auto settled = pool.MapSettledAll(
      {.chunk_size = 2},
      [](std::unique_ptr<int> n) { return std::make_unique<int>(2 * *n); },
      kSix | std::views::transform(
                 [](int n) { return std::make_unique<int>(n); }));
  ASSERT_EQ(settled.size(), 6u);
  EXPECT_EQ(*std::move(settled[5]).Collect(), 10);
}

TEST(ThreadPoolSettled, ChunkThatMakesRoomForATaskIsSettledAsRejected) {
  ThreadPool pool(
      {.max_workers = 1, .max_pending = 1, .when_full = WhenFull::kDropOldest});
  Gate gate;
  pool.Submit(PassGate, gate.path(), 1);
  ASSERT_TRUE(gate.WaitForArrivals(1));
  auto results = pool.MapSettled({.buffer_size = 1}, Square, kSix);
  pool.Submit(Square, 7);
  gate.Open();
  std::vector<Settled<int>> settled;
  for (Settled<int>& one : results) settled.push_back(std::move(one));
  ASSERT_EQ(settled.size(), 6u);
  EXPECT_THAT(IndexesThatThrow<RejectedError>(settled), ElementsAre(0));
}

TEST(ThreadPoolSettled, InputThatThrowsEndsTheMap) {
  ThreadPool pool(2);
  auto numbers = kSix | std::views::transform([](int n) {
                   if (n == 3) throw std::domain_error("bad input");
                   return n;
                 });
  EXPECT_THROW(pool.MapSettledAll(Square, numbers), std::domain_error);
}

TEST(ThreadPoolSettled, EmptyCallableIsRefused) {
  ThreadPool pool(1);
  EXPECT_THAT(
      [&] { pool.MapSettledAll(std::function<int(int)>(), kSix); },
      ThrowsMessage<std::invalid_argument>(HasSubstr("MapSettledAll on pool")));
}

}  // namespace
}  // namespace asyncpal

#include <pthread.h>
#include <signal.h>

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/ipc/codec.h"
#include "asyncpal/ipc/worker/current_task.h"
#include "asyncpal/ipc/worker/partial_results.h"
#include "asyncpal/pool/options.h"
#include "asyncpal/pool/process_pool.h"
#include "asyncpal/pool/progress.h"
#include "asyncpal/pool/testing/map_ends.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// What a worker that is lost in the middle of a map's chunk, or a result that
// can't be sent, costs: one call.

namespace {

using ::asyncpal::testing::EndRecorder;
using ::asyncpal::testing::IndexesThatThrow;

// Can't be sent back from a worker if it is 2.
struct Fragile {
  int number = 0;
};

// Can't be read in this process.
struct OneWay {
  int number = 0;
};

}  // namespace

template <>
struct asyncpal::Codec<Fragile> {
  static void Encode(const Fragile& fragile, Encoder& out) {
    out.Write(fragile.number);
    if (fragile.number == 2) throw std::domain_error("two is fragile");
  }
  static Fragile Decode(Decoder& in) { return {in.Read<int>()}; }
};

template <>
struct asyncpal::Codec<OneWay> {
  static void Encode(const OneWay& one_way, Encoder& out) {
    out.Write(one_way.number);
  }
  static OneWay Decode(Decoder& in) {
    if (internal::WorkerTaskScope::Current() == nullptr) {
      throw std::domain_error("this is not a worker");
    }
    return {in.Read<int>()};
  }
};

namespace asyncpal {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsSupersetOf;

const std::vector<int> kTen = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};

// Until the results before this call are out.
void AwaitSent() {
  internal::PartialResults& partial =
      *internal::WorkerTaskScope::Current()->partial_results;
  const absl::Time limit = absl::Now() + absl::Seconds(30);
  while (partial.HasUnsent() && absl::Now() < limit) {
    absl::SleepFor(absl::Milliseconds(1));
  }
}

int ExitAtFour(int n) {
  if (n == 4) std::_Exit(3);
  return n;
}

int ExitAtFourOnceSent(int n) {
  if (n == 4) {
    AwaitSent();
    std::_Exit(3);
  }
  return n;
}

int ExitAtMultiplesOfFourOnceSent(int n) {
  if (n % 4 == 0) {
    AwaitSent();
    std::_Exit(3);
  }
  return n;
}

int FailOrExitOnceSent(int n) {
  if (n == 1) throw std::out_of_range("one is not enough");
  return ExitAtFourOnceSent(n);
}

int EndThreadAtFour(int n) {
  if (n == 4) pthread_exit(nullptr);
  return n;
}

std::string GrowAndExitAtFour(int n) {
  ExitAtFourOnceSent(n);
  return std::string(50'000, static_cast<char>('a' + n));
}

// ------------------------------------------------------------ A lost worker

TEST(ProcessPoolLostCalls, CallsBehindTheLostOneRunElsewhere) {
  ProcessPool pool(2);
  const auto settled = pool.MapSettledAll({.chunk_size = 10}, ExitAtFour, kTen);
  ASSERT_EQ(settled.size(), 10u);
  const auto lost = IndexesThatThrow<WorkerLostError>(settled);
  EXPECT_THAT(lost, IsSupersetOf({4}));
  for (size_t i = 0; i < 10; ++i) {
    EXPECT_EQ(settled[i].index, i);
    if (i > 4) {
      EXPECT_EQ(settled[i].value, static_cast<int>(i));
    }
  }
}

TEST(ProcessPoolLostCalls, ResultsThatWereSentAreKept) {
  for (const bool keep_order : {true, false}) {
    ProcessPool pool(2);
    const auto told = std::make_shared<EndRecorder>();
    const auto settled = pool.MapSettledAll(
        {.chunk_size = 10, .keep_order = keep_order, .progress = told},
        ExitAtFourOnceSent, kTen);
    ASSERT_EQ(settled.size(), 10u);
    EXPECT_THAT(IndexesThatThrow<WorkerLostError>(settled), ElementsAre(4));
    EXPECT_EQ(told->end.done, 9);
    EXPECT_EQ(told->end.failed, 1);
  }
}

TEST(ProcessPoolLostCalls, MapGoesOnInItsOrder) {
  ProcessPool pool(2);
  size_t next = 0;
  std::vector<size_t> lost;
  for (const Settled<int>& one : pool.MapSettled(
           {.chunk_size = 3, .buffer_size = 2}, ExitAtFourOnceSent, kTen)) {
    EXPECT_EQ(one.index, next++);
    if (!one.ok()) lost.push_back(one.index);
  }
  EXPECT_EQ(next, 10u);
  EXPECT_THAT(lost, ElementsAre(4));
}

TEST(ProcessPoolLostCalls, ChunkMayLoseSeveralWorkers) {
  ProcessPool pool(1);
  const auto settled = pool.MapSettledAll({.chunk_size = 10},
                                          ExitAtMultiplesOfFourOnceSent, kTen);
  ASSERT_EQ(settled.size(), 10u);
  EXPECT_THAT(IndexesThatThrow<WorkerLostError>(settled), ElementsAre(0, 4, 8));
}

TEST(ProcessPoolLostCalls, ChunkWhoseCallsAllEndTheirWorkerEnds) {
  ProcessPool pool(2);
  const auto settled = pool.MapSettledAll(
      {.chunk_size = 5}, [](int) -> int { std::_Exit(3); }, kTen);
  EXPECT_EQ(IndexesThatThrow<WorkerLostError>(settled).size(), 10u);
}

TEST(ProcessPoolLostCalls, OtherFailuresInTheChunkStay) {
  ProcessPool pool(1);
  const auto settled =
      pool.MapSettledAll({.chunk_size = 10}, FailOrExitOnceSent, kTen);
  ASSERT_EQ(settled.size(), 10u);
  EXPECT_THROW(settled[1].Collect(), std::out_of_range);
  EXPECT_THROW(settled[4].Collect(), WorkerLostError);
  for (const size_t i : {0, 2, 3, 5, 6, 7, 8, 9}) {
    EXPECT_EQ(settled[i].value, static_cast<int>(i));
  }
}

TEST(ProcessPoolLostCalls, SkippingMapLeavesOutTheLostCall) {
  ProcessPool pool(2);
  const auto told = std::make_shared<EndRecorder>();
  EXPECT_THAT(
      pool.MapAll(
          {.chunk_size = 10, .progress = told, .on_error = OnError::kSkip},
          FailOrExitOnceSent, kTen),
      ElementsAre(0, 2, 3, 5, 6, 7, 8, 9));
  EXPECT_EQ(told->end.done, 8);
  EXPECT_EQ(told->end.failed, 2);
}

TEST(ProcessPoolLostCalls, SkippingMapOfAutomaticChunksLeavesOutTheLostCall) {
  ProcessPool pool(2);
  std::vector<int> inputs;
  for (int i = 0; i < 1000; ++i) inputs.push_back(i);
  const auto results =
      pool.MapAllUnordered({.chunk_size = 0, .on_error = OnError::kSkip},
                           ExitAtMultiplesOfFourOnceSent,
                           std::vector<int>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  EXPECT_EQ(results.size(), 8u);
  EXPECT_THAT(pool.MapAll(
                  {.chunk_size = 0, .on_error = OnError::kSkip},
                  [](int n) { return n; }, inputs),
              ElementsAreArray(inputs));
}

TEST(ProcessPoolLostCalls, RaisingMapEndsWithTheLoss) {
  ProcessPool pool(2);
  EXPECT_THROW(pool.MapAll({.chunk_size = 10}, ExitAtFour, kTen),
               WorkerLostError);
}

TEST(ProcessPoolLostCalls, ResultsMayBeLarge) {
  ProcessPool pool(2);
  const auto settled =
      pool.MapSettledAll({.chunk_size = 10}, GrowAndExitAtFour, kTen);
  ASSERT_EQ(settled.size(), 10u);
  EXPECT_THAT(IndexesThatThrow<WorkerLostError>(settled), ElementsAre(4));
  for (const size_t i : {0, 3, 5, 9}) {
    EXPECT_EQ(settled[i].value,
              std::string(50'000, static_cast<char>('a' + i)));
  }
}

TEST(ProcessPoolLostCalls, CallThatEndsItsThreadIsTheOnlyOneLost) {
  ProcessPool pool(1);
  const auto settled =
      pool.MapSettledAll({.chunk_size = 10}, EndThreadAtFour, kTen);
  ASSERT_EQ(settled.size(), 10u);
  EXPECT_THAT(IndexesThatThrow<InvalidStateError>(settled), ElementsAre(4));
}

TEST(ProcessPoolLostCalls, MapOfAViewGoesOnInTheView) {
  ProcessPool pool(2);
  auto serial = pool.Serial("one at a time");
  const auto settled =
      serial.MapSettledAll({.chunk_size = 5}, ExitAtFourOnceSent, kTen);
  ASSERT_EQ(settled.size(), 10u);
  EXPECT_THAT(IndexesThatThrow<WorkerLostError>(settled), ElementsAre(4));
}

TEST(ProcessPoolLostCalls, StarmapGoesOn) {
  ProcessPool pool(2);
  std::vector<std::tuple<int, std::string>> tuples;
  for (int i = 0; i < 10; ++i) tuples.emplace_back(i, std::to_string(i));
  const auto settled = pool.StarmapSettledAll(
      {.chunk_size = 10},
      [](int n, const std::string& text) {
        return text + std::to_string(ExitAtFourOnceSent(n));
      },
      tuples);
  ASSERT_EQ(settled.size(), 10u);
  EXPECT_THAT(IndexesThatThrow<WorkerLostError>(settled), ElementsAre(4));
  EXPECT_EQ(settled[9].value, "99");
}

TEST(ProcessPoolLostCalls, PoolThatIsShutDownDoesNotBeginTheRest) {
  ProcessPool pool(1);
  auto results = pool.MapSettled({.chunk_size = 10}, ExitAtFourOnceSent, kTen);
  pool.Shutdown({.mode = ShutdownMode::kDrain});
  std::vector<Settled<int>> settled;
  for (Settled<int>& one : results) settled.push_back(std::move(one));
  ASSERT_EQ(settled.size(), 10u);
  EXPECT_THAT(IndexesThatThrow<WorkerLostError>(settled),
              ElementsAre(4, 5, 6, 7, 8, 9));
}

// ------------------------------------------------- What can't be sent or read

TEST(ProcessPoolLostCalls, ResultThatCanNotBeSentIsTheOnlyOneLost) {
  ProcessPool pool(2);
  const auto settled = pool.MapSettledAll(
      {.chunk_size = 10}, [](int n) { return Fragile{n}; }, kTen);
  ASSERT_EQ(settled.size(), 10u);
  EXPECT_THAT(IndexesThatThrow<SerializationError>(settled), ElementsAre(2));
  EXPECT_EQ(settled[9].value->number, 9);
}

TEST(ProcessPoolLostCalls, SkippingMapLeavesOutTheResultThatCanNotBeSent) {
  ProcessPool pool(2);
  const auto told = std::make_shared<EndRecorder>();
  std::vector<int> numbers;
  for (const Fragile& one : pool.Map(
           {.chunk_size = 10, .progress = told, .on_error = OnError::kSkip},
           [](int n) { return Fragile{n}; }, kTen)) {
    numbers.push_back(one.number);
  }
  EXPECT_THAT(numbers, ElementsAre(0, 1, 3, 4, 5, 6, 7, 8, 9));
  EXPECT_EQ(told->end.failed, 1);
}

TEST(ProcessPoolLostCalls, RaisingMapEndsWithTheResultThatCanNotBeSent) {
  ProcessPool pool(2);
  EXPECT_THROW(pool.MapAll(
                   {.chunk_size = 10}, [](int n) { return Fragile{n}; }, kTen),
               SerializationError);
}

TEST(ProcessPoolLostCalls, ResultsBeyondTheLimitAreLostOneByOne) {
  ProcessPool pool({.max_workers = 1, .max_payload_bytes = 1000});
  const auto settled = pool.MapSettledAll(
      {.chunk_size = 10},
      [](int n) { return std::string(n == 4 ? 2000 : 10, 'x'); }, kTen);
  ASSERT_EQ(settled.size(), 10u);
  EXPECT_THAT(IndexesThatThrow<SerializationError>(settled), ElementsAre(4));
}

// The rest of a lost chunk is made of its arguments as they were sent.
TEST(ProcessPoolLostCalls, ArgumentsThatCanNotBeReadHereEndWithTheChunk) {
  ProcessPool pool(1);
  std::vector<OneWay> inputs;
  for (int i = 0; i < 10; ++i) inputs.push_back({i});
  const auto settled = pool.MapSettledAll(
      {.chunk_size = 5},
      [](OneWay one_way) { return ExitAtFourOnceSent(one_way.number + 2); },
      inputs);
  ASSERT_EQ(settled.size(), 10u);
  EXPECT_THAT(IndexesThatThrow<WorkerLostError>(settled), ElementsAre(2, 3, 4));
}

}  // namespace
}  // namespace asyncpal

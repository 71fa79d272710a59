#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <ranges>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/sanitizers.h"
#include "asyncpal/future/testing/notification.h"
#include "asyncpal/pool/testing/eventually.h"
#include "asyncpal/pool/thread_pool.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// Maps of what can't leave the process, and maps that are measured.

namespace asyncpal {
namespace {

using ::testing::ElementsAre;
using testing::Eventually;
using ::testing::HasSubstr;
using testing::kDeadline;
using testing::Notification;
using ::testing::ThrowsMessage;

#if ASYNCPAL_TSAN || ASYNCPAL_ASAN
constexpr int64_t kManyItems = 500'000;
#else
constexpr int64_t kManyItems = 3'000'000;
#endif

template <typename R>
auto ToVector(R&& range) {
  std::vector<typename std::remove_cvref_t<R>::value_type> values;
  for (auto& value : range) values.push_back(std::move(value));
  return values;
}

// --- Elements and callables ---

TEST(ThreadPoolMap, MovesTheElementsOfAContainerThatIsGivenAway) {
  ThreadPool pool(2);
  std::vector<std::unique_ptr<int>> numbers;
  for (int i = 0; i < 3; ++i) numbers.push_back(std::make_unique<int>(i));
  EXPECT_THAT(pool.MapAll([](std::unique_ptr<int> n) { return *n; },
                          std::move(numbers)),
              ElementsAre(0, 1, 2));
}

TEST(ThreadPoolMap, LeavesAContainerThatItOnlyReadsAsItWas) {
  ThreadPool pool(2);
  const std::vector<std::string> words = {"one", "three"};
  EXPECT_THAT(
      pool.MapAll([](const std::string& word) { return word.size(); }, words),
      ElementsAre(3, 5));
  EXPECT_THAT(words, ElementsAre("one", "three"));
}

TEST(ThreadPoolMap, GivesResultsThatOnlyMove) {
  ThreadPool pool(2);
  const std::vector<int> numbers = {1, 2};
  auto results =
      pool.MapAll([](int n) { return std::make_unique<int>(n); }, numbers);
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(*results[1], 2);
}

TEST(ThreadPoolMap, GivesResultsWithoutADefault) {
  struct Wrapped {
    explicit Wrapped(int n) : n(n) {}
    int n;
  };
  ThreadPool pool(2);
  const std::vector<int> numbers = {1, 2};
  EXPECT_EQ(pool.MapAll([](int n) { return Wrapped(n); }, numbers).back().n, 2);
}

TEST(ThreadPoolMap, ReadsARangeThatIsGoneThroughOnce) {
  ThreadPool pool(2);
  std::istringstream text("1 2 3");
  EXPECT_THAT(pool.MapAll([](int n) { return n * n; },
                          std::ranges::istream_view<int>(text)),
              ElementsAre(1, 4, 9));
}

TEST(ThreadPoolMap, ReadsTheRangeOnTheCallersThreadOnly) {
  ThreadPool pool(2);
  const auto caller = std::this_thread::get_id();
  auto numbers = std::views::iota(0, 50) | std::views::transform([&](int n) {
                   EXPECT_EQ(std::this_thread::get_id(), caller);
                   return n;
                 });
  EXPECT_EQ(ToVector(pool.Map([](int n) { return n; }, numbers)).size(), 50u);
}

TEST(ThreadPoolMap, CallsOneSharedCopyOfTheCallable) {
  ThreadPool pool(2);
  auto calls = std::make_shared<std::atomic<int>>(0);
  const std::vector<int> numbers(20, 1);
  pool.MapAll([calls](int) { ++*calls; }, numbers);
  EXPECT_EQ(*calls, 20);
  EXPECT_TRUE(Eventually([&] { return calls.use_count() == 1; }));
}

TEST(ThreadPoolMap, TakesAMemberFunction) {
  ThreadPool pool(2);
  const std::vector<std::string> words = {"one", "three"};
  EXPECT_THAT(pool.MapAll(&std::string::size, words), ElementsAre(3, 5));
}

TEST(ThreadPoolMap, RefusesAnEmptyCallableByTheNameOfTheMap) {
  ThreadPool pool({.max_workers = 1, .name = "mapper"});
  const std::function<int(int)> empty;
  const std::vector<int> numbers = {1};
  const std::vector<std::tuple<int>> tuples = {1};
  const auto names = [](const char* map) {
    return ThrowsMessage<std::invalid_argument>(::testing::AllOf(
        HasSubstr(std::string(map) + " on pool 'mapper'"), HasSubstr("empty")));
  };
  EXPECT_THAT([&] { pool.Map(empty, numbers); }, names("Map"));
  EXPECT_THAT([&] { pool.MapUnordered(empty, numbers); },
              names("MapUnordered"));
  EXPECT_THAT([&] { pool.MapAll(empty, numbers); }, names("MapAll"));
  EXPECT_THAT([&] { pool.MapAllUnordered(empty, numbers); },
              names("MapAllUnordered"));
  EXPECT_THAT([&] { pool.Starmap(empty, tuples); }, names("Starmap"));
  EXPECT_THAT([&] { pool.StarmapUnordered(empty, tuples); },
              names("StarmapUnordered"));
  EXPECT_THAT([&] { pool.StarmapAll(empty, tuples); }, names("StarmapAll"));
  EXPECT_THAT([&] { pool.StarmapAllUnordered(empty, tuples); },
              names("StarmapAllUnordered"));
}

// --- The caller works, too ---

// Whether a call of a map runs on this thread.
bool RunsOnCaller(ThreadPool& pool) {
  const auto caller = std::this_thread::get_id();
  bool on_caller = false;
  pool.MapAll([&](int) { on_caller = std::this_thread::get_id() == caller; },
              std::views::iota(0, 1));
  return on_caller;
}

TEST(ThreadPoolMap, CallerOfAnEagerMapTakesThePlaceOfAnIdleWorker) {
  ThreadPool pool(1);
  pool.SpawnMaxWorkers();
  EXPECT_TRUE(Eventually([&] { return RunsOnCaller(pool); }));
}

TEST(ThreadPoolMap, CallerLeavesCallsToWorkersThatWereInitialized) {
  ThreadPool pool({.max_workers = 1, .initializer = [] {}});
  ThreadPool plain(1);
  pool.SpawnMaxWorkers();
  plain.SpawnMaxWorkers();
  // By the time that one pool's worker is idle, the other's is.
  ASSERT_TRUE(Eventually([&] { return RunsOnCaller(plain); }));
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(RunsOnCaller(pool));
}

TEST(ThreadPoolMap, CallerTakesNoPartInAMapWithATimeLimit) {
  ThreadPool pool(1);
  ASSERT_TRUE(Eventually([&] { return RunsOnCaller(pool); }));
  const auto caller = std::this_thread::get_id();
  pool.MapAll(
      {.timeout = kDeadline},
      [&](int) { EXPECT_NE(std::this_thread::get_id(), caller); },
      std::views::iota(0, 10));
}

TEST(ThreadPoolMap, NoMoreCallsRunAtOnceThanThereAreWorkers) {
  ThreadPool pool(1);
  std::atomic<int> running = 0;
  const auto call = [&](int) {
    EXPECT_EQ(++running, 1);
    std::this_thread::yield();
    --running;
  };
  const auto maps = [&] {
    for (int i = 0; i < 300; ++i) pool.MapAll(call, std::views::iota(0, 3));
  };
  std::thread other(maps);
  maps();
  other.join();
}

TEST(ThreadPoolMap, CallerInAWorkersPlaceWaitsAsAWorkerDoes) {
  ThreadPool pool(1);
  ASSERT_TRUE(Eventually([&] { return RunsOnCaller(pool); }));
  for (int i = 0; i < 100; ++i) {
    pool.MapAll([&](int n) { EXPECT_EQ(pool.Run([n] { return n; }), n); },
                std::views::iota(0, 2));
  }
}

TEST(ThreadPoolMap, WhatComesWhileTheCallerWorksIsRunAfterwards) {
  ThreadPool pool(1);
  ASSERT_TRUE(Eventually([&] { return RunsOnCaller(pool); }));
  for (int i = 0; i < 100; ++i) {
    Future<int> later;
    pool.MapAll([&](int n) { later = pool.Submit([n] { return n; }); },
                std::views::iota(7, 8));
    ASSERT_TRUE(later.Wait(kDeadline));
    EXPECT_EQ(later.Collect(), 7);
  }
}

TEST(ThreadPoolMap, CallsOfTheCallerAreCountedAsTheWorkers) {
  ThreadPool pool(2);
  for (int i = 0; i < 100; ++i) {
    pool.MapAll([](int) {}, std::views::iota(0, 3));
  }
  EXPECT_TRUE(Eventually([&] { return pool.Stats().busy == 0; }));
  const PoolStats stats = pool.Stats();
  EXPECT_EQ(stats.submitted, 300);
  EXPECT_EQ(stats.completed, 300);
  EXPECT_EQ(stats.running, 0);
  EXPECT_TRUE(pool.Join(kDeadline));
  EXPECT_EQ(pool.Stats().completed, 300);
}

TEST(ThreadPoolMap, WorkerWhosePlaceWasTakenStillLeavesInTime) {
  ThreadPool pool({.max_workers = 1, .idle_timeout = absl::InfiniteDuration()});
  ASSERT_TRUE(Eventually([&] { return RunsOnCaller(pool); }));
  pool.MapAll([&](int) { pool.set_idle_timeout(absl::Milliseconds(1)); },
              std::views::iota(0, 1));
  EXPECT_TRUE(Eventually([&] { return pool.CountWorkers() == 0; }));
}

TEST(ThreadPoolMap, PoolClosedWhileTheCallerWorksEnds) {
  ThreadPool pool(1);
  ASSERT_TRUE(Eventually([&] { return RunsOnCaller(pool); }));
  Future<int> never;
  pool.MapAll(
      [&](int n) {
        never = pool.Submit([n] { return n; });
        pool.Shutdown();
      },
      std::views::iota(0, 1));
  EXPECT_TRUE(never.is_cancelled());
  EXPECT_TRUE(Eventually([&] { return pool.is_terminated(); }));
}

TEST(ThreadPoolMap, ErrorInACallOfTheCallersEndsTheMap) {
  ThreadPool pool(1);
  ASSERT_TRUE(Eventually([&] { return RunsOnCaller(pool); }));
  EXPECT_THROW(pool.MapAll(
                   [](int n) {
                     if (n == 1) throw std::out_of_range("bad");
                     return n;
                   },
                   std::views::iota(0, 5)),
               std::out_of_range);
  EXPECT_TRUE(Eventually([&] { return RunsOnCaller(pool); }));
}

// --- Results put in place ---

TEST(ThreadPoolMap, CallsThatRunOnAfterAnErrorFindTheirElements) {
  Notification go_on;
  std::atomic<int> sum = 0;
  {
    ThreadPool pool(2);
    // Gone when the map is left.
    auto numbers = std::make_unique<std::vector<int>>(std::vector<int>{1, 2});
    EXPECT_THROW(pool.MapAll(
                     [&](int n) {
                       if (n == 1) throw std::out_of_range("bad");
                       go_on.Wait();
                       sum += n;
                       return n;
                     },
                     *numbers),
                 std::out_of_range);
    numbers.reset();
    go_on.Notify();
    pool.Join(kDeadline);
  }
  EXPECT_THAT(sum.load(), ::testing::AnyOf(0, 2));
}

// A sanitizer sees a task that reads them all the same.
TEST(ThreadPoolMap, NumbersMayGoOnceTheMapIsLeft) {
  constexpr int kItems = 100'000;
  ThreadPool pool(2);
  Notification may_go_on;
  std::atomic<int> calls = 0;
  auto numbers = std::make_unique<std::vector<int>>(kItems, 1);
  EXPECT_THROW(pool.MapAll(
                   {.chunk_size = kItems, .timeout = absl::Milliseconds(20)},
                   [&](int number) {
                     if (++calls == 1) may_go_on.Wait();
                     return number;
                   },
                   *numbers),
               TimeoutError);
  numbers.reset();
  may_go_on.Notify();
  EXPECT_TRUE(pool.Join(kDeadline));
  EXPECT_LT(calls, kItems);  // the rest of the chunk is left out
}

TEST(ThreadPoolMap, GivesResultsOfTypeBool) {
  ThreadPool pool(2);
  EXPECT_THAT(pool.MapAll([](int n) { return n > 1; }, std::views::iota(0, 4)),
              ElementsAre(false, false, true, true));
}

TEST(ThreadPoolMap, TakesElementsOfTypeBool) {
  ThreadPool pool(2);
  const std::vector<bool> bits = {true, false, true};
  EXPECT_THAT(pool.MapAll(
                  {.chunk_size = 2}, [](bool b) { return b ? 1 : 0; }, bits),
              ElementsAre(1, 0, 1));
}

TEST(ThreadPoolMap, MovesStringsThatAreGivenAway) {
  ThreadPool pool(2);
  std::vector<std::string> words = {"one", std::string(100, 'x'), "three"};
  EXPECT_THAT(
      pool.MapAll(
          {.chunk_size = 2}, [](std::string word) { return word + "!"; },
          std::move(words)),
      ElementsAre("one!", std::string(100, 'x') + "!", "three!"));
}

// --- Input that fails ---

auto ThrowingAt(int bad) {
  return std::views::iota(0, 10) | std::views::transform([bad](int n) {
           if (n == bad) throw std::out_of_range("bad input");
           return n;
         });
}

TEST(ThreadPoolMap, InputThatThrowsInTheFirstWindowThrowsFromTheCall) {
  ThreadPool pool(2);
  auto input = ThrowingAt(3);
  EXPECT_THROW(pool.Map(
                   {.buffer_size = 5}, [](int n) { return n; }, input),
               std::out_of_range);
}

TEST(ThreadPoolMap, InputThatThrowsLaterThrowsFromTheIteration) {
  ThreadPool pool(2);
  auto input = ThrowingAt(7);
  auto results = pool.Map(
      {.buffer_size = 5}, [](int n) { return n; }, input);
  EXPECT_THROW(ToVector(results), std::out_of_range);
}

TEST(ThreadPoolMap, InputThatThrowsCancelsWhatHasNotStarted) {
  Notification go_on;
  ThreadPool pool(1);
  pool.Post([&] { go_on.Wait(); });
  auto input = ThrowingAt(3);
  EXPECT_THROW(pool.MapAll([](int n) { return n; }, input), std::out_of_range);
  EXPECT_EQ(pool.Stats().cancelled, 3);
  go_on.Notify();
}

TEST(ThreadPoolMap, PoolGoesOnAfterInputThatThrew) {
  ThreadPool pool(1);
  auto input = ThrowingAt(3);
  EXPECT_THROW(pool.MapAll([](int n) { return n; }, input), std::out_of_range);
  EXPECT_EQ(pool.Run([] { return 7; }), 7);
}

// --- Windows over long input ---

int64_t ResidentBytes() {
  malloc_trim(0);
  std::ifstream file("/proc/self/statm");
  int64_t total = 0;
  int64_t resident = 0;
  file >> total >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

// Goes through a lazy map of a long input, and checks that no more is read
// ahead of the consumer, and kept in memory, than its window may hold.
template <typename MakeMap>
void ExpectBoundedWindow(MakeMap make_map) {
  constexpr size_t kChunkSize = 5'000;
  constexpr size_t kBufferSize = 8;
  // The chunk being given out has been replaced in the window already.
  constexpr int64_t kMostAhead = int64_t{kBufferSize + 1} * int64_t{kChunkSize};
  ThreadPool pool(2);
  int64_t read = 0;
  auto input = std::views::iota(int64_t{0}, kManyItems) |
               std::views::transform([&](int64_t n) {
                 ++read;
                 return n;
               });
  int64_t consumed = 0;
  int64_t sum = 0;
  int64_t most_ahead = 0;
  const int64_t before = ResidentBytes();
  int64_t most_bytes = 0;
  for (const int64_t n : make_map(
           pool,
           MapOptions{.chunk_size = kChunkSize, .buffer_size = kBufferSize},
           [](int64_t n) { return n; }, input)) {
    most_ahead = std::max(most_ahead, read - consumed);
    ++consumed;
    sum += n;
    if (consumed % (kManyItems / 10) == 0) {
      most_bytes = std::max(most_bytes, ResidentBytes() - before);
    }
  }
  EXPECT_EQ(consumed, kManyItems);
  EXPECT_EQ(sum, kManyItems * (kManyItems - 1) / 2);
  EXPECT_LE(most_ahead, kMostAhead);
  // The window's items and results take a few MB, those of the whole input 48.
  EXPECT_LE(most_bytes, int64_t{24} << 20);
}

TEST(ThreadPoolMap, MapHoldsNoMoreThanItsWindow) {
  ExpectBoundedWindow([](ThreadPool& pool, auto&&... args) {
    return pool.Map(std::forward<decltype(args)>(args)...);
  });
}

TEST(ThreadPoolMap, MapUnorderedHoldsNoMoreThanItsWindow) {
  ExpectBoundedWindow([](ThreadPool& pool, auto&&... args) {
    return pool.MapUnordered(std::forward<decltype(args)>(args)...);
  });
}

TEST(ThreadPoolMap, LeavingAMapReadsNoMoreOfItsInput) {
  ThreadPool pool(2);
  int read = 0;
  auto input = std::views::iota(0, 1'000'000) |
               std::views::transform([&](int n) { return ++read, n; });
  for (const int n : pool.Map(
           {.buffer_size = 4}, [](int m) { return m; }, input)) {
    if (n == 2) break;
  }
  EXPECT_EQ(read, 4 + 3);
}

// --- At the same time ---

TEST(ThreadPoolMap, AllWorkersTakePartWithDefaultOptions) {
  ThreadPool pool(4);
  std::atomic<int> waiting = 0;
  Notification all_here;
  const std::vector<int> numbers(8, 1);
  const auto met = pool.MapAll(
      [&](int) {
        if (++waiting == 4) all_here.Notify();
        return all_here.Wait();
      },
      numbers);
  EXPECT_THAT(met, ::testing::Each(true));
}

TEST(ThreadPoolMap, EightCallsOf200MillisecondsTakeFourWorkersUnder500) {
  ThreadPool pool(4);
  const std::vector<int> numbers(8, 1);
  absl::Duration best = absl::InfiniteDuration();
  // A busy machine may spoil a measurement, but not five.
  for (int i = 0; i < 5 && best >= absl::Milliseconds(500); ++i) {
    const absl::Time start = absl::Now();
    pool.MapAll([](int) { absl::SleepFor(absl::Milliseconds(200)); }, numbers);
    best = std::min(best, absl::Now() - start);
  }
  EXPECT_LT(best, absl::Milliseconds(500));
}

TEST(ThreadPoolMap, ReaderThatIsSlowFindsTheNextResultsReady) {
  ThreadPool pool(2);
  const std::vector<int> numbers = {1, 2, 3, 4};
  auto results = pool.Map(
      {.buffer_size = 4}, [](int n) { return n; }, numbers);
  ASSERT_TRUE(Eventually([&] { return pool.Stats().completed == 4; }));
  EXPECT_EQ(ToVector(results).size(), 4u);
}

}  // namespace
}  // namespace asyncpal

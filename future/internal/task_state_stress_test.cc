// Everything that can happen to a task, from many threads at once. Each test
// keeps a ledger: whatever the threads did, each task has run at most once, has
// ended exactly once, and each callback has run or was removed.

#include <array>
#include <atomic>
#include <barrier>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/future.h"
#include "asyncpal/future/internal/clock.h"
#include "asyncpal/future/internal/future_access.h"
#include "asyncpal/future/internal/task.h"
#include "asyncpal/future/internal/task_state.h"
#include "asyncpal/future/testing/notification.h"
#include "asyncpal/future/wait.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using testing::kDeadline;

// Counts what it is told. The relaxed counters are read after the threads were
// joined.
class CountingOwner final : public TaskOwner {
 public:
  void OnPendingClaimed(TaskState&, FutureState) override { ++accounted; }
  void OnFinished(TaskState&, FutureState) override { ++accounted; }
  void OnUnobservedFailure(const TaskState&,
                           std::exception_ptr) noexcept override {}

  std::atomic<int> accounted{0};
};

// Calls each of `actions` on a thread of its own, for each number below
// `rounds`. The threads meet before each round, so that they collide in it.
void Collide(int rounds, std::vector<std::function<void(int)>> actions) {
  std::barrier meeting(static_cast<std::ptrdiff_t>(actions.size()));
  std::vector<std::thread> threads;
  for (auto& action : actions) {
    threads.emplace_back([&meeting, &action, rounds] {
      for (int round = 0; round < rounds; ++round) {
        meeting.arrive_and_wait();
        action(round);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// Rounds of a test, each with some tasks: meeting is what takes time.
constexpr int kRounds = 200;
constexpr int kTasksPerRound = 20;
constexpr int kTasks = kRounds * kTasksPerRound;

// Calls `action(i)` for each task i of the round.
template <typename Action>
std::function<void(int)> ForEachTask(Action action) {
  return [action](int round) {
    for (int i = round * kTasksPerRound; i < (round + 1) * kTasksPerRound;
         ++i) {
      action(static_cast<size_t>(i));
    }
  };
}

// Tasks that count their runs and return a text.
class StressTest : public ::testing::Test {
 protected:
  StressTest() : runs_(kTasks), ends_(kTasks) {
    for (size_t i = 0; i < kTasks; ++i) {
      auto* const task = NewTask(&owner_, 0, [this, i] {
        ++runs_[i];
        return Text(i);
      });
      // One reference for each of up to two threads that try to run it.
      task->AddReference();
      task->AddReference();
      tasks_.push_back(task);
      futures_.push_back(FutureAccess::Make<std::string>(
          StateRef<ResultState<std::string>>::Adopt(task)));
      futures_.back().AddCallback([this, i](const auto&) { ++ends_[i]; });
    }
  }

  static std::string Text(size_t i) {
    return "the result of the task with the number " + std::to_string(i);
  }

  // To be called twice for each task.
  void TryToRun(size_t i) {
    if (tasks_[i]->Start()) {
      tasks_[i]->Run(NowTicks());
    } else {
      tasks_[i]->Release();
    }
  }
  // In place of one of the two calls.
  void DoNotRun(size_t i) { tasks_[i]->Release(); }

  CountingOwner owner_;
  std::vector<std::atomic<int>> runs_;
  std::vector<std::atomic<int>> ends_;  // calls of the first callback
  std::vector<TaskState*> tasks_;
  std::vector<Future<std::string>> futures_;
};

TEST_F(StressTest, CancelOrStartWinsAndNeverBoth) {
  std::vector<char> cancelled(kTasks, false);
  Collide(kRounds, {ForEachTask([&](size_t i) { TryToRun(i); }),
                    ForEachTask([&](size_t i) {
                      cancelled[i] = futures_[i].Cancel();
                      DoNotRun(i);
                    })});
  for (size_t i = 0; i < kTasks; ++i) {
    ASSERT_EQ(runs_[i], cancelled[i] ? 0 : 1) << i;
    ASSERT_EQ(futures_[i].is_cancelled(), static_cast<bool>(cancelled[i])) << i;
    ASSERT_EQ(ends_[i], 1) << i;
  }
  EXPECT_EQ(owner_.accounted, kTasks);
}

TEST_F(StressTest, EveryTaskEndsOnceWhoeverSettlesIt) {
  std::vector<std::atomic<int>> winners(kTasks);
  const auto error = std::make_exception_ptr(TimeoutError("too late"));
  const auto run = ForEachTask([&](size_t i) { TryToRun(i); });
  const auto cancel =
      ForEachTask([&](size_t i) { winners[i] += futures_[i].Cancel(); });
  const auto fail =
      ForEachTask([&](size_t i) { winners[i] += tasks_[i]->Fail(error); });
  Collide(kRounds, {run, cancel, fail, run, cancel});
  for (size_t i = 0; i < kTasks; ++i) {
    ASSERT_TRUE(futures_[i].is_done()) << i;
    ASSERT_EQ(winners[i], futures_[i].is_completed() ? 0 : 1) << i;
    ASSERT_LE(runs_[i], futures_[i].is_cancelled() ? 0 : 1) << i;
    ASSERT_EQ(ends_[i], 1) << i;
  }
  EXPECT_EQ(owner_.accounted, kTasks);
}

TEST_F(StressTest, EveryCallbackRunsOnceOrIsRemoved) {
  struct Ledger {
    std::atomic<int> runs{0};
    std::atomic<int> removals{0};
  };
  constexpr size_t kAdders = 2;
  std::array<std::vector<Ledger>, kAdders> ledgers;
  for (auto& ledger : ledgers) ledger = std::vector<Ledger>(kTasks);
  const auto add_and_remove = [&](std::vector<Ledger>& ledger) {
    return ForEachTask([&](size_t i) {
      const CallbackId id = futures_[i].AddCallback(
          [&ledger, i](const auto&) { ++ledger[i].runs; });
      if (i % 2 == 0) ledger[i].removals += futures_[i].RemoveCallback(id);
    });
  };
  Collide(kRounds, {ForEachTask([&](size_t i) { TryToRun(i); }),
                    add_and_remove(ledgers[0]), add_and_remove(ledgers[1]),
                    ForEachTask([&](size_t i) {
                      if (i % 3 == 0) futures_[i].Cancel();
                      DoNotRun(i);
                    })});
  for (const std::vector<Ledger>& ledger : ledgers) {
    for (size_t i = 0; i < kTasks; ++i) {
      ASSERT_EQ(ledger[i].runs + ledger[i].removals, 1) << i;
    }
  }
}

TEST_F(StressTest, EveryWaiterWakesAndSeesTheResult) {
  std::atomic<int> seen{0};
  const auto collect = ForEachTask(
      [&](size_t i) { seen += futures_[i].Collect(kDeadline) == Text(i); });
  const auto poll = ForEachTask([&](size_t i) {
    while (!futures_[i].Wait(absl::Microseconds(i % 7))) {
    }
    seen += *futures_[i].result() == Text(i);
  });
  Collide(kRounds, {ForEachTask([&](size_t i) {
                      TryToRun(i);
                      DoNotRun(i);
                    }),
                    collect, poll, collect});
  EXPECT_EQ(seen, 3 * kTasks);
}

TEST_F(StressTest, EveryRvalueCollectorGetsTheWholeResult) {
  auto copies = futures_;
  futures_.clear();  // two handles are left, in `copies` and `others`
  auto others = copies;
  std::atomic<int> seen{0};
  const auto collect = [&](std::vector<Future<std::string>>& futures) {
    return ForEachTask([&](size_t i) {
      const Future<std::string> future = std::move(futures[i]);
      seen += Future(future).Collect(kDeadline) == Text(i);
    });
  };
  Collide(kRounds, {ForEachTask([&](size_t i) {
                      TryToRun(i);
                      DoNotRun(i);
                    }),
                    collect(copies), collect(others)});
  EXPECT_EQ(seen, 2 * kTasks);
}

TEST_F(StressTest, EveryTaskEndsThoughItsFuturesGo) {
  Collide(kRounds, {ForEachTask([&](size_t i) { TryToRun(i); }),
                    ForEachTask([&](size_t i) {
                      DoNotRun(i);
                      futures_[i] = {};
                    })});
  for (size_t i = 0; i < kTasks; ++i) ASSERT_EQ(ends_[i], 1) << i;
  EXPECT_EQ(owner_.accounted, kTasks);
}

TEST_F(StressTest, OneOfTwoCollectorsGetsAResultThatCannotBeCopied) {
  std::vector<Future<std::unique_ptr<int>>> futures;
  for (const Future<std::string>& future : futures_) {
    futures.push_back(future.Then(
        [](const std::string&) { return std::make_unique<int>(7); }));
  }
  auto copies = futures;
  std::atomic<int> sum{0};
  std::atomic<int> refused{0};
  const auto collect = [&](std::vector<Future<std::unique_ptr<int>>>& from) {
    return ForEachTask([&](size_t i) {
      try {
        sum += *std::move(from[i]).Collect(kDeadline);
      } catch (const InvalidStateError&) {
        ++refused;
      }
    });
  };
  Collide(kRounds, {ForEachTask([&](size_t i) {
                      TryToRun(i);
                      DoNotRun(i);
                    }),
                    collect(futures), collect(copies)});
  EXPECT_EQ(sum, 7 * kTasks);
  EXPECT_EQ(refused, kTasks);
}

Future<size_t> SizeOf(Future<std::string> future) {
  co_return (co_await future).size();
}

TEST_F(StressTest, EveryCoroutineGoesOnWhereverItsFutureIsDone) {
  std::vector<Future<size_t>> sizes(kTasks);
  Collide(kRounds,
          {ForEachTask([&](size_t i) {
             TryToRun(i);
             DoNotRun(i);
           }),
           ForEachTask([&](size_t i) { sizes[i] = SizeOf(futures_[i]); })});
  for (size_t i = 0; i < kTasks; ++i) {
    ASSERT_EQ(sizes[i].Collect(kDeadline), Text(i).size()) << i;
  }
}

TEST_F(StressTest, EveryContinuationRunsUnlessItWasCancelled) {
  std::vector<std::atomic<int>> calls(kTasks);
  std::vector<char> cancelled(kTasks, false);
  std::vector<Future<void>> next(kTasks);
  Collide(kRounds, {ForEachTask([&](size_t i) {
                      TryToRun(i);
                      DoNotRun(i);
                    }),
                    ForEachTask([&](size_t i) {
                      next[i] = futures_[i].Then(
                          [&calls, i](const std::string&) { ++calls[i]; });
                      cancelled[i] = next[i].Cancel();
                    })});
  for (size_t i = 0; i < kTasks; ++i) {
    ASSERT_TRUE(next[i].Wait(kDeadline)) << i;
    ASSERT_EQ(calls[i], cancelled[i] ? 0 : 1) << i;
  }
}

TEST_F(StressTest, AsDoneHandsOutEachFutureOnce) {
  std::atomic<int> handed_out{0};
  const auto gather = [&](int) {
    for ([[maybe_unused]] const auto& future :
         AsDone(futures_, {.timeout = kDeadline})) {
      ++handed_out;
    }
  };
  std::thread gatherer(gather, 0);
  Collide(kRounds, {ForEachTask([&](size_t i) { TryToRun(i); }),
                    ForEachTask([&](size_t i) {
                      if (i % 2 == 0) futures_[i].Cancel();
                      DoNotRun(i);
                    })});
  gatherer.join();
  EXPECT_EQ(handed_out, kTasks);
}

TEST_F(StressTest, WhenAnyAndWhenAllEndOnceWhileTheirFuturesDo) {
  std::atomic<int> ends{0};
  Collide(kRounds,
          {ForEachTask([&](size_t i) { TryToRun(i); }), [&](int round) {
             const auto first =
                 futures_.begin() + round * std::ptrdiff_t{kTasksPerRound};
             const std::vector some(first, first + kTasksPerRound);
             WhenAny(some).AddCallback([&](const auto&) { ++ends; });
             WhenAll(some).AddCallback([&](const auto&) { ++ends; });
             for (size_t i = 0; i < kTasksPerRound; ++i) {
               DoNotRun(static_cast<size_t>(round) * kTasksPerRound + i);
             }
           }});
  EXPECT_EQ(ends, 2 * kRounds);
}

}  // namespace
}  // namespace asyncpal::internal

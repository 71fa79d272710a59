#include "asyncpal/pool/host/host_threads.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/mutex.h"
#include "asyncpal/pool/task_context.h"
#include "asyncpal/pool/testing/eventually.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::host {
namespace {

using ::asyncpal::testing::Eventually;
using ::testing::ElementsAre;

// What a host has seen, which outlives it.
struct Journal {
  internal::Mutex mu;
  std::map<int64_t, std::function<void()>> tasks ABSL_GUARDED_BY(mu);
  std::vector<std::string> seen ABSL_GUARDED_BY(mu);
  std::string initializer_error;  // const once the pool is made

  void Note(std::string what) {
    internal::MutexLock lock(mu);
    seen.push_back(std::move(what));
  }
  std::vector<std::string> Seen() {
    internal::MutexLock lock(mu);
    return seen;
  }
  bool HasSeen(const std::string& what) {
    const auto all = Seen();
    return std::find(all.begin(), all.end(), what) != all.end();
  }
};

class FakeHost final : public ThreadPoolHost {
 public:
  explicit FakeHost(std::shared_ptr<Journal> journal)
      : journal_(std::move(journal)) {}
  ~FakeHost() override { journal_->Note("gone"); }

  void BeginWorker(const std::string& name) override {
    if (!journal_->initializer_error.empty()) {
      throw std::runtime_error(journal_->initializer_error);
    }
    journal_->Note("begin " + name);
  }
  void EndWorker() override { journal_->Note("end"); }
  bool StartWorker(const std::string& name,
                   std::unique_ptr<ThreadMain> main) override {
    journal_->Note("start " + name);
    std::thread([main = std::move(main)] { (*main)(); }).detach();
    return true;
  }
  bool Run(int64_t task) override {
    std::function<void()> run;
    {
      internal::MutexLock lock(journal_->mu);
      run = journal_->tasks[task];
    }
    run();
    return true;
  }
  bool Drop(int64_t task, const std::exception_ptr& why) override {
    journal_->Note(
        "drop " + std::to_string(task) +
        (why == nullptr ? "" : ": " + internal::DescribeException(why)));
    return true;
  }
  void Expire(int64_t task, const std::exception_ptr& why) override {
    journal_->Note("expire " + std::to_string(task) + ": " +
                   internal::DescribeException(why));
  }
  void Broken(const std::exception_ptr& why) override {
    journal_->Note("broken: " + internal::DescribeException(why));
  }
  void Terminated() override { journal_->Note("terminated"); }

 private:
  const std::shared_ptr<Journal> journal_;
};

class HostThreadsTest : public ::testing::Test {
 protected:
  HostThreads& MakePool(HostThreads::Options options = {}) {
    options.pool.max_workers = 1;
    options.pool.name = "p";
    pool_ = std::make_unique<HostThreads>(std::make_shared<FakeHost>(journal_),
                                          std::move(options));
    return *pool_;
  }
  int64_t Define(std::function<void()> run) {
    internal::MutexLock lock(journal_->mu);
    journal_->tasks[++last_id_] = std::move(run);
    return last_id_;
  }
  HostTask* Submit(std::function<void()> run) {
    return Keep(pool_->Submit(Define(std::move(run)), /*is_chunk=*/false));
  }
  HostTask* Keep(HostTask* task) {
    if (task != nullptr) shares_.push_back(task);
    return task;
  }
  // Whether the host comes to see `what`, or something that has it in it.
  bool IsToldOf(const std::string& what) {
    return Eventually([&] {
      const auto seen = journal_->Seen();
      return std::any_of(seen.begin(), seen.end(), [&](const auto& line) {
        return line.find(what) != std::string::npos;
      });
    });
  }
  bool IsTerminated() {
    return Eventually([&] { return journal_->HasSeen("terminated"); });
  }
  void TearDown() override {
    release_ = true;
    if (pool_ == nullptr) return;
    pool_->Close(ShutdownMode::kCancelPending);
    EXPECT_TRUE(IsTerminated());
    for (HostTask* const share : shares_) HostThreads::Release(share);
    pool_.reset();
    EXPECT_TRUE(Eventually([&] { return journal_->HasSeen("gone"); }));
  }
  // Keeps the only worker busy.
  void Occupy() {
    Submit([&] {
      is_busy_ = true;
      EXPECT_TRUE(Eventually([&] { return release_.load(); }));
      HostThreads::Settle(FutureState::kCompleted);
    });
    ASSERT_TRUE(Eventually([&] { return is_busy_.load(); }));
  }

  std::shared_ptr<Journal> journal_ = std::make_shared<Journal>();
  std::unique_ptr<HostThreads> pool_;
  std::vector<HostTask*> shares_;
  int64_t last_id_ = 0;
  std::atomic<bool> is_busy_{false};
  std::atomic<bool> release_{false};
};

TEST_F(HostThreadsTest, RunsTheHostsTasksAndCountsWhatBecameOfThem) {
  MakePool();
  for (const FutureState outcome :
       {FutureState::kCompleted, FutureState::kFailed,
        FutureState::kCancelled}) {
    Submit([=] { EXPECT_TRUE(HostThreads::Settle(outcome)); });
  }
  EXPECT_TRUE(Eventually([&] {
    const PoolStats stats = pool_->Stats();
    return stats.completed == 1 && stats.failed == 1 && stats.cancelled == 1;
  }));
}

TEST_F(HostThreadsTest, TellsTheHostOfItsWorkers) {
  MakePool();
  Submit([] { HostThreads::Settle(FutureState::kCompleted); });
  pool_->Close(ShutdownMode::kDrain);
  EXPECT_TRUE(IsTerminated());
  EXPECT_THAT(journal_->Seen(),
              ElementsAre("begin p-worker-1", "end", "terminated"));
}

TEST_F(HostThreadsTest, IsBrokenByWhatTheHostThrowsForAWorker) {
  journal_->initializer_error = "no runtime";
  MakePool();
  const int64_t id = last_id_ + 1;
  Submit([] {});
  EXPECT_TRUE(Eventually([&] { return pool_->is_broken(); }));
  EXPECT_THROW(pool_->Check(), InitializerError);
  EXPECT_TRUE(Eventually([&] {
    for (const std::string& what : journal_->Seen()) {
      if (what.find("drop " + std::to_string(id) + ": ") == 0 &&
          what.find("no runtime") != std::string::npos) {
        return true;
      }
    }
    return false;
  }));
}

TEST_F(HostThreadsTest, TestsTheHostOnAThreadThatIsNoWorker) {
  MakePool();
  pool_->Test();
  EXPECT_THAT(journal_->Seen(), ElementsAre("begin p-test", "end"));
}

TEST_F(HostThreadsTest, RunsOnThreadsThatTheHostMakes) {
  MakePool({.host_makes_threads = true});
  Submit([] { HostThreads::Settle(FutureState::kCompleted); });
  EXPECT_TRUE(Eventually([&] { return pool_->Stats().completed == 1; }));
  EXPECT_TRUE(journal_->HasSeen("start p-worker-1"));
}

TEST_F(HostThreadsTest, TellsTheHostWhatHasBrokenThePoolBeforeItDropsTasks) {
  journal_->initializer_error = "no runtime";
  MakePool();
  Submit([] {});
  ASSERT_TRUE(IsToldOf("drop "));
  const auto seen = journal_->Seen();
  const auto is_broken = [](const std::string& what) {
    return what.starts_with("broken: ") &&
           what.find("no runtime") != std::string::npos;
  };
  const auto is_drop = [](const std::string& what) {
    return what.starts_with("drop ");
  };
  EXPECT_LT(std::find_if(seen.begin(), seen.end(), is_broken),
            std::find_if(seen.begin(), seen.end(), is_drop));
}

TEST_F(HostThreadsTest, CancelsAPendingTaskAndDropsTheOthersAtItsClose) {
  MakePool();
  Occupy();
  HostTask* const cancelled = Submit([] { FAIL() << "it was cancelled"; });
  Submit([] { FAIL() << "the pool was closed"; });
  EXPECT_TRUE(HostThreads::Cancel(cancelled));
  EXPECT_FALSE(HostThreads::Cancel(cancelled));
  EXPECT_TRUE(pool_->Close(ShutdownMode::kCancelPending));
  EXPECT_TRUE(journal_->HasSeen("drop 3"));
  EXPECT_FALSE(journal_->HasSeen("drop 2")) << "the host has done that itself";
}

TEST_F(HostThreadsTest, SaysThatAFullPoolHasNoRoom) {
  MakePool({.pool = {.max_pending = 1}});
  Occupy();
  EXPECT_NE(Submit([] { HostThreads::Settle(FutureState::kCompleted); }),
            nullptr);
  EXPECT_EQ(Submit([] {}), nullptr);
  EXPECT_FALSE(pool_->WaitForRoom(absl::Milliseconds(1)));
  release_ = true;
  EXPECT_TRUE(pool_->WaitForRoom(absl::Seconds(30)));
}

TEST_F(HostThreadsTest, TellsOfATaskThatHasRunTooLong) {
  MakePool();
  const int64_t id = Define([&] {
    EXPECT_TRUE(IsToldOf("expire 1: "));
    EXPECT_FALSE(HostThreads::Settle(FutureState::kCompleted));
  });
  Keep(pool_->Submit(id, {.timeout = absl::Milliseconds(20)}));
  EXPECT_TRUE(IsToldOf("expire 1: "));
  // It is counted before the host is told.
  EXPECT_EQ(pool_->Stats().failed, 1);
}

TEST_F(HostThreadsTest, CallsATaskWithOptionsByTheNumberThatTheHostHasGivenIt) {
  MakePool();
  Occupy();
  const TaskOptions late = {.queue_deadline = absl::Milliseconds(1)};
  const auto settle = [] { HostThreads::Settle(FutureState::kCompleted); };
  Keep(pool_->Submit(Define(settle), late, {.number = 40}));
  Keep(pool_->Submit(Define(settle), late));
  EXPECT_TRUE(IsToldOf("task 40 had not started"));
  EXPECT_TRUE(IsToldOf("task 2 had not started"))
      << "the host's own numbers are not of the pool's";
}

TEST_F(HostThreadsTest, GoesOnToTheNextTaskWithoutAReturn) {
  MakePool();
  Occupy();
  Submit([&] {
    EXPECT_TRUE(HostThreads::Settle(FutureState::kCompleted));
    EXPECT_EQ(HostThreads::GoOn(/*host_keeps_share=*/true), 3);
    EXPECT_TRUE(HostThreads::Settle(FutureState::kFailed));
    EXPECT_EQ(HostThreads::GoOn(/*host_keeps_share=*/true), kNoTask);
  });
  Submit([] { FAIL() << "the one before went on to this"; });
  release_ = true;
  EXPECT_TRUE(Eventually([&] { return pool_->Stats().failed == 1; }));
}

TEST_F(HostThreadsTest, TaskThatTheHostGoesOnToHasItsOwnContext) {
  MakePool();
  Occupy();
  std::vector<uint64_t> ids;
  Submit([&] {
    ids.push_back(TaskContext::Current()->id());
    HostThreads::Settle(FutureState::kCompleted);
    EXPECT_EQ(HostThreads::GoOn(/*host_keeps_share=*/true), 3);
    ids.push_back(TaskContext::Current()->id());
    HostThreads::Settle(FutureState::kFailed);
    HostThreads::GoOn(/*host_keeps_share=*/true);
  });
  Submit([] { FAIL() << "the one before went on to this"; });
  release_ = true;
  ASSERT_TRUE(Eventually([&] { return pool_->Stats().failed == 1; }));
  EXPECT_THAT(ids, ElementsAre(2, 3));
}

TEST_F(HostThreadsTest, WhatIsNoTaskBelongsToNobodysTrace) {
  MakePool();
  std::vector<std::string> traces;
  const auto note = [&traces] {
    traces.push_back(TaskContext::Current()->traceparent());
    HostThreads::Settle(FutureState::kCompleted);
  };
  {
    internal::MutexLock lock(journal_->mu);
    journal_->tasks[-2] = note;
  }
  const std::string mine =
      "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const TraceparentScope scope(mine);
  Submit(note);
  Keep(pool_->Submit(-2, /*is_chunk=*/false));
  Submit(note);
  ASSERT_TRUE(Eventually([&] { return pool_->Stats().completed == 3; }));
  EXPECT_THAT(traces, ElementsAre(mine, "", mine));
}

// The host may find late that a wait is over: when the worker that waited, and
// the one that stood in for it, are idle already.
TEST_F(HostThreadsTest, RetiresAnIdleWorkerThatStoodInOnceTheWaitIsOver) {
  MakePool();
  std::atomic<void*> waiting{nullptr};
  Submit([&] {
    waiting = HostThreads::CurrentWorker();
    EXPECT_TRUE(Eventually([&] { return release_.load(); }));
    HostThreads::Settle(FutureState::kCompleted);
  });
  ASSERT_TRUE(Eventually([&] { return waiting != nullptr; }));
  HostThreads::BeginBlocking(waiting);
  Submit([] { HostThreads::Settle(FutureState::kCompleted); });
  EXPECT_TRUE(Eventually([&] { return pool_->Stats().completed == 1; }));
  release_ = true;
  EXPECT_TRUE(Eventually([&] { return pool_->Stats().completed == 2; }));
  EXPECT_TRUE(Eventually([&] { return pool_->Stats().busy == 0; }));
  EXPECT_EQ(pool_->Stats().workers, 2);
  HostThreads::EndBlocking(waiting);
  EXPECT_TRUE(Eventually([&] { return pool_->Stats().workers == 1; }));
}

TEST_F(HostThreadsTest, RefusesToSettleOutsideOfATask) {
  EXPECT_THROW(HostThreads::Settle(FutureState::kCompleted), InvalidStateError);
  EXPECT_THROW(HostThreads::GoOn(true), InvalidStateError);
}

TEST_F(HostThreadsTest, CallsTheHandlerOfAJoinOnceAllIsQuiet) {
  MakePool();
  Occupy();
  std::atomic<int> joined{0};
  pool_->StartJoin([&] { ++joined; });
  const uint64_t given_up = pool_->StartJoin([&] { joined += 100; });
  EXPECT_TRUE(pool_->EndJoin(given_up));
  EXPECT_EQ(joined, 0);
  release_ = true;
  EXPECT_TRUE(Eventually([&] { return joined == 1; }));
}

}  // namespace
}  // namespace asyncpal::host

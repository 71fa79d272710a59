#include "asyncpal/pool/host/host_processes.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <exception>
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
#include "asyncpal/pool/host/host_worker.h"
#include "asyncpal/pool/testing/eventually.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::host {
namespace {

using ::asyncpal::testing::Eventually;
using ::testing::HasSubstr;

constexpr absl::Duration kLong = absl::Seconds(30);

// Five calls, of which the third does what `how` says.
std::string MakeFiveCalls(const std::string& how) {
  HostWorker::BeginCalls();
  for (int i = 0; i < 5; ++i) {
    HostWorker::BeginCall();
    if (i == 2 && how != "return") {
      if (!Eventually([] { return !HostWorker::HasUnsent(); })) return "late";
      if (how == "die") raise(SIGKILL);
      if (how == "throw") throw std::out_of_range("index 7");
    }
    // The third result is too large, with "grow".
    const std::string result(how == "grow" && i == 2 ? 2000 : 1, 'a' + i);
    try {
      HostWorker::EndCall(result);
    } catch (const SerializationError&) {
      HostWorker::EndCall("-");
    }
  }
  return ".";
}

// In a worker.
std::string MakeCall(const std::string& call) {
  if (call.rfind("calls: ", 0) == 0) return MakeFiveCalls(call.substr(7));
  if (call == "die") raise(SIGKILL);
  if (call == "block") {
    while (true) pause();
  }
  if (call == "fail") throw std::out_of_range("index 7");
  if (call == "ask") return HostWorker::Ask("what?");
  if (call == "plain") return kPlainResult + call;
  return "<" + call + ">";
}

struct Outcome {
  std::string result;
  std::exception_ptr error;
  bool dropped = false;
  int64_t rest = -1;  // of calls that were lost
  std::thread::id told_on = std::this_thread::get_id();
};

struct Journal {
  internal::Mutex mu;
  std::map<int64_t, Outcome> outcomes ABSL_GUARDED_BY(mu);
  std::atomic<int> terminated{0};
  std::vector<std::string> losses ABSL_GUARDED_BY(mu);

  std::vector<std::string> Losses() {
    internal::MutexLock lock(mu);
    return losses;
  }
};

class FakeHost final : public ProcessHost {
 public:
  explicit FakeHost(std::shared_ptr<Journal> journal)
      : journal_(std::move(journal)) {}

  void Complete(int64_t task, const std::string& result) override {
    Note(task, {.result = result});
  }
  void Fail(int64_t task, const std::exception_ptr& error) override {
    Note(task, {.error = error});
  }
  void Drop(int64_t task, const std::exception_ptr& why) override {
    Note(task, {.error = why, .dropped = true});
  }
  void LoseCalls(int64_t task, const std::string& results, int64_t rest,
                 const std::exception_ptr& error) override {
    Note(task, {.result = results, .error = error, .rest = rest});
  }
  std::string Answer(const std::string& request) override {
    return "re: " + request;
  }
  void OnLoss(const WorkerLostError& loss) override {
    internal::MutexLock lock(journal_->mu);
    journal_->losses.push_back(std::to_string(loss.pid()) + " of " +
                               std::to_string(loss.signal().value_or(0)) +
                               " while " + loss.phase());
  }
  void Terminated() override { ++journal_->terminated; }

 private:
  void Note(int64_t task, Outcome outcome) {
    internal::MutexLock lock(journal_->mu);
    EXPECT_TRUE(journal_->outcomes.emplace(task, std::move(outcome)).second);
  }

  const std::shared_ptr<Journal> journal_;
};

class HostProcessesTest : public ::testing::Test {
 protected:
  HostProcesses& MakePool(HostProcesses::Options options = {}) {
    options.pool.max_workers = 1;
    options.pool.name = "p";
    pool_ = std::make_unique<HostProcesses>(
        std::make_shared<FakeHost>(journal_), options);
    return *pool_;
  }
  int64_t Call(const std::string& call) {
    shares_.push_back(pool_->Submit(++last_id_, "", call, /*is_chunk=*/false));
    return last_id_;
  }
  Outcome Await(int64_t id) {
    const auto is_done = [&] {
      internal::MutexLock lock(journal_->mu);
      return journal_->outcomes.count(id) > 0;
    };
    EXPECT_TRUE(Eventually(is_done));
    internal::MutexLock lock(journal_->mu);
    return journal_->outcomes[id];
  }
  void TearDown() override {
    if (pool_ == nullptr) return;
    pool_->Close(ShutdownMode::kKill);
    EXPECT_TRUE(Eventually([&] { return journal_->terminated == 1; }));
    for (HostCall* const share : shares_) HostProcesses::Release(share);
  }

  std::shared_ptr<Journal> journal_ = std::make_shared<Journal>();
  std::unique_ptr<HostProcesses> pool_;
  std::vector<HostCall*> shares_;
  int64_t last_id_ = 0;
};

TEST_F(HostProcessesTest, CallsTheHostsWorker) {
  MakePool();
  EXPECT_EQ(Await(Call("hello")).result, "<hello>");
}

TEST_F(HostProcessesTest, BringsWhatACallThrew) {
  MakePool();
  const Outcome outcome = Await(Call("fail"));
  EXPECT_THROW(std::rethrow_exception(outcome.error), std::out_of_range);
  EXPECT_EQ(Await(Call("next")).result, "<next>");
}

TEST_F(HostProcessesTest, FailsACallWhoseWorkerDied) {
  MakePool();
  const Outcome outcome = Await(Call("die"));
  EXPECT_THROW(std::rethrow_exception(outcome.error), WorkerLostError);
  EXPECT_EQ(Await(Call("next")).result, "<next>");
}

TEST_F(HostProcessesTest, BringsResultsOfSeveralCallsAsOne) {
  MakePool();
  EXPECT_EQ(Await(Call("calls: return")).result, "abcde.");
  EXPECT_EQ(Await(Call("calls: wait")).result, "abcde.");
  EXPECT_EQ(Await(Call("next")).result, "<next>");
}

TEST_F(HostProcessesTest, LostWorkerCostsTheCallThatRanAndNoneBefore) {
  MakePool();
  const Outcome outcome = Await(Call("calls: die"));
  EXPECT_EQ(outcome.result, "ab");
  EXPECT_EQ(outcome.rest, 3);
  EXPECT_THROW(std::rethrow_exception(outcome.error), WorkerLostError);
  EXPECT_EQ(Await(Call("next")).result, "<next>");
}

TEST_F(HostProcessesTest, HostThatThrowsBetweenCallsLosesTheRest) {
  MakePool();
  const Outcome outcome = Await(Call("calls: throw"));
  EXPECT_EQ(outcome.result, "ab");
  EXPECT_EQ(outcome.rest, 3);
  EXPECT_THROW(std::rethrow_exception(outcome.error), std::out_of_range);
}

TEST_F(HostProcessesTest, ResultBeyondTheLimitIsTheOnlyOneRefused) {
  MakePool({.max_payload_bytes = 1000});
  EXPECT_EQ(Await(Call("calls: grow")).result, "ab-de.");
}

TEST_F(HostProcessesTest, TellsOfAWorkerThatDiesWithATaskOrWithout) {
  MakePool();
  Await(Call("hello"));
  const int64_t first = *pool_->Workers().at(0).pid;
  ASSERT_EQ(kill(static_cast<pid_t>(first), SIGKILL), 0);
  EXPECT_TRUE(Eventually([&] { return !journal_->Losses().empty(); }));
  EXPECT_EQ(journal_->Losses()[0], std::to_string(first) + " of 9 while idle");
  const Outcome lost = Await(Call("die"));
  EXPECT_THROW(std::rethrow_exception(lost.error), WorkerLostError);
  const auto losses = journal_->Losses();
  ASSERT_EQ(losses.size(), 2u);
  EXPECT_THAT(losses[1], HasSubstr(" of 9 while running"));
}

TEST_F(HostProcessesTest, KilledWorkerIsNotLost) {
  MakePool();
  const int64_t id = Call("block");
  EXPECT_TRUE(Eventually([&] { return pool_->Stats().running == 1; }));
  EXPECT_TRUE(HostProcesses::Kill(shares_.back()));
  Await(id);
  EXPECT_EQ(Await(Call("next")).result, "<next>");
  EXPECT_TRUE(journal_->Losses().empty());
}

TEST_F(HostProcessesTest, KillsARunningCall) {
  MakePool();
  const int64_t id = Call("block");
  EXPECT_TRUE(Eventually([&] { return pool_->Stats().running == 1; }));
  EXPECT_TRUE(HostProcesses::Kill(shares_.back()));
  EXPECT_THROW(std::rethrow_exception(Await(id).error), CancelledError);
}

TEST_F(HostProcessesTest, CancelsAPendingCallAndDropsTheOthersAtItsClose) {
  MakePool({.pool = {.max_tasks_per_worker = 1}});
  Call("block");
  const int64_t cancelled = Call("a");
  HostCall* const share = shares_.back();
  const int64_t dropped = Call("b");
  EXPECT_TRUE(HostProcesses::Cancel(share));
  EXPECT_THROW(std::rethrow_exception(Await(cancelled).error), CancelledError);
  pool_->Close(ShutdownMode::kKill);
  const Outcome outcome = Await(dropped);
  EXPECT_TRUE(outcome.dropped);
  EXPECT_EQ(outcome.error, nullptr);
}

TEST_F(HostProcessesTest, BringsAPlainResultToTheThreadThatReceivesIt) {
  MakePool();
  const std::thread::id here = std::this_thread::get_id();
  // Once the worker is idle, and unless its own thread is faster.
  EXPECT_TRUE(Eventually([&] {
    const int64_t id = Call("plain");
    const bool received = HostProcesses::Receive(shares_.back(), kLong);
    const Outcome outcome = Await(id);
    EXPECT_EQ(outcome.result, std::string(1, kPlainResult) + "plain");
    EXPECT_TRUE(!received || outcome.told_on == here);
    return received;
  }));
}

TEST_F(HostProcessesTest, BringsAnyOtherOutcomeOnAThreadOfItsOwn) {
  MakePool();
  const std::thread::id here = std::this_thread::get_id();
  for (int i = 0; i < 30; ++i) {
    const int64_t id = Call(i % 3 == 0 ? "fail" : "other");
    EXPECT_FALSE(HostProcesses::Receive(shares_.back(), kLong));
    EXPECT_NE(Await(id).told_on, here);
  }
}

TEST_F(HostProcessesTest, ReceivesForNoLongerThanTheLimit) {
  MakePool();
  Await(Call("hello"));
  const int64_t id = Call("block");
  EXPECT_FALSE(HostProcesses::Receive(shares_.back(), absl::Milliseconds(1)));
  EXPECT_TRUE(HostProcesses::Kill(shares_.back()));
  EXPECT_THROW(std::rethrow_exception(Await(id).error), CancelledError);
}

TEST_F(HostProcessesTest, AnswersItsWorkersWhereItSaysSo) {
  MakePool({.answers_workers = true});
  EXPECT_EQ(Await(Call("ask")).result, "re: what?");
}

TEST_F(HostProcessesTest, DoesNotAnswerWhereItDoesNotSaySo) {
  MakePool();
  EXPECT_NE(Await(Call("ask")).error, nullptr);
}

TEST_F(HostProcessesTest, IsBrokenByItsInitializer) {
  MakePool({.initializer = "fail"});
  const Outcome outcome = Await(Call("never"));
  EXPECT_TRUE(outcome.dropped);
  EXPECT_THAT(internal::DescribeException(outcome.error), HasSubstr("index 7"));
}

TEST_F(HostProcessesTest, RefusesATaskThatNobodyHasRegistered) {
  MakePool();
  shares_.push_back(pool_->Submit(++last_id_, "no.such.task", "", false));
  EXPECT_THROW(std::rethrow_exception(Await(last_id_).error),
               SerializationError);
}

TEST(HostWorkerTest, IsNoWorkerUnlessAPoolHasStartedIt) {
  EXPECT_FALSE(HostWorker::IsOne());
  EXPECT_THROW(HostWorker::Serve(MakeCall), InvalidStateError);
}

}  // namespace
}  // namespace asyncpal::host

// Workers run this same program, as a host's would.
int main(int argc, char** argv) {
  using asyncpal::host::HostWorker;
  if (HostWorker::IsOne()) HostWorker::Serve(asyncpal::host::MakeCall);
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}

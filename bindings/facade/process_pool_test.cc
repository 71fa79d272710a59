#include "asyncpal/bindings/facade/process_pool.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "asyncpal/bindings/facade/hosted_worker.h"
#include "asyncpal/bindings/facade/values.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/mutex.h"
#include "asyncpal/ipc/call.h"
#include "asyncpal/pool/testing/eventually.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::facade {
namespace {

using ::asyncpal::testing::Eventually;

// --- What workers can do ---

class FakeWorkerHost : public WorkerHost {
 public:
  Bytes Serve(const Bytes& call, Failure& failure) override {
    if (call == "die") raise(SIGKILL);
    if (call == "die in the second call") {
      HostedWorker::BeginCalls();
      HostedWorker::BeginCall();
      HostedWorker::EndCall("first");
      HostedWorker::BeginCall();
      if (Eventually([] { return !HostedWorker::HasUnsent(); })) raise(SIGKILL);
    }
    if (call == "block") {
      while (true) pause();
    }
    if (call == "fail") {
      failure.Add(kRemoteFailure, "test.Error", "outer", "at Outer", "state");
      failure.Add(kRemoteFailure, "test.Error", "inner", "at Inner", "");
    }
    return "<" + call + ">";
  }
};

std::string Repeat(int64_t times, const std::string& text) {
  std::string repeated;
  for (int64_t i = 0; i < times; ++i) repeated += text;
  return repeated;
}
ASYNCPAL_REGISTER_TASK("test.repeat", Repeat);

void ThrowWithCause() {
  try {
    throw std::out_of_range("inner");
  } catch (...) {
    std::throw_with_nested(std::invalid_argument("outer"));
  }
}
ASYNCPAL_REGISTER_TASK("test.throw", ThrowWithCause);

// --- The parent ---

struct Outcome {
  Bytes result;
  Failure failure;
  bool dropped = false;
  int64_t rest = -1;  // of calls that were lost
};

struct Journal {
  internal::Mutex mu;
  std::map<int64_t, Outcome> outcomes ABSL_GUARDED_BY(mu);
  std::atomic<int> terminated{0};
  std::atomic<int> joined{0};
};

class FakeHost : public ProcessHost {
 public:
  explicit FakeHost(std::shared_ptr<Journal> journal)
      : journal_(std::move(journal)) {}

  void Complete(int64_t task, const Bytes& result) override {
    internal::MutexLock lock(journal_->mu);
    EXPECT_TRUE(journal_->outcomes.emplace(task, Outcome{result, {}}).second);
  }
  void Fail(int64_t task, const Failure& failure) override {
    internal::MutexLock lock(journal_->mu);
    EXPECT_TRUE(journal_->outcomes.emplace(task, Outcome{"", failure}).second);
  }
  void Drop(int64_t task, const Failure& why) override {
    internal::MutexLock lock(journal_->mu);
    EXPECT_TRUE(
        journal_->outcomes.emplace(task, Outcome{"", why, true}).second);
  }
  void LoseCalls(int64_t task, const Bytes& results, int64_t rest,
                 const Failure& failure) override {
    internal::MutexLock lock(journal_->mu);
    const Outcome outcome = {
        .result = results, .failure = failure, .rest = rest};
    EXPECT_TRUE(journal_->outcomes.emplace(task, outcome).second);
  }
  void Joined(int64_t) override { ++journal_->joined; }
  void Terminated() override { ++journal_->terminated; }

 private:
  const std::shared_ptr<Journal> journal_;
};

class FacadeProcessPoolTest : public ::testing::Test {
 protected:
  ProcessPool& MakePool(NativeProcessPoolOptions settings = {}) {
    settings.max_workers = 1;
    settings.name = "p";
    pool_ = std::make_unique<ProcessPool>(new FakeHost(journal_), settings);
    return *pool_;
  }
  int64_t Call(const Bytes& call) {
    handles_.push_back(pool_->Submit(++last_id_, "", call));
    return last_id_;
  }
  int64_t Call(const Bytes& call, const NativeTaskOptions& settings) {
    handles_.push_back(pool_->Submit(++last_id_, "", call, settings));
    return last_id_;
  }
  int64_t CallCpp(const std::string& name, const Bytes& arguments) {
    handles_.push_back(pool_->Submit(++last_id_, name, arguments));
    return last_id_;
  }
  bool IsDone(int64_t id) {
    internal::MutexLock lock(journal_->mu);
    return journal_->outcomes.count(id) > 0;
  }
  Outcome Await(int64_t id) {
    EXPECT_TRUE(Eventually([&] { return IsDone(id); }));
    internal::MutexLock lock(journal_->mu);
    return journal_->outcomes[id];
  }
  bool IsRunning() {
    return Eventually([&] { return pool_->Stats().running == 1; });
  }
  void TearDown() override {
    if (pool_ == nullptr) return;
    pool_->Close(kCloseKill);
    EXPECT_TRUE(Eventually([&] { return journal_->terminated == 1; }));
    for (const int64_t handle : handles_) ProcessPool::Release(handle);
  }

  std::shared_ptr<Journal> journal_ = std::make_shared<Journal>();
  std::unique_ptr<ProcessPool> pool_;
  std::vector<int64_t> handles_;
  int64_t last_id_ = 0;
};

TEST_F(FacadeProcessPoolTest, BringsACallOfTheHostsToItsWorkerAndBack) {
  MakePool();
  EXPECT_EQ(Await(Call(Bytes("a\0b", 3))).result, Bytes("<a\0b>", 5));
}

TEST_F(FacadeProcessPoolTest, BringsLargeCallsToo) {
  MakePool();
  const Bytes large(1 << 20, 'x');
  EXPECT_EQ(Await(Call(large)).result, "<" + large + ">");
}

TEST_F(FacadeProcessPoolTest, BringsAFailureOfTheHostsWithCausesAndState) {
  MakePool();
  const Failure failure = Await(Call("fail")).failure;
  ASSERT_EQ(failure.size(), 2);
  EXPECT_EQ(failure.link(0).kind, kRemoteFailure);
  EXPECT_EQ(failure.link(0).type, "test.Error");
  EXPECT_EQ(failure.link(0).message, "outer");
  EXPECT_EQ(failure.link(0).traceback, "at Outer");
  EXPECT_EQ(failure.link(0).state, "state");
  EXPECT_EQ(failure.link(1).message, "inner");
  EXPECT_EQ(failure.link(1).traceback, "at Inner");
}

TEST_F(FacadeProcessPoolTest, CallsACppTaskWithPlainArguments) {
  MakePool();
  ValueWriter arguments;
  arguments.WriteInt64(3);
  arguments.WriteString("ab");
  ValueReader result(Await(CallCpp("test.repeat", arguments.Finish())).result);
  EXPECT_EQ(result.ReadString(), "ababab");
  result.ExpectEnd();
}

TEST_F(FacadeProcessPoolTest, RefusesArgumentsThatAreNotTheTasks) {
  MakePool();
  ValueWriter arguments;
  arguments.WriteInt32(3);
  const Failure failure =
      Await(CallCpp("test.repeat", arguments.Finish())).failure;
  ASSERT_FALSE(failure.empty());
  EXPECT_EQ(failure.link(0).kind, kSerializationFailed);
}

TEST_F(FacadeProcessPoolTest, NamesATaskThatTheWorkerDoesNotHave) {
  MakePool();
  const Failure failure = Await(CallCpp("test.nowhere", "")).failure;
  ASSERT_FALSE(failure.empty());
  EXPECT_THAT(failure.link(0).message, ::testing::HasSubstr("test.nowhere"));
}

TEST_F(FacadeProcessPoolTest, BringsTheCausesOfACppException) {
  MakePool();
  const Failure failure = Await(CallCpp("test.throw", "")).failure;
  ASSERT_EQ(failure.size(), 2);
  EXPECT_EQ(failure.link(0).kind, kInvalidArgument);
  EXPECT_EQ(failure.link(0).message, "outer");
  EXPECT_EQ(failure.link(1).type, "std::out_of_range");
  EXPECT_EQ(failure.link(1).message, "inner");
}

TEST_F(FacadeProcessPoolTest, LosesOneTaskWithAWorkerAndGoesOn) {
  MakePool();
  const int64_t lost = Call("die");
  const int64_t other = Call("b");
  const Failure failure = Await(lost).failure;
  ASSERT_FALSE(failure.empty());
  EXPECT_EQ(failure.link(0).kind, kWorkerLost);
  EXPECT_EQ(failure.link(0).signal, SIGKILL);
  EXPECT_GT(failure.link(0).pid, 0);
  EXPECT_EQ(Await(other).result, "<b>");
  EXPECT_EQ(pool_->Stats().lost, 1);
}

TEST_F(FacadeProcessPoolTest, KillsARunningTaskAndGoesOn) {
  MakePool();
  const int64_t blocked = Call("block");
  ASSERT_TRUE(IsRunning());
  EXPECT_TRUE(ProcessPool::Kill(handles_.back()));
  const Failure failure = Await(blocked).failure;
  ASSERT_FALSE(failure.empty());
  EXPECT_EQ(failure.link(0).kind, kCancelled);
  EXPECT_EQ(Await(Call("c")).result, "<c>");
}

TEST_F(FacadeProcessPoolTest, TellsAtOnceOfAPendingTaskThatIsCancelled) {
  MakePool();
  Call("block");
  ASSERT_TRUE(IsRunning());
  const int64_t pending = Call("d");
  EXPECT_TRUE(ProcessPool::Cancel(handles_.back()));
  EXPECT_TRUE(IsDone(pending));
}

TEST_F(FacadeProcessPoolTest, KillsATaskThatOutrunsItsTimeout) {
  MakePool();
  Await(Call("a"));  // its worker is there
  const Failure failure =
      Await(Call("block", {.name = "slow", .timeout = 1000000})).failure;
  ASSERT_FALSE(failure.empty());
  EXPECT_EQ(failure.link(0).kind, kTimeout);
  EXPECT_THAT(failure.link(0).message, ::testing::HasSubstr("slow"));
  EXPECT_EQ(Await(Call("b")).result, "<b>");
}

TEST_F(FacadeProcessPoolTest, FailsATaskThatMissesItsQueueDeadline) {
  MakePool();
  Call("block");
  ASSERT_TRUE(IsRunning());
  const Outcome late = Await(Call("c", {.queue_deadline = 1}));
  ASSERT_FALSE(late.failure.empty());
  EXPECT_EQ(late.failure.link(0).kind, kTimeout);
  EXPECT_FALSE(late.dropped);
}

TEST_F(FacadeProcessPoolTest, RunsATaskThatLostItsWorkerAgainIfItMay) {
  MakePool();
  const Failure failure = Await(Call("die", {.max_attempts = 2})).failure;
  ASSERT_FALSE(failure.empty());
  EXPECT_EQ(failure.link(0).kind, kWorkerLost);
  EXPECT_EQ(pool_->Stats().lost, 1);
}

TEST_F(FacadeProcessPoolTest, DropsWhatAShutdownCancels) {
  MakePool();
  const int64_t running = Call("block");
  ASSERT_TRUE(IsRunning());
  const int64_t pending = Call("d");
  pool_->Close(kCloseKill);
  EXPECT_TRUE(Await(pending).dropped);
  EXPECT_TRUE(Await(pending).failure.empty());
  EXPECT_FALSE(Await(running).dropped);
}

TEST_F(FacadeProcessPoolTest, AJoinEndsWhenNoWorkerIsLeft) {
  MakePool();
  Call("a");
  pool_->StartJoin(7);
  EXPECT_TRUE(Eventually([&] { return journal_->joined == 1; }));
  EXPECT_TRUE(IsDone(last_id_));
  EXPECT_EQ(pool_->Stats().workers, 0);
}

TEST_F(FacadeProcessPoolTest, RunsTheHostsInitializer) {
  NativeProcessPoolOptions settings;
  settings.initializer = "fail";
  MakePool(settings);
  const Outcome outcome = Await(Call("e"));
  const Failure& failure = outcome.failure;
  EXPECT_TRUE(outcome.dropped);
  ASSERT_EQ(failure.size(), 3);
  EXPECT_EQ(failure.link(0).kind, kInitializerFailed);
  EXPECT_EQ(failure.link(1).message, "outer");
}

TEST_F(FacadeProcessPoolTest, LostTaskOfSeveralCallsHasTheirResults) {
  MakePool();
  const Outcome lost = Await(Call("die in the second call"));
  EXPECT_EQ(lost.result, "first");
  EXPECT_EQ(lost.rest, 2);
  EXPECT_EQ(lost.failure.link(0).kind, kWorkerLost);
}

TEST_F(FacadeProcessPoolTest, AClosedPoolRefusesCalls) {
  MakePool();
  pool_->Close(kCloseDrain);
  EXPECT_THROW(Call("f"), ClosedPoolError);
  EXPECT_FALSE(IsDone(last_id_));
}

TEST_F(FacadeProcessPoolTest, OnlyAWorkerServes) {
  EXPECT_FALSE(HostedWorker::IsOne());
  EXPECT_THROW(HostedWorker::Serve(nullptr), InvalidStateError);
}

TEST(ValuesTest, AreReadAsTheyWereWritten) {
  ValueWriter out;
  out.WriteBool(true);
  out.WriteInt8(-8);
  out.WriteInt16(-16);
  out.WriteInt32(-32);
  out.WriteInt64(int64_t{-1} << 40);
  out.WriteFloat(0.5f);
  out.WriteDouble(0.25);
  out.WriteString("\xc3\xa4");
  out.WriteBytes(Bytes("\0\xff", 2));
  out.WriteDuration(1500000000);
  out.WriteSize(0);
  ValueReader in(out.Finish());
  EXPECT_EQ(in.ReadBool(), true);
  EXPECT_EQ(in.ReadInt8(), -8);
  EXPECT_EQ(in.ReadInt16(), -16);
  EXPECT_EQ(in.ReadInt32(), -32);
  EXPECT_EQ(in.ReadInt64(), int64_t{-1} << 40);
  EXPECT_EQ(in.ReadFloat(), 0.5f);
  EXPECT_EQ(in.ReadDouble(), 0.25);
  EXPECT_EQ(in.ReadString(), "\xc3\xa4");
  EXPECT_EQ(in.ReadBytes(), Bytes("\0\xff", 2));
  EXPECT_EQ(in.ReadDuration(), 1500000000);
  EXPECT_EQ(in.ReadSize(8), 0);
  in.ExpectEnd();
}

TEST(ValuesTest, ThatEndTooEarlyAreRefused) {
  ValueReader in("abc");
  EXPECT_THROW(in.ReadInt64(), SerializationError);
}

TEST(ValuesTest, ThatAreLeftOverAreRefused) {
  EXPECT_THROW(ValueReader("abc").ExpectEnd(), SerializationError);
}

TEST_F(FacadeProcessPoolTest, TasksOfAViewRunOneAtATime) {
  NativeProcessPoolOptions settings;
  settings.name = "p";
  settings.max_workers = 2;
  pool_ = std::make_unique<ProcessPool>(new FakeHost(journal_), settings);
  const std::unique_ptr<View> view(pool_->NewView(1, "log"));
  const auto call = [&](const Bytes& bytes) {
    handles_.push_back(
        pool_->SubmitToView(*view, 0, ++last_id_, "", bytes, {}));
    return last_id_;
  };
  const int64_t first = call("block");
  ASSERT_TRUE(IsRunning());
  const int64_t second = call("x");
  EXPECT_EQ(Await(Call("y")).result, "<y>");  // there is another worker
  EXPECT_EQ(pool_->Stats().pending, 1);
  EXPECT_TRUE(ProcessPool::Kill(handles_[0]));
  EXPECT_EQ(Await(second).result, "<x>");
  EXPECT_EQ(Await(first).failure.link(0).kind, kCancelled);
}

}  // namespace
}  // namespace asyncpal::facade

// Workers run this same program, as a host's would.
int main(int argc, char** argv) {
  if (asyncpal::facade::HostedWorker::IsOne()) {
    asyncpal::facade::HostedWorker::Serve(new asyncpal::facade::FakeWorkerHost);
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}

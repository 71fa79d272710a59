#ifndef ASYNCPAL_BINDINGS_FACADE_FAKE_HOST_H_
#define ASYNCPAL_BINDINGS_FACADE_FAKE_HOST_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "asyncpal/bindings/facade/failure.h"
#include "asyncpal/bindings/facade/host.h"
#include "asyncpal/bindings/facade/thread_pool.h"
#include "asyncpal/future/internal/mutex.h"
#include "asyncpal/future/testing/notification.h"
#include "asyncpal/pool/testing/eventually.h"
#include "gtest/gtest.h"

// A host for the tests of facade::ThreadPool, in C++.

namespace asyncpal::facade {

// What the fake host has seen, which outlives it.
struct Journal {
  internal::Mutex mu;
  std::map<int64_t, std::function<int()>> tasks ABSL_GUARDED_BY(mu);
  std::vector<int64_t> dropped ABSL_GUARDED_BY(mu);
  std::vector<int64_t> expired ABSL_GUARDED_BY(mu);
  Failure why ABSL_GUARDED_BY(mu);  // of the last one of both
  std::vector<std::string> begun ABSL_GUARDED_BY(mu);
  std::atomic<int> ended{0};
  std::atomic<int> terminated{0};
  std::atomic<int> joined{0};
  std::atomic<int64_t> last_join{0};
  std::atomic<bool> settled{true};  // what the last Settle() said
  std::atomic<bool> host_deleted{false};
  std::atomic<bool> host_keeps_handles{false};
  std::atomic<bool> host_goes_on{false};
  std::atomic<int> calls_of_run{0};
  std::atomic<bool> has_threads{true};  // where the host makes them
  std::atomic<int> threads_made{0};
  std::string initializer_error;  // const once shared

  std::vector<int64_t> Dropped() {
    internal::MutexLock lock(mu);
    return dropped;
  }
  std::vector<int64_t> Expired() {
    internal::MutexLock lock(mu);
    return expired;
  }
  Failure Why() {
    internal::MutexLock lock(mu);
    return why;
  }
  std::vector<std::string> Begun() {
    internal::MutexLock lock(mu);
    return begun;
  }
};

// Runs tasks that return a TaskOutcome.
class FakeHost : public Host {
 public:
  explicit FakeHost(std::shared_ptr<Journal> journal)
      : journal_(std::move(journal)) {}
  ~FakeHost() override { journal_->host_deleted = true; }

  void BeginWorker(const std::string& name, Failure& failure) override {
    if (!journal_->initializer_error.empty()) {
      failure.Add(kRemoteFailure, "test.Error", journal_->initializer_error, "",
                  "");
    }
    internal::MutexLock lock(journal_->mu);
    journal_->begun.push_back(name);
  }
  void EndWorker(Failure&) override { ++journal_->ended; }
  bool StartWorker(const std::string&, int64_t worker) override {
    if (!journal_->has_threads) return false;
    ++journal_->threads_made;
    std::thread([worker] { ThreadPool::RunWorker(worker); }).detach();
    return true;
  }

  bool Run(int64_t task) override {
    ++journal_->calls_of_run;
    const bool keeps = journal_->host_keeps_handles;
    RunOne(task);
    if (!journal_->host_goes_on) return keeps;
    while ((task = ThreadPool::GoOn(keeps)) != kNoTask) RunOne(task);
    return keeps;
  }
  bool Drop(int64_t task, const Failure& why) override {
    internal::MutexLock lock(journal_->mu);
    journal_->dropped.push_back(task);
    journal_->why = why;
    return journal_->host_keeps_handles;
  }
  void Expire(int64_t task, const Failure& why) override {
    internal::MutexLock lock(journal_->mu);
    journal_->expired.push_back(task);
    journal_->why = why;
  }
  void Joined(int64_t join) override {
    journal_->last_join = join;
    ++journal_->joined;
  }
  void Terminated() override { ++journal_->terminated; }

 private:
  void RunOne(int64_t task) {
    std::function<int()> body;
    {
      internal::MutexLock lock(journal_->mu);
      body = std::move(journal_->tasks.at(task));
      journal_->tasks.erase(task);
    }
    journal_->settled = ThreadPool::Settle(body());
  }

  const std::shared_ptr<Journal> journal_;
};

class FakeHostTest : public ::testing::Test {
 protected:
  ThreadPool& MakePool(int max_workers) {
    pool_ = std::make_unique<ThreadPool>(
        new FakeHost(journal_),
        NativePoolOptions{.max_workers = max_workers, .name = "p"});
    return *pool_;
  }
  void Keep(int64_t id, std::function<int()> body) {
    internal::MutexLock lock(journal_->mu);
    journal_->tasks[id] = std::move(body);
  }
  int64_t Submit(int64_t id, std::function<int()> body) {
    Keep(id, std::move(body));
    return pool_->Submit(id);
  }
  int64_t Submit(int64_t id, const NativeTaskOptions& settings,
                 std::function<int()> body) {
    Keep(id, std::move(body));
    return pool_->Submit(id, settings);
  }
  // Keeps the one worker busy until go_on_.
  bool Occupy(int64_t id) {
    Submit(id, [&] {
      started_.Notify();
      go_on_.Wait();
      return kTaskCompleted;
    });
    return started_.Wait();
  }
  bool CloseAndWait() {
    pool_->Close(kCloseDrain);
    return testing::Eventually([&] { return pool_->is_terminated(); });
  }
  void TearDown() override {
    if (pool_ == nullptr) return;
    ASSERT_TRUE(CloseAndWait());
    pool_ = nullptr;
    EXPECT_TRUE(
        testing::Eventually([&] { return journal_->host_deleted.load(); }));
  }

  std::shared_ptr<Journal> journal_ = std::make_shared<Journal>();
  std::unique_ptr<ThreadPool> pool_;

  // Here, since tasks may look at them until the pool has terminated.
  testing::Notification started_;
  testing::Notification go_on_;
  testing::Notification done_;
};

}  // namespace asyncpal::facade

#endif  // ASYNCPAL_BINDINGS_FACADE_FAKE_HOST_H_

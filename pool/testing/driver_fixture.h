#ifndef ASYNCPAL_POOL_TESTING_DRIVER_FIXTURE_H_
#define ASYNCPAL_POOL_TESTING_DRIVER_FIXTURE_H_

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/clock.h"
#include "asyncpal/future/testing/no_owner.h"
#include "asyncpal/ipc/call.h"
#include "asyncpal/ipc/testing/scripted_worker.h"
#include "asyncpal/ipc/worker/worker_connection.h"
#include "asyncpal/pool/internal/prefetched_tasks.h"
#include "asyncpal/pool/internal/process_driver.h"
#include "asyncpal/pool/internal/process_supply.h"
#include "asyncpal/pool/internal/remote_task.h"
#include "asyncpal/pool/internal/shutdown_registry.h"
#include "asyncpal/pool/internal/thread_core.h"
#include "gtest/gtest.h"

// A ProcessDriver without a pool and without processes. One thread is
// everybody: the driver, the process at the other end, which has said its part
// before it is listened to or says it in FakePool::while_running, and those who
// want something of a task.

namespace asyncpal::testing {

// The books of one driver, without a lock.
class FakePool final : public internal::DriverPool {
 public:
  std::shared_ptr<const void> GetHold() override { return hold; }
  void Break(std::exception_ptr error) override { broken_by = error; }
  bool HasOtherWorkers() override { return has_others; }
  void RunTask(internal::ProcessDriver& driver,
               internal::TaskState* task) override {
    driver.Run(task, internal::NowTicks());
  }

  Batch Prefetch(internal::ProcessDriver& driver, const Handed& running,
                 bool) override {
    if (auto now = std::exchange(while_running, nullptr)) now();
    Batch batch;
    for (internal::TaskState* const task : std::exchange(queue, {})) {
      task->Prefetch();
      internal::RemoteCall& call = *internal::RemoteCall::Of(*task);
      call.BeginSend();
      const auto ticket =
          running.child->IssueTicket(ahead.BusySlots(running.ticket));
      ahead.Add({task, running.child, ticket});
      call.SetRunner(&driver);
      batch.tasks.push_back(
          internal::StateRef<internal::TaskState>::Share(task));
      batch.orders.push_back({ticket, &call.call()});
    }
    return batch;
  }
  internal::TaskState* StartPrefetched(
      internal::ProcessDriver& driver,
      const internal::TaskState* only) override {
    if (ahead.empty() || (only != nullptr && !ahead.IsFirst(*only))) {
      return nullptr;
    }
    auto first = ahead.TakeFirst();
    internal::TaskState* const task = first.handed.task;
    driver.SetRunning(std::move(first.handed));
    return task;
  }
  bool HasPrefetched(const internal::ProcessDriver&) override {
    return !ahead.empty();
  }
  std::optional<Handed> FindPrefetched(
      const internal::ProcessDriver&,
      const internal::TaskState& task) override {
    const Handed* const handed = ahead.FindStarted(task);
    return handed == nullptr ? std::nullopt : std::optional<Handed>(*handed);
  }
  void Revoke(internal::ProcessDriver&, internal::TaskState& task) override {
    if (ahead.Revoke(task) != Tasks::Revoked::kPending) return;
    internal::RemoteCall::Of(task)->SetRunner(nullptr);
    task.Requeue();
    requeued.push_back(&task);
  }
  void RevokeAll(internal::ProcessDriver& driver, size_t rest) override {
    while (internal::TaskState* const last = ahead.LastPending(rest)) {
      Revoke(driver, *last);
    }
  }

  void OnChildStarted(internal::ProcessDriver&) override { ++children; }
  void OnChildLost(internal::ProcessDriver&) override { ++losses; }
  void OnChildEnded(internal::ProcessDriver&, const std::string& why) override {
    ends.push_back(why);
  }
  void OnEvents(internal::ProcessDriver&,
                const internal::WorkerWaiter::Events& events) override {
    heard = events;
  }
  bool BeginReceiveOnWaiter(internal::ProcessDriver&,
                            const internal::TaskState&) override {
    return is_borrowed;
  }
  void WatchOnWaiter(internal::ProcessDriver&) override {}
  void EndReceiveOnWaiter(internal::ProcessDriver&, bool is_done) override {
    receptions.push_back(is_done);
  }
  void OnChildStopped(internal::ProcessDriver&) override { --children; }

  using Tasks = internal::PrefetchedTasks<internal::WorkerConnection>;

  // Called once, when the process has been sent the task and the driver is
  // about to wait for it.
  std::function<void()> while_running;
  std::vector<internal::TaskState*> queue;
  std::vector<internal::TaskState*> requeued;
  Tasks ahead;
  std::exception_ptr broken_by;
  bool has_others = false;
  bool is_borrowed = false;
  int children = 0;
  int losses = 0;
  std::vector<std::string> ends;
  internal::WorkerWaiter::Events heard;
  std::vector<bool> receptions;
  std::shared_ptr<int> hold = std::make_shared<int>(0);
};

class ProcessDriverTest : public ::testing::Test {
 protected:
  explicit ProcessDriverTest(
      internal::ProcessOptions options = {.worker_command = {"sleep"}})
      : supply_(std::move(options), "p", /*max_workers=*/1,
                [this](const internal::WorkerOptions& with) {
                  return Connect(with);
                }) {
    driver_ = std::make_shared<internal::ProcessDriver>(
        *core_, static_cast<internal::DriverPool&>(pool_), supply_, 1,
        "p-worker-1");
  }

  std::shared_ptr<internal::WorkerConnection> Connect(
      const internal::WorkerOptions& with) const {
    if (shortage_) {
      throw std::system_error(EAGAIN, std::generic_category(), "no process");
    }
    if (connected_ == scripts_.size()) throw std::runtime_error("no script");
    return std::make_shared<internal::WorkerConnection>(
        with, scripts_[connected_++]->TakeParts());
  }

  // The next process that the driver will start.
  ScriptedWorker& NextProcess() {
    scripts_.push_back(std::make_unique<ScriptedWorker>());
    return *scripts_.back();
  }
  // The same, which will be ready.
  ScriptedWorker& NextReady() {
    ScriptedWorker& process = NextProcess();
    process.SayHandshake();
    process.SayReady();
    return process;
  }
  ScriptedWorker& Begin() {
    ScriptedWorker& process = NextReady();
    EXPECT_EQ(driver_->Begin(), nullptr);
    EXPECT_FALSE(driver_->lost.load());
    return process;
  }

  internal::StateRef<internal::RemoteTask<int>> Make(bool stoppable = false) {
    internal::EncodedCall call;
    call.name = "test.task";
    auto task = internal::StateRef<internal::RemoteTask<int>>::Adopt(
        new internal::RemoteTask<int>(&owner_, 0, stoppable, std::move(call)));
    task->set_task_id(7);
    return task;
  }
  static std::string BytesOf(int value) {
    return std::string(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  // As the pool does it, whose reference Run() gives up.
  void Run(internal::RemoteTask<int>& task) {
    task.AddReference();
    ASSERT_TRUE(task.Start());
    RunStarted(task);
  }
  void RunStarted(internal::TaskState& task) {
    const int64_t now = internal::NowTicks();
    driver_->running_since.store(now);
    driver_->Run(&task, now);
  }
  // The same for one whose submitter sends it in the sleeping driver's place.
  void SendDirectly(internal::RemoteTask<int>& task) {
    task.AddReference();
    ASSERT_TRUE(task.Start());
    driver_->running_since.store(internal::NowTicks());
    const auto handed = driver_->HandDirectly(&task);
    task.SetRunner(driver_.get());
    handed.child->Send(handed.ticket, task.call());
    pool_.is_borrowed = true;
  }
  static std::string MessageOf(const std::exception_ptr& error) {
    return error == nullptr ? "" : internal::DescribeException(error);
  }

  NoOwner owner_;
  internal::ShutdownRegistry registry_;
  const std::shared_ptr<internal::ThreadCore> core_ =
      internal::ThreadCore::Make({.max_workers = 1, .name = "p"}, &registry_);
  std::vector<std::unique_ptr<ScriptedWorker>> scripts_;
  mutable size_t connected_ = 0;
  bool shortage_ = false;
  FakePool pool_;
  internal::ProcessSupply supply_;
  std::shared_ptr<internal::ProcessDriver> driver_;
};

}  // namespace asyncpal::testing

#endif  // ASYNCPAL_POOL_TESTING_DRIVER_FIXTURE_H_

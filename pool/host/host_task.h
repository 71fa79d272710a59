#ifndef ASYNCPAL_POOL_HOST_HOST_TASK_H_
#define ASYNCPAL_POOL_HOST_HOST_TASK_H_

#include <atomic>
#include <cstdint>
#include <exception>
#include <optional>

#include "asyncpal/future/internal/execution_context.h"
#include "asyncpal/future/internal/task.h"
#include "asyncpal/pool/host/host_threads.h"
#include "asyncpal/pool/internal/view_core.h"

namespace asyncpal::host {

// A task of a thread pool that runs in the host language. The pool has one
// reference, the host another: its share.
class HostTask : public internal::ResultState<void> {
 public:
  // Times are not kept: no C++ future looks at it.
  HostTask(internal::TaskOwner* owner, ThreadPoolHost& host, int64_t id)
      : HostTask(owner, host, id, kDetached) {}

  // The one that Run() was called for on this thread, innermost; or null.
  static HostTask* Current() { return current_; }

  // Accounts for the running task; its outcome is published when the host
  // returns or goes on. False: it was settled already, by its timeout.
  bool SettleAs(FutureState outcome);

  // Ends the current task, and makes current the one that the host is to run
  // next, whose id this is; kNoTask: there is none, and the host must return.
  static int64_t GoOn(bool host_keeps_share);

  void OnGivenBack(FutureState outcome,
                   const std::exception_ptr& error) noexcept override;

 protected:
  HostTask(internal::TaskOwner* owner, ThreadPoolHost& host, int64_t id,
           uint32_t flags)
      : ResultState(owner, kPoolTask | flags), host_(host), id_(id) {}
  void Execute() override;
  // The host has settled a task that is_tracked(), or has tried to: what it
  // runs has returned.
  virtual void OnReturned() noexcept {}

  ThreadPoolHost& host_;
  const int64_t id_;

 private:
  void End(bool host_keeps_share);

  static inline constinit thread_local HostTask* current_ = nullptr;
  // Of the innermost Execute(): has the link of what the host has gone on to.
  static inline constinit thread_local std::optional<internal::RunningTask>*
      link_ = nullptr;

  FutureState outcome_ = FutureState::kRunning;  // its worker only
};

// One with TaskOptions, which may fail it: before it runs, or while.
class LimitedHostTask : public HostTask {
 public:
  LimitedHostTask(internal::TaskOwner* owner, ThreadPoolHost& host, int64_t id);

  // Sees to it that the host learns of its failure. To be removed from a task
  // that the pool has refused.
  CallbackId Watch();

  void OnGivenBack(FutureState outcome,
                   const std::exception_ptr& error) noexcept override;

 protected:
  void Execute() override;

 private:
  // The first to come decides what the host is told: the worker, which calls
  // Run(), or whoever has settled the task.
  enum Phase { kWaiting, kEntered, kOver };

  void OnDone();

  std::atomic<Phase> phase_{kWaiting};
};

// One that was submitted to a view. It has its place until the host has settled
// it: its function has returned by then, and its future is not done yet.
class ViewHostTask final : public LimitedHostTask {
 public:
  ViewHostTask(internal::TaskOwner* owner, ThreadPoolHost& host, int64_t id)
      : LimitedHostTask(owner, host, id) {}

  internal::ViewPlace* view_place() override { return &place_; }
  void CheckWaitForHeld(internal::TaskState& awaited) override {
    place_.CheckWait(*this, awaited);
  }
  void OnGivenBack(FutureState outcome,
                   const std::exception_ptr& error) noexcept override {
    LimitedHostTask::OnGivenBack(outcome, error);
    place_.End();
  }
  void DropCallable() noexcept override { place_.End(); }

 protected:
  void OnReturned() noexcept override { place_.End(); }

 private:
  internal::ViewPlace place_;
};

}  // namespace asyncpal::host

#endif  // ASYNCPAL_POOL_HOST_HOST_TASK_H_

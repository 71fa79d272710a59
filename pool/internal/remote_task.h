#ifndef ASYNCPAL_POOL_INTERNAL_REMOTE_TASK_H_
#define ASYNCPAL_POOL_INTERNAL_REMOTE_TASK_H_

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/internal/mutex.h"
#include "asyncpal/future/internal/task.h"
#include "asyncpal/future/internal/task_runner.h"
#include "asyncpal/ipc/call.h"
#include "asyncpal/ipc/codec.h"
#include "asyncpal/ipc/payload.h"
#include "asyncpal/ipc/worker/task_labels.h"

namespace asyncpal::internal {

// What became of a call elsewhere.
struct RemoteOutcome {
  Payload value = {};
  std::exception_ptr failure = nullptr;  // null: `value` counts
  // Of a task that is several calls: the results that came before, and how many
  // calls had begun when it failed, or 0.
  std::vector<PartialResult> parts = {};
  uint64_t calls_begun = 0;
};

// What runs a remote task at the moment: the driver of a worker process, or a
// pool whose tasks run on other machines. It may go before the task does.
class RemoteRunner : public TaskRunner {
 public:
  // What a call from outside keeps alive while it lasts.
  struct Hold {
    std::shared_ptr<const void> pool;
    std::shared_ptr<RemoteRunner> runner;
  };
  // Called while it has a task that is not done.
  virtual Hold GetHold() = 0;

  // ReceiveOnWaiter(), for this long at most. False: the runner has the task
  // again, or always had it.
  virtual bool ReceiveWithin(TaskState& task, absl::Duration limit) = 0;

 protected:
  ~RemoteRunner() = default;
};

// The part of a task whose callable was encoded that does not depend on its
// type: the call, and who has it.
//
//   RemoteCall& call = *RemoteCall::Of(task);
//   call.SetRunner(this);              // from now on this hears of Kill()
//   Send(call.call());
//   ...                                // however the outcome comes
//   call.Deliver(std::move(outcome));  // the task is done; its runner is none
//
// Nothing here waits for the outcome: a thread may, for each task, or one for
// all that come by message.
//
// Threads: one at a time has the task, and sends it; any may call the rest, as
// futures do.
// Lifetime: a part of its task.
// Ordering: a runner that was set is asked until another is, or none.
// Errors: Deliver() makes what can't be decoded the task's failure.
// Shutdown: none. In a process that was forked, it passes nothing on: what runs
// the task is not its own.
class RemoteCall : public TaskRunner {
 public:
  explicit RemoteCall(EncodedCall call);
  RemoteCall(const RemoteCall&) = delete;
  RemoteCall& operator=(const RemoteCall&) = delete;

  // That of `task`. Null: it is no such task.
  static RemoteCall* Of(TaskState& task) {
    return static_cast<RemoteCall*>(task.runner());
  }

  const EncodedCall& call() const { return call_; }
  // Between the two, the call is being sent by someone who does not own the
  // task, and stays. By several even, if it was revoked from one meanwhile.
  void BeginSend() { sends_.fetch_add(1, std::memory_order_relaxed); }
  void EndSend() { sends_.fetch_sub(1, std::memory_order_release); }
  void WaitForSends() const;
  // Gives the arguments up, or hands them to another task.
  EncodedCall TakeCall();

  // From now on `runner` has the task. Null: it is in its pool's queue only.
  void SetRunner(RemoteRunner* runner);
  // Settles the started task with what has come for it, and gives up the
  // caller's reference.
  virtual void Deliver(RemoteOutcome outcome) = 0;
  // Whether that may be done on a thread that waits for the task: it runs what
  // decodes the value, and takes as long. Else the runner's own thread does it.
  virtual bool IsForWaiter(const Payload& value) const {
    static_cast<void>(value);
    return true;
  }

  // The caller waits for `task` no longer than `limit`, or looks again then.
  bool ReceiveWithin(TaskState& task, absl::Duration limit);
  bool ReceiveOnWaiter(TaskState& task) override;
  bool Revoke(TaskState& task) override;
  // With nobody who has it, the task is on its way to somebody who will look
  // whether it is done before they begin.
  bool KillRunning(TaskState& task) override;
  void AskToStop(TaskState& task) override;
  std::optional<TaskProgress> ProgressOf(TaskState& task) override;

 protected:
  ~RemoteCall() = default;

 private:
  RemoteRunner::Hold GetHold();
  bool InForkedChild() const;

  EncodedCall call_;
  std::atomic<int> sends_{0};
  const uint32_t fork_generation_;
  Mutex mu_;  // taken last
  RemoteRunner* runner_ ABSL_GUARDED_BY(mu_) = nullptr;
};

// For the worker that is sent the task, in its `run`th run; good as long as the
// task is there.
TaskLabels LabelsOf(const TaskState& task, int run = 1);

// The result of a task for which any will do.
struct Discarded {};

// A task whose callable has been encoded, and runs elsewhere. Base is as in
// Task.
template <typename T, typename Base = ResultState<T>>
class RemoteTask : public Base, public RemoteCall {
 public:
  // `stoppable`: the callable looks at its stop token.
  RemoteTask(TaskOwner* owner, uint32_t flags, bool stoppable, EncodedCall call)
      : Base(owner, TaskState::kPoolTask | flags |
                        (stoppable ? TaskState::kTracked : 0)),
        RemoteCall(std::move(call)),
        stoppable_(stoppable) {}

  TaskRunner* runner() override { return static_cast<RemoteCall*>(this); }
  void DropCallable() noexcept override {
    TakeCall();
    SetRunner(nullptr);
    this->OnCallableGone();
  }
  void RequestStop() noexcept override {
    if (stoppable_) AskToStop(*this);
  }
  void InvokeDetached() override {
    const EncodedCall call = TakeCall();
    RunHere(call);
  }
  void Deliver(RemoteOutcome outcome) override {
    this->SettleWith(
        [&]() -> Stored<T> {
          if constexpr (requires { Codec<T>::Join(outcome, *this); }) {
            if (!outcome.parts.empty() || outcome.calls_begun > 0) {
              return Serializing("the result can't be decoded", [&] {
                return Codec<T>::Join(outcome, *this);
              });
            }
          }
          if (outcome.failure != nullptr) {
            std::rethrow_exception(std::exchange(outcome.failure, nullptr));
          }
          return Decode(outcome.value);
        },
        [this] { DropCallable(); });
  }

 private:
  static Stored<T> Decode(const Payload& result) {
    if constexpr (std::is_same_v<T, Discarded>) {
      return {};
    } else {
      return Serializing("the result can't be decoded", [&]() -> Stored<T> {
        Decoder in(result);
        if constexpr (std::is_void_v<T>) {
          in.ExpectEnd();
          return {};
        } else {
          T value = in.Read<T>();
          in.ExpectEnd();
          return value;
        }
      });
    }
  }

  const bool stoppable_;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_REMOTE_TASK_H_

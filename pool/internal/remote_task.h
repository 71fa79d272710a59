#ifndef ASYNCPAL_POOL_INTERNAL_REMOTE_TASK_H_
#define ASYNCPAL_POOL_INTERNAL_REMOTE_TASK_H_

#include <atomic>
#include <exception>
#include <memory>
#include <thread>
#include <type_traits>
#include <utility>

#include "asyncpal/future/internal/task.h"
#include "asyncpal/ipc/call.h"
#include "asyncpal/ipc/codec.h"
#include "asyncpal/ipc/payload.h"

namespace asyncpal::internal {

class RemoteCall;

// What a task needs of the pool that has it, to be reached after the pool may
// be gone.
class RemoteCaller {
 public:
  // Runs `task` in a worker process, on the thread of the pool's that serves
  // that worker, and returns the encoded result or throws.
  virtual Payload CallRemotely(StateBase& task, RemoteCall& call) = 0;
  // As in StateBase.
  virtual bool Attend(StateBase& task) = 0;
  virtual void Recall(StateBase& task) = 0;
  virtual bool KillRunning(StateBase& task) = 0;
  virtual void AskToStop(StateBase& task) = 0;

 protected:
  ~RemoteCaller() = default;
};

// The part of a process pool's task that does not depend on its type.
class RemoteCall {
 public:
  RemoteCall(std::weak_ptr<RemoteCaller> caller, EncodedCall call)
      : caller_(std::move(caller)), call_(std::move(call)) {}
  RemoteCall(const RemoteCall&) = delete;
  RemoteCall& operator=(const RemoteCall&) = delete;

  const EncodedCall& call() const { return call_; }
  // Between the two, the call is being sent by someone who does not own the
  // task, and stays. By several even, if it was recalled from one meanwhile.
  void Lend() { loans_.fetch_add(1, std::memory_order_relaxed); }
  void EndLoan() { loans_.fetch_sub(1, std::memory_order_release); }
  // Null: the pool is gone.
  std::shared_ptr<RemoteCaller> caller() const { return caller_.lock(); }
  void WaitForLoan() const {
    while (loans_.load(std::memory_order_acquire) > 0) {
      std::this_thread::yield();
    }
  }
  // Gives the arguments up, or hands them to another task.
  EncodedCall TakeCall() {
    WaitForLoan();
    return std::exchange(call_, {});
  }

 private:
  const std::weak_ptr<RemoteCaller> caller_;
  EncodedCall call_;
  std::atomic<int> loans_{0};
};

// The result of a task for which any will do.
struct Discarded {};

// A task whose callable has been encoded, and runs in another process.
template <typename T>
class RemoteTask : public ResultState<T>, public RemoteCall {
 public:
  // `stoppable`: the callable looks at its stop token.
  RemoteTask(TaskOwner* owner, uint32_t flags, bool stoppable,
             std::weak_ptr<RemoteCaller> caller, EncodedCall call)
      : ResultState<T>(owner, StateBase::kPoolTask | flags |
                                  (stoppable ? StateBase::kTracked : 0)),
        RemoteCall(std::move(caller), std::move(call)),
        stoppable_(stoppable) {}

  void DropCallable() noexcept override { TakeCall(); }
  void RequestStop() noexcept override {
    if (!stoppable_) return;
    if (const auto pool = caller()) pool->AskToStop(*this);
  }
  bool Attend() override {
    const auto pool = caller();
    return pool != nullptr && pool->Attend(*this);
  }
  void Recall() override {
    if (const auto pool = caller()) pool->Recall(*this);
  }
  bool KillRunning() override {
    const auto pool = caller();
    return pool != nullptr && pool->KillRunning(*this);
  }
  RemoteCall* remote_call() override { return this; }
  void InvokeDetached() override {
    const EncodedCall call = TakeCall();
    RunHere(call);
  }

 protected:
  void Execute() override {
    this->SettleWith([this]() -> Stored<T> { return Call(); },
                     [this] { DropCallable(); });
  }

 private:
  Stored<T> Call() {
    // The pool lives while it runs this.
    const Payload result = caller()->CallRemotely(*this, *this);
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

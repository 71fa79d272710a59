#include "asyncpal/pool/internal/group_core.h"

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/execution_context.h"
#include "asyncpal/future/internal/futex.h"

// How it works. A task costs one count up and two down, and nothing but its
// slot in the queue. Whoever waits inside a task of the pool looks for calls of
// its group in the queues, and runs them; only when all have begun, it sleeps,
// and whoever adds one wakes it.

namespace asyncpal::internal {
namespace {

class GroupTask final : public ResultState<void> {
 public:
  GroupTask(const PostedCall& posted, const void* call, TaskOwner* owner)
      : ResultState<void>(owner, kPoolTask), posted_(posted) {
    std::memcpy(call_, call, kPostedCallBytes);
  }
  ~GroupTask() noexcept override { DropCallable(); }

  GroupCore& core() const {
    GroupCore* group;
    std::memcpy(&group, call_, sizeof(group));
    return *group;
  }
  void DropCallable() noexcept override {
    if (std::exchange(has_call_, false)) posted_.drop(call_);
  }
  void OnGivenBack(FutureState,
                   const std::exception_ptr& error) noexcept override {
    GroupCore& group = core();
    DropCallable();
    group.Lose(error != nullptr
                   ? error
                   : std::make_exception_ptr(CancelledError(absl::StrCat(
                         Describe(), " of a TaskGroup was cancelled"))));
    group.End();
  }
  // Its group may be gone.
  void InvokeDetached() override {}

 protected:
  void Execute() override {
    SettleWith(
        [this] {
          has_call_ = false;
          posted_.run(call_);
        },
        [] {});
  }

 private:
  const PostedCall& posted_;
  alignas(void*) std::byte call_[kPostedCallBytes];
  bool has_call_ = true;
};

}  // namespace

TaskState* NewGroupTask(const PostedCall& posted, const void* call,
                        TaskOwner* owner) {
  return new GroupTask(posted, call, owner);
}

bool IsGroupTask(const TaskState& task, const void* group) {
  const auto* const its = dynamic_cast<const GroupTask*>(&task);
  return its != nullptr && &its->core() == group;
}

void GroupCore::WakeUp() const {
  FutexWakeAll(reinterpret_cast<const uint32_t*>(&word_));
}

void GroupCore::Add() {
  const uint64_t old = word_.fetch_add(kOneLeft + kOneToBegin);
  if ((old & kHelps) == 0) return;
  word_.fetch_and(~kHelps);
  WakeUp();
}

bool GroupCore::Begin() {
  word_.fetch_sub(kOneToBegin, std::memory_order_relaxed);
  return !is_dropping_.load(std::memory_order_relaxed);
}

void GroupCore::Remove() {
  Begin();
  End();
}

void GroupCore::End() {
  // After this, *this may be gone: a sleeper is woken by the address alone.
  const uint64_t old = word_.fetch_sub(kOneLeft, std::memory_order_acq_rel);
  if ((old & kSleeps) != 0 && IsOver(old - kOneLeft)) WakeUp();
}

void GroupCore::Fail(std::exception_ptr error) {
  is_dropping_.store(true);
  MutexLock lock(mu_);
  if (thrown_ == nullptr) thrown_ = std::move(error);
}

void GroupCore::FailByExit() {
  Fail(std::make_exception_ptr(InvalidStateError(
      "a task of a TaskGroup ended its thread by pthread_exit")));
}

void GroupCore::Lose(std::exception_ptr why) {
  word_.fetch_sub(kOneToBegin, std::memory_order_relaxed);
  MutexLock lock(mu_);
  if (lost_ == nullptr) lost_ = std::move(why);
}

bool GroupCore::IsOnThisThread() const {
  for (const Scope* scope = Scope::top_; scope != nullptr;
       scope = scope->outer_) {
    if (&scope->group_ == this) return true;
  }
  return false;
}

void GroupCore::WaitUntilOver(PoolCore& pool, bool is_inside) {
  const auto is_over = [this] {
    return IsOver(word_.load(std::memory_order_acquire));
  };
  const auto help = [&] {
    return is_inside && word_.load(std::memory_order_relaxed) >= kOneToBegin &&
           pool.HelpGroup(this);
  };
  const uint64_t flags = is_inside ? kSleeps | kHelps : kSleeps;
  while (!is_over()) {
    if (help() || YieldUntil(is_over)) continue;
    uint64_t word = word_.fetch_or(flags) | flags;
    if (help()) continue;  // what came before that would wake nobody
    BlockingScope blocking(nullptr);
    while (!IsOver(word) && (word & flags) == flags) {
      FutexWait(reinterpret_cast<const uint32_t*>(&word_),
                static_cast<uint32_t>(word),
                blocking.LimitSleep(absl::InfiniteDuration()));
      word = word_.load(std::memory_order_acquire);
    }
  }
  word_.fetch_and(~flags);
}

std::exception_ptr GroupCore::TakeError() {
  is_dropping_.store(false);
  MutexLock lock(mu_);
  const std::exception_ptr lost = std::exchange(lost_, nullptr);
  const std::exception_ptr thrown = std::exchange(thrown_, nullptr);
  return thrown != nullptr ? thrown : lost;
}

}  // namespace asyncpal::internal

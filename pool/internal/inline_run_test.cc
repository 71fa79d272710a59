#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "asyncpal/future/internal/task.h"
#include "asyncpal/future/testing/no_owner.h"
#include "asyncpal/pool/internal/local_queue.h"
#include "asyncpal/pool/internal/pending_tasks.h"
#include "asyncpal/pool/internal/slot_queue.h"
#include "gtest/gtest.h"

// A task that a worker waits for and runs itself, while another worker takes
// it, somebody cancels it, and its own worker moves it to the shared queue.
//
// How it works. Each of them goes through the sections of ThreadCore, on the
// pool's own classes: RunInline(), TakeLocal(), TakeShared(),
// OnPendingClaimed() and FlushLocal(). All orders of these sections are tried,
// one after the other, without a thread.

namespace asyncpal::internal {
namespace {

using ::asyncpal::testing::NoOwner;

// Where the task is when they begin.
enum class Place { kNewest, kBetweenOthers, kShared };

class Schedule {
 public:
  explicit Schedule(Place place, bool runs_unclaimed = false)
      : runs_unclaimed_(runs_unclaimed), is_shared_(place == Place::kShared) {
    const bool has_others = place == Place::kBetweenOthers;
    ring_ = local_.Grow(LocalQueue::Ring(local_.wanted_capacity()), dropped_);
    tail_.Grow(SlotChunk::Make(tail_.wanted_bytes()));
    if (has_others) PushLocal(*Make());
    task_ = Make();
    if (place == Place::kShared) {
      task_->AddReference();
      tail_.Push(task_);
      ++submitted_;
    } else {
      PushLocal(*task_);
    }
    if (has_others) PushLocal(*Make());
  }

  // Goes on to an end, so that nothing is left in anybody's hands.
  ~Schedule() {
    bool goes_on = true;
    while (std::exchange(goes_on, false)) {
      for (int agent = 0; agent < kAgents; ++agent) {
        while (Step(agent)) goes_on = true;
      }
    }
    FindMistake();
    for (const auto& task : tasks_) {
      while (!task->is_unique()) task->Release();  // which a fault has left
    }
  }
  Schedule(const Schedule&) = delete;
  Schedule& operator=(const Schedule&) = delete;

  static constexpr int kAgents = 5;
  // The next section of that agent. False: it has none, or waits for a lock.
  bool Step(int agent) {
    // What is not in the worker's own queue is nobody's there.
    if (is_shared_ && (agent == 1 || agent == 4)) return false;
    switch (agent) {
      case 0:
        return Wait();
      case 1:
        return Take(thief_, [this] { return TakeLocal(); });
      case 2:
        return Take(taker_, [this] { return TakeShared(); });
      case 3:
        return Cancel();
      default:
        return Flush();
    }
  }

  // What is wrong once all have come to their ends. Empty: nothing.
  std::string FindMistake() {
    while (TaskState* const task = TakeLocal()) Run(*task);
    while (TaskState* const task = TakeShared()) Run(*task);
    outbox_.TakeDropped();
    dropped_ = DroppedStates();
    const bool was_cancelled = task_->state() == FutureState::kCancelled;
    if (runs_ + was_cancelled != 1) {
      return absl::StrCat("ran ", runs_, " times, ",
                          was_cancelled ? "" : "not ", "cancelled");
    }
    if (local_submitted_ - local_taken_ - local_left_ != 0) {
      return "the counts of the worker's own queue do not add up";
    }
    if (submitted_ - counts_.left() != 0 || submitted_ - counts_.started() != 0)
      return "the counts of the shared queue do not add up";
    for (const auto& task : tasks_) {
      if (!task->is_unique()) return "a reference is left";
    }
    return "";
  }

 private:
  TaskState* Make() {
    TaskState* const task = NewTask(&owner_, 0, [] {});
    tasks_.push_back(StateRef<TaskState>::Adopt(task));
    return task;
  }
  void PushLocal(TaskState& task) {
    task.AddReference();
    task.SetLocal();
    local_.Push(Slot::Of(&task), 0);
    ++local_submitted_;
  }
  void Run(TaskState& task) {
    if (&task == task_) ++runs_;
    task.Run(0);
  }

  // --- ThreadCore::RunInline() ---
  bool Wait() {
    switch (wait_at_) {
      case 0:
        sees_local_ = task_->is_local();
        wait_at_ = 1;
        return true;
      case 1:
        if (sees_local_ && is_flushing_) return false;
        wait_at_ = 2;
        if (!sees_local_) return Wait();
        if (!local_.PopIfAtAnEnd(task_)) return true;
        if (task_->Start()) {
          ++local_taken_;
          wait_at_ = 4;
        } else {
          dropped_.Add(task_);
          wait_at_ = 5;
        }
        local_.TrimBack(dropped_);
        return true;
      case 2:
        wait_at_ = task_->Start() || runs_unclaimed_ ? 3 : 5;
        return true;
      case 3:
        if (is_flushing_) return false;
        if (!LeaveOutOfTurn()) task_->AddReference();
        wait_at_ = 4;
        return true;
      case 4:
        Run(*task_);
        wait_at_ = 5;
        return true;
      default:
        return false;
    }
  }

  // --- ThreadCore::TakeLocal() and TakeShared(), and what follows ---
  struct Taker {
    bool has_looked = false;
    TaskState* taken = nullptr;
  };
  template <typename TakeOne>
  bool Take(Taker& taker, TakeOne take) {
    if (!taker.has_looked) {
      if (is_flushing_) return false;
      taker.has_looked = true;
      taker.taken = take();
      return true;
    }
    if (taker.taken == nullptr) return false;
    Run(*taker.taken);
    taker.taken = nullptr;
    return true;
  }
  TaskState* TakeLocal() {
    while (!local_.empty()) {
      TaskState* const task = local_.Front().slot.task;
      local_.PopFront();
      if (task->Start()) {
        ++local_taken_;
        return task;
      }
      dropped_.Add(task);
    }
    return nullptr;
  }
  TaskState* TakeShared() {
    TakenTask taken;
    return outbox_.StartNext(/*only_plain=*/false, counts_, &taken) ? taken.task
                                                                    : nullptr;
  }

  // --- TaskState::Cancel() ---
  bool Cancel() {
    switch (cancel_at_) {
      case 0:
        cancel_at_ = task_->ClaimPending() ? 1 : 3;
        return true;
      case 1:
        if (is_flushing_) return false;
        if (LeaveOutOfTurn()) task_->Release();
        cancel_at_ = 2;
        return true;
      case 2:
        task_->PublishClaimed(FutureState::kCancelled, nullptr);
        cancel_at_ = 3;
        return true;
      default:
        return false;
    }
  }
  bool LeaveOutOfTurn() {
    if (task_->is_local()) {
      ++local_left_;
      return false;
    }
    counts_.CountTaken();
    const bool was_found = outbox_.LeaveOutOfTurn(task_);
    outbox_.SweepIfStale(submitted_ - counts_.left());
    return was_found;
  }

  // --- ThreadCore::FlushLocal(), with all locks between its two halves ---
  bool Flush() {
    if (flush_at_ == 0) {
      flush_at_ = 1;
      is_flushing_ = !local_.empty();
      could_start_ = is_flushing_ && local_.Front().slot.task->can_start();
      return true;
    }
    if (!std::exchange(is_flushing_, false)) return false;
    for (bool is_first = true; !local_.empty(); is_first = false) {
      TaskState* const task = local_.Front().slot.task;
      local_.PopFront();
      if (!(is_first ? could_start_ : task->can_start())) {
        dropped_.Add(task);
        continue;
      }
      ++submitted_;
      ++local_taken_;
      task->ClearLocal();
      tail_.Push(task);
    }
    return true;
  }

  const bool runs_unclaimed_;  // a fault
  const bool is_shared_;
  NoOwner owner_;
  std::vector<StateRef<TaskState>> tasks_;
  TaskState* task_ = nullptr;
  DroppedStates dropped_;
  LocalQueue::Ring ring_;
  LocalQueue local_;
  SlotChain chain_;
  SlotTail tail_{chain_};
  TaskOutbox outbox_{chain_};
  TakeCounts counts_;
  int64_t submitted_ = 0;
  int64_t local_submitted_ = 0;
  int64_t local_taken_ = 0;
  int64_t local_left_ = 0;
  int runs_ = 0;

  int wait_at_ = 0;
  bool sees_local_ = false;
  Taker thief_;
  Taker taker_;
  int cancel_at_ = 0;
  int flush_at_ = 0;
  bool is_flushing_ = false;
  bool could_start_ = false;
};

// Tries all orders that begin with that one, and says which is wrong.
class AllOrders {
 public:
  AllOrders(Place place, bool runs_unclaimed)
      : place_(place), runs_unclaimed_(runs_unclaimed) {}

  std::string Try() {
    bool is_end = true;
    for (int agent = 0; agent < Schedule::kAgents; ++agent) {
      Schedule schedule(place_, runs_unclaimed_);
      for (const int before : order_) schedule.Step(before);
      if (!schedule.Step(agent)) {
        if (agent + 1 < Schedule::kAgents || !is_end) continue;
        ++tried_;
        const std::string mistake = schedule.FindMistake();
        return mistake.empty() ? "" : absl::StrCat(mistake, Describe());
      }
      is_end = false;
      order_.push_back(agent);
      const std::string mistake = Try();
      order_.pop_back();
      if (!mistake.empty()) return mistake;
    }
    return "";
  }
  int tried() const { return tried_; }

 private:
  std::string Describe() const {
    static constexpr const char* kNames[] = {"waiter", "thief", "taker",
                                             "canceller", "flusher"};
    std::string order = ", in the order";
    for (const int agent : order_) absl::StrAppend(&order, " ", kNames[agent]);
    return order;
  }

  const Place place_;
  const bool runs_unclaimed_;
  std::vector<int> order_;
  int tried_ = 0;
};

class InlineRun : public ::testing::TestWithParam<Place> {};

TEST_P(InlineRun, ExactlyOneRunsOrCancelsTheTask) {
  AllOrders orders(GetParam(), /*runs_unclaimed=*/false);
  EXPECT_EQ(orders.Try(), "");
  EXPECT_GT(orders.tried(), 50);
}

TEST_P(InlineRun, RunWithoutAClaimIsFound) {
  EXPECT_NE(AllOrders(GetParam(), /*runs_unclaimed=*/true).Try(), "");
}

INSTANTIATE_TEST_SUITE_P(, InlineRun,
                         ::testing::Values(Place::kNewest,
                                           Place::kBetweenOthers,
                                           Place::kShared),
                         [](const auto& info) -> std::string {
                           switch (info.param) {
                             case Place::kNewest:
                               return "Newest";
                             case Place::kBetweenOthers:
                               return "BetweenOthers";
                             case Place::kShared:
                               return "Shared";
                           }
                           return "";
                         });

}  // namespace
}  // namespace asyncpal::internal

#include "asyncpal/pool/internal/view_core.h"

#include <exception>
#include <new>

#include "absl/strings/str_cat.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/log.h"

// How it works. Whether a task has a place, waits for one, or neither any more,
// changes with the view's lock held. Whether it still waits for *somebody to
// account for it* is one bit of the task, TaskState::is_held(): a place may
// come to a task at the moment in which it is cancelled, and whoever clears the
// bit counts it, as queued or as gone.
//
// A place is passed on once the callable is gone, and not when the future is
// done: a task that has missed its timeout still runs. It is passed on before
// the future is done, so that callbacks may wait for what comes next.

namespace asyncpal::internal {

// ------------------------------------------------------------------ A place

void ViewPlace::Bind(ViewCore& view, TaskState& task) {
  view.AddReference();
  task_ = &task;
  view_ = &view;
  shares_view_.store(true, std::memory_order_relaxed);
}

void ViewPlace::End() noexcept {
  if (!shares_view_.load(std::memory_order_relaxed) ||
      !shares_view_.exchange(false)) {
    return;
  }
  const ViewRef view(view_);
  view->EndPlace(*this);
}

TaskLane& ViewPlace::Detach() {
  shares_view_.store(false, std::memory_order_relaxed);
  is_detached_ = true;
  MutexLock lock(view_->mu_);
  return *lane_;
}

bool ViewPlace::IsBefore(const ViewPlace& other) {
  if (!is_detached_ && !shares_view_.load(std::memory_order_relaxed)) {
    return false;  // its callable is gone, and perhaps its view
  }
  if (other.view_ != view_) return false;
  MutexLock lock(view_->mu_);
  return has_place_ && other.waits_ && other.lane_ == lane_;
}

void ViewPlace::CheckWait(const TaskState& self, TaskState& awaited) {
  const ViewPlace* const other = awaited.view_place();
  if (other == nullptr || !IsBefore(*other) || view_->places() > 1) return;
  const std::string& name = view_->name();
  throw InvalidStateError(absl::StrCat(
      self.Describe(), " waits for ", awaited.Describe(),
      ", which can't start before it ends: both were submitted to ",
      name.empty() ? "the same serial view or key"
                   : absl::StrCat("serial view '", name, "'"),
      " of pool '", view_->pool().name(), "'"));
}

bool ViewPlace::StopWaiting() {
  MutexLock lock(view_->mu_);
  if (!waits_) return false;
  view_->StopWaitingLocked(*this);
  return true;
}

// ------------------------------------------------------------------- A view

ViewCore::ViewCore(std::shared_ptr<PoolCore> pool, std::string name, int places)
    : pool_(std::move(pool)),
      host_(pool_->view_host()),
      name_(std::move(name)),
      places_(places) {
  host_.AddView(*this);
}

ViewCore::~ViewCore() { host_.RemoveView(*this); }

ViewEntry ViewCore::Enter(TaskState& task, const void* key, bool needs_room) {
  ViewPlace& place = *task.view_place();
  MutexLock lock(mu_);
  TaskLane& lane = FindLane(key);
  if (lane.TakePlace()) {
    place.lane_ = &lane;
    place.has_place_ = true;
    return ViewEntry::kHasPlace;
  }
  const ViewEntry entry = host_.Hold(task, needs_room);
  if (entry == ViewEntry::kHeld) {
    place.lane_ = &lane;
    place.waits_ = true;
    lane.Wait(place);
    waiting_.PushBack(place);
  }
  return entry;
}

void ViewCore::StopWaitingLocked(ViewPlace& place) {
  place.lane_->Leave(place);
  waiting_.Remove(place);
  place.waits_ = false;
}

void ViewCore::EndPlace(ViewPlace& place) noexcept {
  Rest rest;
  {
    MutexLock lock(mu_);
    if (place.waits_) {
      StopWaitingLocked(place);
      rest.tasks.Add(place.task_);
    } else if (place.has_place_) {
      place.has_place_ = false;
      PassOnLocked(*place.lane_, rest);
    }
  }
  Finish(rest, /*will_look=*/false);
}

void ViewCore::PassOn(TaskLane& lane, bool will_look) noexcept {
  Rest rest;
  {
    MutexLock lock(mu_);
    PassOnLocked(lane, rest);
  }
  Finish(rest, will_look);
}

void ViewCore::PassOnLocked(TaskLane& lane, Rest& rest) {
  while (ViewPlace* const next = lane.PassOn()) {
    waiting_.Remove(*next);
    next->waits_ = false;
    next->has_place_ = true;
    try {
      if (host_.QueueHeld(next->task_, &rest.must_wake)) return;
    } catch (const std::bad_alloc&) {
      rest.failed = StateRef<TaskState>::Adopt(next->task_);
      return;  // it passes on its place when it fails
    }
    // Somebody else has started or claimed it, in this moment.
    next->has_place_ = false;
    rest.tasks.Add(next->task_);
  }
  if (lane.is_quiet()) rest.lane = OnQuiet(lane);
}

void ViewCore::Finish(Rest& rest, bool will_look) noexcept {
  try {
    if (rest.failed) {
      rest.failed->Fail(std::make_exception_ptr(std::bad_alloc()));
    }
    if (rest.must_wake && !will_look) host_.WakeForHeld();
  } catch (...) {
    LogFailure("a view's next task was queued, and no worker woken for it",
               std::current_exception());
  }
}

}  // namespace asyncpal::internal

#include <algorithm>
#include <exception>
#include <memory>
#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "asyncpal/pool/internal/process_model.h"

// The steps of a ProcessModel that ProcessCore takes under its locks, and what
// is checked between two of them.

namespace asyncpal::internal::explorer {

bool ProcessModel::FindWorker() {
  const size_t before = drivers_.size() + roster_.searching();
  roster_.Choose(Waiting(), [this](int64_t id) {
    drivers_.push_back(std::make_unique<Driver>(*this, id));
    return id;
  });
  return drivers_.size() + roster_.searching() > before;
}

bool ProcessModel::IsFirstByClass(int task) const {
  bool is_first = true;
  for (size_t i = 0; i < tasks_.size(); ++i) {
    const TaskInfo& other = tasks_[i];
    is_first = is_first && !(other.is_submitted && !other.is_refused &&
                             ClassOf(static_cast<int>(i)) > ClassOf(task) &&
                             other.state->can_start() && other.begun == 0);
  }
  return is_first;
}

bool ProcessModel::SubmitDirectly(Submitter& submitter, int task,
                                  bool will_wait) {
  const int64_t newest = roster_.NewestIdle();
  if (lifecycle_.is_closed() || newest == 0 || Waiting() > 0 || is_paused() ||
      ClassOf(task) != TaskClasses::kNormalClass) {
    return false;
  }
  Driver& driver = Of(newest);
  if (driver.lost || !driver.has_slot) return false;
  roster_.BorrowNewest();
  State& state = StateOf(task);
  ++submitted_;
  state.AddReference();
  state.Start();
  counts_.CountTaken();
  driver.slot.Borrow(&state, will_wait);
  driver.running = {&state, driver.child, {.slot = 0, .attempt = ++attempt_}};
  driver.child->page->Prefetch(0, attempt_);
  state.SetRunner(&driver);
  if (!will_wait && driver.slot.SetWatched(true)) driver.is_watched = true;
  submitter.driver = newest;
  submitter.child = driver.child;
  submitter.message = {driver.running.ticket, task};
  tasks_[static_cast<size_t>(task)].is_submitted = true;
  tasks_[static_cast<size_t>(task)].is_being_sent = true;
  return true;
}

void ProcessModel::Push(int task) {
  TaskInfo& info = tasks_[static_cast<size_t>(task)];
  if (lifecycle_.is_closed()) {
    info.is_refused = true;
    return;
  }
  info.is_submitted = true;
  info.state->AddReference();
  ++submitted_;
  if (ClassOf(task) == TaskClasses::kNormalClass) {
    tail_.Push(info.state.get());
  } else {
    outbox_.Add(info.state.get(), ClassOf(task), /*now=*/0);
  }
  FindWorker();
}

bool ProcessModel::Revive(Driver& driver) {
  if (Waiting() <= 0) return false;
  roster_.BeginStart(driver.id);
  FindWorker();
  return true;
}

bool ProcessModel::MustRetire(const Driver& driver) const {
  return lifecycle_.must_retire() || roster_.has_spare() || driver.lost;
}

void ProcessModel::Park(Driver& driver) {
  if (Waiting() > 0 || (driver.seen_prefetches != prefetches_ &&
                        !Has(ProcessFault::kParksBesidePrefetched))) {
    driver.seen_prefetches = prefetches_;
    driver.at = At::kTake;
    return;
  }
  if (MustRetire(driver)) {
    roster_.DecideToGo(driver.id);
    driver.at = At::kStop;
    return;
  }
  roster_.Park(driver.id);
  driver.may_be_searching = false;
  driver.at = At::kParked;
}

bool ProcessModel::HasRevocable() const {
  return std::any_of(drivers_.begin(), drivers_.end(), [](const auto& driver) {
    return driver->ahead.LastPending() != nullptr;
  });
}

void ProcessModel::Prefetch(Driver& driver) {
  if (driver.running.child != driver.child) return;
  size_t count = driver.ahead.CountWanted(program_.is_quick);
  if (program_.one_task_each || count == 0 || is_paused()) return;
  if (outbox_.has_above_normal() &&
      !Has(ProcessFault::kPrefetchesBesideAHigherClass)) {
    return;
  }
  // ThreadCore::FairPrefetchCount().
  if (roster_.idle() > 0 || roster_.searching() > 0 || !roster_.is_full() ||
      (roster_.has_going() &&
       !Has(ProcessFault::kPrefetchesBesideOneWhoGoes))) {
    return;
  }
  const auto waiting = static_cast<size_t>(std::max<int64_t>(Waiting(), 0));
  count = std::min(count, (waiting + roster_.size() - 1) / roster_.size());
  if (count == 0) return;
  ++prefetches_;
  for (; count > 0; --count) {
    TaskState* const next = outbox_.PrefetchNext(counts_);
    if (next == nullptr) return;
    const uint32_t busy = driver.ahead.BusySlots(driver.running.ticket);
    int slot = 0;
    while ((busy >> slot & 1) != 0) ++slot;
    const Child::Ticket ticket = {.slot = slot, .attempt = ++attempt_};
    driver.child->page->Prefetch(slot, attempt_);
    driver.ahead.Add({next, driver.child, ticket});
    RemoteCall::Of(*next)->SetRunner(&driver);
    driver.batch.push_back({ticket, IndexOf(next)});
    TaskInfo& info = tasks_[static_cast<size_t>(IndexOf(next))];
    info.was_first = IsFirstByClass(IndexOf(next));
  }
}

bool ProcessModel::RevokeFrom(Driver& driver, TaskState& task) {
  switch (driver.ahead.Revoke(task)) {
    case Prefetched::Revoked::kPending:
      RemoteCall::Of(task)->SetRunner(nullptr);
      outbox_.Requeue(&task, counts_);
      tasks_[static_cast<size_t>(IndexOf(&task))].was_first = true;
      return true;
    case Prefetched::Revoked::kStarted:
      counts_.CountStarted();
      outbox_.EndPrefetch();
      return false;
    case Prefetched::Revoked::kNothing:
      return false;
  }
  return false;
}

void ProcessModel::Revoke(Driver& driver, TaskState& task) {
  if (RevokeFrom(driver, task)) FindWorker();
}

void ProcessModel::RevokeAll(Driver& driver, size_t rest) {
  bool is_any = false;
  while (TaskState* const last = driver.ahead.LastPending(rest)) {
    if (RevokeFrom(driver, *last)) is_any = true;
  }
  if (is_any) FindWorker();
}

bool ProcessModel::RevokeOne() {
  if (lifecycle_.is_closed() && Has(ProcessFault::kRevokesNothingOnceClosed)) {
    return false;
  }
  for (const auto& driver : drivers_) {
    TaskState* const last = driver->ahead.LastPending();
    if (last != nullptr && RevokeFrom(*driver, *last)) return true;
  }
  return false;
}

void ProcessModel::ReturnSlot(Driver& driver) {
  driver.slot.End(/*is_done=*/false);
  if (driver.slot.child_ended()) driver.lost = true;
  if (Has(ProcessFault::kReturnsSlotInSilence)) return;
  roster_.StartSearching(driver.id);
}

void ProcessModel::EndReceive(Driver& driver, bool is_done) {
  if (is_done) {
    driver.slot.End(/*is_done=*/true);
    if (driver.slot.child_ended()) driver.lost = true;
    if (driver.ahead.empty() &&
        (!HasRevocable() || Has(ProcessFault::kWaiterParksBesidePrefetched)) &&
        !MustRetire(driver) && !ReachedTaskLimit(driver) && Waiting() <= 0) {
      roster_.Park(driver.id);
      return;
    }
  }
  ReturnSlot(driver);
}

void ProcessModel::ClaimAllPending() {
  if (!Has(ProcessFault::kCloseLeavesPrefetched)) {
    for (bool is_any = true; is_any;) {
      is_any = false;
      for (const auto& driver : drivers_) {
        TaskState* const last = driver->ahead.LastPending();
        if (last == nullptr) continue;
        RevokeFrom(*driver, *last);
        is_any = true;
      }
    }
  }
  SlotChain chain;
  TaskOutbox rest(chain);
  outbox_.TakeAll(tail_, rest);
  int64_t count = 0;
  std::vector<TaskState*> claimed;
  rest.ClaimAll([&](TaskState* task) {
    ++count;
    claimed.push_back(task);
  });
  counts_.CountTaken(count);
  for (TakenTask next; rest.PopNext(&next);) next.task->Release();
  for (TaskState* const task : claimed) {
    task->PublishClaimed(FutureState::kCancelled, nullptr);
  }
}

void ProcessModel::PauseSteps() {
  switch (pauser_) {
    case Pauser::kOutside:
      if (pauses_ == 0 || lifecycle_.is_closed() ||
          !Choose(false, "", 0, " pauses the pool")) {
        return;
      }
      --pauses_;
      pauser_ = Pauser::kPaused;
      if (!Has(ProcessFault::kPauseLeavesPrefetched)) {
        while (RevokeOne()) {
        }
      }
      return;
    case Pauser::kPaused:
      if (!Choose(false, "", 0, " resumes the pool")) return;
      pauser_ = Pauser::kLooks;
      return;
    case Pauser::kLooks:
      if (!Choose(true, "", 0, " finds a worker for what waits")) return;
      if (Has(ProcessFault::kResumeWakesNobody) || !FindWorker()) {
        pauser_ = Pauser::kOutside;
      }
      return;
  }
}

void ProcessModel::NewProcess(Driver& driver) {
  if (used_pages_ == pages_.size()) pages_.push_back(ClaimPage::Create());
  driver.child = std::make_shared<Child>();
  driver.child->page = &pages_[used_pages_++];
  driver.child->is_trusted = Has(ProcessFault::kRevokesWithoutThePage);
  children_.push_back(driver.child);
  driver.slot.OnStarted();
  driver.has_slot = true;
  driver.is_watched = driver.has_heard_end = driver.lost = false;
}

void ProcessModel::Deliver(int task, bool was_lost) {
  static const std::exception_ptr lost =
      std::make_exception_ptr(std::runtime_error("lost"));
  if (was_lost && tasks_[static_cast<size_t>(task)].begun == 0) {
    mistake_ = "a task is lost that had not begun";
  }
  StateOf(task).Deliver({.failure = was_lost ? lost : nullptr});
}

void ProcessModel::OnPendingClaimed(TaskState& task, FutureState) {
  counts_.CountTaken();
  if (outbox_.LeaveOutOfTurn(&task)) task.Release();
}

// ------------------------------------------------------------- The checks

std::string ProcessModel::FindMistake(bool is_end) {
  if (!mistake_.empty()) return mistake_;
  for (size_t i = 0; i < tasks_.size(); ++i) {
    const TaskInfo& task = tasks_[i];
    if (task.is_refused) continue;
    if (is_end && !task.state->is_done()) {
      return absl::StrCat("the end is reached, and task ", i, " is not done");
    }
    if (!task.is_submitted || task.state->is_done() || !is_at_rest() ||
        task.state->state() != FutureState::kPending || is_paused()) {
      continue;
    }
    if (roster_.idle() > 0) {
      return absl::StrCat("task ", i, " waits beside an idle worker");
    }
    if (!roster_.is_full()) {
      return absl::StrCat("task ", i, " waits beside room for a worker");
    }
  }
  if (!is_end) return "";
  if (Waiting() != 0 || counts_.started() != submitted_) {
    return "the counts do not add up at the end";
  }
  if (lifecycle_.is_closed() && roster_.size() > 0) {
    return "a closed pool has a worker at the end";
  }
  return "";
}

std::string ProcessModel::TakeKey() {
  std::string key;
  const auto add = [&key](int64_t n) { key.push_back(static_cast<char>(n)); };
  const auto add_message = [&](const Child& child,
                               const Child::Message& message) {
    add(message.task);
    add(message.ticket.slot);
    add(static_cast<int64_t>(
        child.page->Look(message.ticket.slot, message.ticket.attempt)));
  };
  for (const TaskInfo& task : tasks_) {
    add(static_cast<int64_t>(task.state->state()));
    add(task.is_submitted | task.is_refused << 1 | task.is_being_sent << 2);
    add(task.begun);
  }
  for (const Submitter& submitter : submitters_) {
    add(static_cast<int64_t>(submitter.phase));
    add(static_cast<int64_t>(submitter.submitted));
    add(submitter.driver);
    add(submitter.is_done);
  }
  add(static_cast<int64_t>(cancelled_));
  add(deaths_);
  add(time_outs_);
  add(pauses_ << 2 | static_cast<int>(pauser_));
  add(lifecycle_.is_closed() | is_cancelling_ << 1);
  for (const auto& child : children_) {
    add(child->is_dead);
    add_message(*child, child->running);
    for (const auto* box : {&child->inbox, &child->outbox}) {
      add(static_cast<int64_t>(box->size()));
      for (const Child::Message& message : *box) add_message(*child, message);
    }
  }
  for (const auto& driver : drivers_) {
    add(static_cast<int64_t>(driver->at));
    add(driver->task);
    add(program_.one_task_each ? driver->tasks_done : 0);
    add(driver->seen_prefetches == prefetches_);
    add(driver->may_be_searching | driver->lost << 1 | driver->is_watched << 2 |
        driver->has_heard_end << 3 | driver->must_look << 4 |
        driver->may_wait_too_long << 5);
    add(driver->had_begun | driver->has_slot << 1 |
        driver->slot.is_borrowed() << 2 | driver->slot.is_neglected() << 3 |
        driver->slot.child_ended() << 4 | roster_.IsSearching(driver->id) << 5);
    add(std::find(children_.begin(), children_.end(), driver->child) -
        children_.begin());
    add(IndexOf(driver->running.task));
    add(std::find(children_.begin(), children_.end(), driver->running.child) -
        children_.begin());
    if (driver->running.child != nullptr) {
      add_message(*driver->running.child, {driver->running.ticket, -1});
    }
    for (const Child::Message& message : driver->batch) add(message.task);
    add(static_cast<int64_t>(driver->ahead.size()));
    while (!driver->ahead.empty()) {
      const auto first = driver->ahead.TakeFirst();
      add_message(*first.handed.child,
                  {first.handed.ticket, IndexOf(first.handed.task)});
      add(first.newly_started);
    }
    add(IndexOf(driver->slot.TakeTask()));
  }
  roster_.ForEachIdle(add);
  add(static_cast<int64_t>(roster_.staying()));
  add(roster_.has_going() | roster_.is_hungry() << 1);
  for (TakenTask next; outbox_.PopNext(&next);) {
    add(IndexOf(next.task));
    next.task->Release();
  }
  return key;
}

}  // namespace asyncpal::internal::explorer

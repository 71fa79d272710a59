#include "asyncpal/pool/internal/process_model.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "asyncpal/ipc/call.h"

// How it works. DriverSteps() and what it calls mirror ThreadCore::NextTask()
// with its Park() and Retire(), ProcessDriver::Call() and the sections of
// ProcessCore: a section there is a step here. The submission to the queue is
// one step with the search for a worker; wakeup_explorer.h takes it apart.

namespace asyncpal::internal::explorer {

ProcessModel::ProcessModel(const ProcessProgram& program,
                           std::deque<ClaimPage>& pages, uint64_t& attempt)
    : program_(program),
      pages_(pages),
      attempt_(attempt),
      roster_(program.max_workers, /*max_stand_ins=*/0),
      submitters_(program.submitters.size()),
      deaths_(program.deaths),
      time_outs_(program.time_outs),
      pauses_(program.pauses) {
  for (size_t i = 0; i < program_.tasks.size(); ++i) {
    TaskInfo task;
    task.state =
        std::make_unique<State>(this, 0, /*stoppable=*/false, EncodedCall());
    task.state->set_task_id(i + 1);
    tasks_.push_back(std::move(task));
  }
  tail_.Grow(SlotChunk::Make(tail_.wanted_bytes()));
  for (int i = 0; i < program_.idle_at_first; ++i) {
    const int64_t id = static_cast<int64_t>(drivers_.size()) + 1;
    roster_.Add([&](int64_t) {
      drivers_.push_back(std::make_unique<Driver>(*this, id));
      return id;
    });
    NewProcess(Of(id));
    roster_.Park(id);
    Of(id).may_be_searching = false;
    Of(id).at = At::kParked;
  }
}

ProcessModel::~ProcessModel() = default;

int ProcessModel::IndexOf(const TaskState* task) const {
  return task == nullptr ? -1 : static_cast<int>(task->task_id()) - 1;
}

bool ProcessModel::Choose(bool is_own, const char* who, int64_t number,
                          const char* what) {
  has_own_step_ = has_own_step_ || is_own;
  if (is_taken_ || wanted_-- != 0) return false;
  *what_ = absl::StrCat(who, number, what);
  is_taken_ = true;
  return true;
}

bool ProcessModel::Step(int number, std::string* what) {
  wanted_ = number;
  what_ = what;
  is_taken_ = has_own_step_ = false;
  for (size_t i = 0; i < submitters_.size() && !is_taken_; ++i) {
    SubmitterSteps(i);
  }
  if (!is_taken_) CancelStep();
  if (!is_taken_) CloseSteps();
  if (!is_taken_) PauseSteps();
  for (size_t i = 0; i < drivers_.size() && !is_taken_; ++i) {
    DriverSteps(*drivers_[i]);
  }
  for (size_t i = 0; i < children_.size() && !is_taken_; ++i) {
    ChildSteps(*children_[i], static_cast<int64_t>(i) + 1);
  }
  return is_taken_;
}

// --------------------------------------------------------- What others do

void ProcessModel::SubmitterSteps(size_t index) {
  Submitter& submitter = submitters_[index];
  const auto choose = [&](bool is_own, const char* what) {
    return Choose(is_own, "submitter ", static_cast<int64_t>(index), what);
  };
  if (submitter.submitted == program_.submitters[index].size()) return;
  const auto [task, how] = Next(submitter, index);
  TaskInfo& info = tasks_[static_cast<size_t>(task)];
  const auto end = [&] { submitter = {.submitted = submitter.submitted + 1}; };
  switch (submitter.phase) {
    case Phase::kOutside:
      if (!choose(false, " submits to an idle worker")) return;
      submitter.phase =
          SubmitDirectly(submitter, task, how == ProcessProgram::kSubmitAndWait)
              ? Phase::kSend
              : Phase::kQueue;
      return;
    case Phase::kQueue:
      if (!choose(true, " submits to the queue")) return;
      Push(task);
      if (how == ProcessProgram::kSubmit || info.is_refused) return end();
      submitter.phase = Phase::kWait;
      return;
    case Phase::kSend:
      if (!choose(true, " sends")) return;
      if (!submitter.child->is_dead) {
        submitter.child->inbox.push_back(submitter.message);
      }
      info.is_being_sent = false;
      if (how == ProcessProgram::kSubmit) return end();
      submitter.phase = Phase::kWait;
      return;
    case Phase::kWait: {
      if (!choose(true, " waits")) return;
      if (info.state->is_done()) return end();
      submitter.phase = Phase::kAsleep;
      for (const auto& driver : drivers_) {
        if (IndexOf(driver->running.task) == task && driver->has_slot &&
            driver->slot.BeginReceive(*info.state)) {
          submitter.phase = Phase::kWatch;
          submitter.driver = driver->id;
          submitter.child = driver->running.child;
        }
      }
      return;
    }
    case Phase::kAsleep:
      if (info.state->is_done() && choose(true, " has its result")) end();
      return;
    case Phase::kWatch: {
      if (!choose(true, " looks at the process")) return;
      Driver& driver = Of(submitter.driver);
      if (driver.slot.SetWatched(false)) driver.is_watched = false;
      submitter.phase = Phase::kListen;
      return;
    }
    case Phase::kListen: {
      Child& child = *submitter.child;
      Driver& driver = Of(submitter.driver);
      if (!child.outbox.empty() && !info.is_being_sent) {
        if (!choose(true, " receives")) return;
        child.outbox.pop_front();
        Prefetch(driver);
        for (const Child::Message& message : std::exchange(driver.batch, {})) {
          if (!child.is_dead) child.inbox.push_back(message);
        }
        driver.running = {};
        Deliver(task, /*was_lost=*/false);
        ++driver.tasks_done;
        submitter.is_done = true;
        submitter.phase = Phase::kReturn;
      } else if (child.outbox.empty() && child.is_dead) {
        if (choose(true, " finds the process dead")) {
          submitter.phase = Phase::kReturn;
        }
      }
      return;
    }
    case Phase::kReturn:
      if (!choose(true, " returns the place")) return;
      EndReceive(Of(submitter.driver), submitter.is_done);
      if (submitter.is_done) return end();
      submitter.phase = Phase::kAsleep;
      return;
  }
}

void ProcessModel::CancelStep() {
  if (cancelled_ == program_.cancelled.size()) return;
  const int task = program_.cancelled[cancelled_];
  if (!tasks_[static_cast<size_t>(task)].is_submitted) return;
  if (!Choose(false, "cancel task ", task, "")) return;
  ++cancelled_;
  StateOf(task).Cancel();
}

void ProcessModel::CloseSteps() {
  if (is_cancelling_ && Choose(true, "", 0, " cancels all that is pending")) {
    is_cancelling_ = false;
    has_cancelled_all_ = true;
    return ClaimAllPending();
  }
  if (is_taken_ || program_.closing == ProcessProgram::kNever ||
      lifecycle_.is_closed() || !Choose(false, "", 0, " closes the pool")) {
    return;
  }
  lifecycle_.Close();
  if (is_paused()) pauser_ = Pauser::kLooks;
  is_cancelling_ = program_.closing == ProcessProgram::kCancel;
  if (Has(ProcessFault::kCloseWakesNobody)) return;
  roster_.ForEachIdle([&](int64_t id) { Of(id).must_look = true; });
}

void ProcessModel::ChildSteps(Child& child, int64_t number) {
  if (child.is_dead) return;
  if (child.running.task < 0 && !child.inbox.empty() &&
      Choose(true, "process ", number, " reads a task")) {
    const Child::Message message = child.inbox.front();
    child.inbox.pop_front();
    if (!child.page->Start(message.ticket.slot, message.ticket.attempt)) {
      return;
    }
    child.running = message;
    TaskInfo& info = tasks_[static_cast<size_t>(message.task)];
    if (++info.begun > 1) mistake_ = "a task has begun twice";
    if (has_cancelled_all_ && info.state->state() == FutureState::kPending) {
      mistake_ = "a task begins after all that were pending were cancelled";
    }
    if (is_paused() && info.state->state() == FutureState::kPending) {
      mistake_ = "a task begins in a pause";
    }
    if (!info.was_first) {
      mistake_ = "a task begins before one of a higher class";
    }
    return;
  }
  if (is_taken_) return;
  if (child.running.task >= 0) {
    bool may_end = true;
    if (program_.tasks[static_cast<size_t>(child.running.task)]) {
      for (size_t i = 0; i < tasks_.size(); ++i) {
        may_end = may_end && (!program_.tasks[i] || tasks_[i].begun > 0 ||
                              tasks_[i].is_refused);
      }
    }
    if (may_end && Choose(false, "process ", number, " ends its task")) {
      const Child::Message message = std::exchange(child.running, {});
      if (child.page->Finish(message.ticket.slot, message.ticket.attempt)) {
        child.outbox.push_back(message);
      }
      return;
    }
  }
  if (is_taken_ || deaths_ == 0) return;
  if (Choose(false, "process ", number, " dies")) {
    --deaths_;
    child.is_dead = true;
    child.inbox.clear();
  }
}

void ProcessModel::DriverSteps(Driver& driver) {
  const auto choose = [&](const char* what) {
    return Choose(true, "worker ", driver.id, what);
  };
  switch (driver.at) {
    case At::kNew:
      if (!choose(" starts its process")) return;
      NewProcess(driver);
      roster_.EndStart(driver.id);
      driver.at = At::kNext;
      return;
    case At::kNext: {
      if (!choose(" looks for a prefetched task")) return;
      driver.seen_prefetches = 0;
      driver.at = At::kTake;
      if (driver.ahead.empty()) return;
      auto first = driver.ahead.TakeFirst();
      if (first.newly_started) {
        counts_.CountStarted();
        outbox_.EndPrefetch();
      }
      driver.running = std::move(first.handed);
      driver.task = IndexOf(driver.running.task);
      driver.at = At::kPassOn;
      return;
    }
    case At::kTake: {
      if (!choose(" looks for a task")) return;
      if (ReachedTaskLimit(driver)) {
        driver.at = At::kStop;
        return;
      }
      if (driver.lost) {
        driver.at = Revive(driver) ? At::kRevive : At::kStop;
        return;
      }
      TakenTask taken;
      driver.at = At::kRevokeOne;
      if (is_paused() || !outbox_.StartByClass(/*now=*/0, counts_, &taken)) {
        return;
      }
      driver.task = IndexOf(taken.task);
      driver.at = At::kPassOn;
      return;
    }
    case At::kRevive:
      if (!choose(" starts another process")) return;
      NewProcess(driver);
      roster_.EndStart(driver.id);
      driver.at = At::kTake;
      return;
    case At::kRevokeOne:
      if (!choose(" looks for what others have prefetched")) return;
      driver.at = RevokeOne() ? At::kTake : At::kPark;
      return;
    case At::kPark:
      if (choose(" parks")) Park(driver);
      return;
    case At::kParked:
      return ParkedSteps(driver);
    case At::kPassOn:
      if (!choose(" passes its search on")) return;
      if (std::exchange(driver.may_be_searching, false)) {
        roster_.StopSearching(driver.id);
        FindWorker();
      }
      driver.at = At::kSend;
      return;
    case At::kSend:
      if (IndexOf(driver.running.task) == driver.task) {
        // Somebody else sends it, or has.
        if (tasks_[static_cast<size_t>(driver.task)].is_being_sent) return;
        if (choose(" finds its task sent")) driver.at = At::kPrefetch;
        return;
      }
      if (!choose(" sends its task")) return;
      if (driver.child == nullptr) NewProcess(driver);
      driver.running = {&StateOf(driver.task),
                        driver.child,
                        {.slot = 0, .attempt = ++attempt_}};
      driver.child->page->Prefetch(0, attempt_);
      StateOf(driver.task).SetRunner(&driver);
      if (!driver.child->is_dead) {
        driver.child->inbox.push_back({driver.running.ticket, driver.task});
      }
      driver.at = At::kPrefetch;
      return;
    case At::kPrefetch:
      if (!choose(" prefetches")) return;
      Prefetch(driver);
      driver.may_wait_too_long = driver.ahead.size() > 1;
      driver.at = driver.batch.empty() ? At::kWait : At::kSendAhead;
      return;
    case At::kSendAhead:
      if (!choose(" sends what it has prefetched")) return;
      for (const Child::Message& message : std::exchange(driver.batch, {})) {
        if (!driver.child->is_dead) driver.child->inbox.push_back(message);
      }
      driver.at = At::kWait;
      return;
    case At::kWait:
      return WaitSteps(driver);
    case At::kDead: {
      if (!choose(" drops its process")) return;
      if (driver.running.child == driver.child) {
        driver.child = nullptr;
        driver.lost = true;
      }
      driver.running = {};
      if (Has(ProcessFault::kDeathForgetsPrefetched)) driver.ahead = {};
      StateOf(driver.task).SetRunner(nullptr);
      driver.at = At::kSend;
      if (!driver.had_begun) return;
      Deliver(std::exchange(driver.task, -1), /*was_lost=*/true);
      ++driver.tasks_done;
      driver.at = At::kNext;
      return;
    }
    case At::kStop:
      if (!choose(" stops its process")) return;
      driver.has_slot = false;
      if (driver.child != nullptr) driver.child->is_dead = true;
      driver.at = At::kRetire;
      return;
    case At::kRetire:
      if (!choose(" leaves")) return;
      roster_.BeginLeaving(driver.id);
      driver.may_be_searching = false;
      driver.at = At::kRevokeLast;
      return;
    case At::kRevokeLast:
      if (!choose(" looks once more for what others have prefetched")) return;
      if (!Has(ProcessFault::kLeavesBesidePrefetched)) RevokeOne();
      driver.at = At::kLeave;
      return;
    case At::kLeave: {
      if (!choose(" looks for a successor")) return;
      const size_t before = drivers_.size() + roster_.searching();
      FindWorker();
      if (drivers_.size() + roster_.searching() > before) return;
      roster_.Retire(driver.id);
      driver.at = At::kGone;
      return;
    }
    case At::kGone:
      return;
  }
}

void ProcessModel::ParkedSteps(Driver& driver) {
  const auto choose = [&](bool is_own, const char* what) {
    return Choose(is_own, "worker ", driver.id, what);
  };
  const bool is_dead = driver.child != nullptr && driver.child->is_dead;
  const bool hears_words = driver.is_watched && driver.child != nullptr &&
                           (is_dead || !driver.child->outbox.empty());
  if ((hears_words || (is_dead && !driver.has_heard_end)) &&
      choose(true, " hears its process")) {
    if (hears_words) {
      driver.is_watched = false;
      driver.slot.OnSpoke();
    }
    if (is_dead) {
      driver.has_heard_end = true;
      driver.slot.OnEnded();
      if (!driver.slot.is_borrowed()) driver.lost = true;
    }
    driver.must_look = true;
    return;
  }
  if (is_taken_) return;
  const bool is_woken = roster_.IsSearching(driver.id);
  if ((is_woken || driver.must_look) && choose(true, " wakes up")) {
    driver.must_look = false;
    if (driver.slot.is_borrowed()) {
      if (!driver.slot.is_neglected() ||
          Has(ProcessFault::kNeglectedSlotIsForgotten)) {
        return;
      }
      ReturnSlot(driver);
    }
    if (roster_.IsSearching(driver.id)) {
      driver.may_be_searching = true;
      driver.at = At::kNext;
      if (TaskState* const task = driver.slot.TakeTask()) {
        driver.task = IndexOf(task);
        driver.at = At::kPassOn;
      }
    } else if (MustRetire(driver)) {
      roster_.Unpark(driver.id);
      roster_.DecideToGo(driver.id);
      driver.at = At::kStop;
    }
    return;
  }
  if (is_taken_ || time_outs_ == 0 || is_woken || driver.slot.is_borrowed() ||
      !choose(false, " times out")) {
    return;
  }
  --time_outs_;
  roster_.Unpark(driver.id);
  roster_.DecideToGo(driver.id);
  driver.at = At::kStop;
}

void ProcessModel::WaitSteps(Driver& driver) {
  const auto choose = [&](const char* what) {
    return Choose(true, "worker ", driver.id, what);
  };
  const std::shared_ptr<Child> child = driver.running.child;
  if (!child->outbox.empty() && choose(" delivers a result")) {
    if (child->outbox.front().task != driver.task) {
      mistake_ = "a result comes for a task that is not the running one";
    }
    child->outbox.pop_front();
    driver.running = {};
    Deliver(std::exchange(driver.task, -1), /*was_lost=*/false);
    ++driver.tasks_done;
    driver.at = At::kNext;
    return;
  }
  if (is_taken_) return;
  if (child->outbox.empty() && child->is_dead &&
      choose(" finds its process dead")) {
    const auto claim = child->page->Look(driver.running.ticket.slot,
                                         driver.running.ticket.attempt);
    driver.had_begun = (claim != ClaimPage::Claim::kPrefetched &&
                        !Has(ProcessFault::kRunsAgainAfterADeath)) ||
                       Has(ProcessFault::kDeathFailsPrefetched);
    if (!Has(ProcessFault::kDeathForgetsPrefetched)) RevokeAll(driver, 0);
    driver.at = At::kDead;
    return;
  }
  if (is_taken_ || !driver.may_wait_too_long ||
      !choose(" has waited for too long")) {
    return;
  }
  driver.may_wait_too_long = false;
  RevokeAll(driver, /*rest=*/1);
}

}  // namespace asyncpal::internal::explorer

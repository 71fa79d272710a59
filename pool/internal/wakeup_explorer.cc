#include "asyncpal/pool/internal/wakeup_explorer.h"

namespace asyncpal::internal::explorer {

// ------------------------------------------------------------ The steps

void Explorer::Walk(const State& s) {
  for (size_t i = 0; i < program_.submitters.size(); ++i) Submit(s, i);
  PauseOrResume(s);
  if (s.holder != 0) {
    WalkWorker(s, s.holder);
    for (size_t i = 0; i < s.workers.size(); ++i) {
      const int64_t id = static_cast<int64_t>(i) + 1;
      if (id != s.holder && NeedsNoPoolLock(s.workers[i].at)) {
        WalkWorker(s, id);
      }
    }
    return;
  }
  for (size_t i = 0; i < s.workers.size(); ++i) {
    WalkWorker(s, static_cast<int64_t>(i) + 1);
  }
}

bool Explorer::NeedsNoPoolLock(enum At at) {
  return at == At::kTake || at == At::kRun;
}

void Explorer::Submit(State s, size_t submitter) {
  const auto step = [&](const char* what) {
    Reach(std::move(s), now_, absl::StrCat("submitter ", submitter, what));
  };
  Phase& phase = s.phases[submitter];
  switch (phase) {
    case Phase::kOutside:
      if (s.submitted[submitter] == program_.submitters[submitter].size()) {
        return;
      }
      phase = s.hungry ? Phase::kHasReadYes : Phase::kHasReadNo;
      return step(s.hungry ? " sees the flag" : " sees no flag");
    case Phase::kHasReadNo:
    case Phase::kHasReadYes: {
      const int task = program_.submitters[submitter][s.submitted[submitter]++];
      s.tasks[static_cast<size_t>(task)] = Stage::kWaiting;
      (program_.tasks[static_cast<size_t>(task)].is_urgent ? s.urgent : s.queue)
          .push_back(task);
      phase = phase == Phase::kHasReadYes ? Phase::kLooks : Phase::kOutside;
      s.awaited &= ~(1u << submitter);
      return step(" pushes its task");
    }
    case Phase::kLooks:
      if (s.holder != 0) return;
      FindWorkerAndDispatch(s);
      phase = Phase::kOutside;
      return step(" looks for a worker");
  }
}

// Somebody pauses the pool, resumes it, and finds a worker for each task that
// waits: as often as the program says.
void Explorer::PauseOrResume(State s) {
  if (s.holder != 0) return;
  switch (s.pauser) {
    case Pauser::kOutside:
      if (s.pauses_left == 0) return;
      --s.pauses_left;
      s.pauser = Pauser::kPaused;
      return Reach(std::move(s), now_, "the pool is paused");
    case Pauser::kPaused:
      s.pauser = Pauser::kLooks;
      return Reach(std::move(s), now_, "the pool is resumed");
    case Pauser::kLooks:
      if (FindWorker(s).empty() || program_.fault == Fault::kResumeWakesOne) {
        s.pauser = Pauser::kOutside;
      }
      return Reach(std::move(s), now_, "who resumed it looks for a worker");
  }
}

void Explorer::WalkWorker(const State& before, int64_t id) {
  State s = before;
  Worker& worker = At(s, id);
  const auto reach = [&](const char* step) {
    Reach(std::move(s), now_, absl::StrCat("worker ", id, " ", step));
  };
  switch (worker.at) {
    case At::kNew:
      if (s.failing_starts > 0) {
        FailStart(before, id);
        if (program_.starts_always_fail) return;
      }
      worker.at = At::kStart;
      return reach("has a thread");
    case At::kStart:
      if (id == program_.endless_start) return;
      s.roster.EndStart(id);
      worker.at = At::kNext;
      return reach("has started");
    case At::kNext:
      worker.spun = false;
      worker.at = At::kTake;
      if (s.roster.is_over_max() && s.roster.has_spare()) {
        s.roster.DecideToGo(id);
        worker.at = At::kRetire;
      }
      return reach("looks whether it is needed");
    case At::kTake:
      return Take(std::move(s), id);
    case At::kPassOn:
      if (!std::exchange(worker.may_be_searching, false)) {
        worker.at = At::kRun;
        return reach("has not been searching");
      }
      s.roster.StopSearching(id);
      UpdateHints(s, id);
      worker.at = At::kSuccessor;
      if (s.holder != 0) return reach("ends its search, raises the flag");
      [[fallthrough]];
    case At::kSuccessor:
      if (!EndPass(s)) return;
      if (program_.fault != Fault::kSearchEndsWithoutSuccessor) {
        FindWorkerAndDispatch(s);
      }
      At(s, id).at = At::kRun;
      return reach("passes its search on");
    case At::kPark:
      return Park(std::move(s), id);
    case At::kParked:
      if (program_.workers_time_out && !s.roster.IsSearching(id)) {
        State gone = before;
        gone.roster.Unpark(id);
        gone.hungry = gone.roster.is_hungry();
        gone.roster.DecideToGo(id);
        At(gone, id).at = At::kRetire;
        Reach(std::move(gone), now_, absl::StrCat("worker ", id, " times out"));
      }
      if (!s.roster.IsSearching(id)) return;
      worker.may_be_searching = true;
      worker.spun = false;
      worker.at = At::kTake;
      return reach("wakes up");
    case At::kRun:
      return Run(std::move(s), id);
    case At::kBlock:
      s.roster.BeginBlocking();
      UpdateHints(s, id);
      worker.at = At::kStandIn;
      if (s.holder != 0) return reach("blocks, and raises the flag");
      [[fallthrough]];
    case At::kStandIn:
      if (!EndPass(s)) return;
      if (program_.fault != Fault::kBlocksWithoutALook) {
        FindWorkerAndDispatch(s);
      }
      At(s, id).at = At::kBlocked;
      return reach("blocks");
    case At::kFailed:
      if (!EndPass(s)) return;
      return EndFailedStart(std::move(s), id);
    case At::kBlocked:
      return Blocked(std::move(s), id);
    case At::kRetire:
      s.roster.BeginLeaving(id);
      UpdateHints(s, id);
      worker.at = At::kLeave;
      if (s.holder != 0) return reach("makes room, and raises the flag");
      [[fallthrough]];
    case At::kLeave:
      if (!EndPass(s)) return;
      return Leave(std::move(s), id, "is about to leave");
    case At::kLook:
      if (!EndPass(s)) return;
      return EndPark(std::move(s), id);
    case At::kReplace: {
      const auto place = At(s, worker.replacement).at;
      if (place == At::kNew) return;
      if (place != At::kGone) {
        return Leave(std::move(s), id, "has a replacement");
      }
      if (s.roster.has_active() ||
          program_.fault == Fault::kLastActiveWorkerLeaves ||
          program_.fault == Fault::kLastActiveWorkerLeavesForGood) {
        s.roster.Retire(id);
        worker.at = At::kGone;
        return reach("leaves without a replacement");
      }
      s.roster.StayOn(id);
      s.hungry = s.roster.is_hungry();
      worker.may_be_searching = true;
      worker.at = At::kNext;
      return reach("stays on");
    }
    case At::kGone:
      return;
  }
}

void Explorer::FailStart(State s, int64_t id) {
  --s.failing_starts;
  s.start_failed = s.has_failed_start = true;
  s.roster.Forget(id);
  if (program_.fault != Fault::kFailedStartRaisesNoFlag) UpdateHints(s, id);
  At(s, id).at = At::kFailed;
  if (s.holder != 0) {
    Reach(std::move(s), now_,
          absl::StrCat("worker ", id, " gets no thread, the flag is raised"));
  } else {
    EndFailedStart(std::move(s), id);
  }
}

void Explorer::EndFailedStart(State s, int64_t id) {
  At(s, id).at = At::kGone;
  if (s.roster.idle() > 0 && program_.fault != Fault::kFailedStartIsForgotten) {
    FindWorkerAndDispatch(s);
  }
  if (s.roster.size() == 0) {  // RejectStranded()
    for (std::deque<int>* const queue : {&s.queue, &s.urgent}) {
      for (const int task : *queue) {
        s.tasks[static_cast<size_t>(task)] = Stage::kDone;
      }
      queue->clear();
    }
  }
  Reach(std::move(s), now_, absl::StrCat("worker ", id, " gets no thread"));
}

void Explorer::Take(State s, int64_t id) {
  Worker& worker = At(s, id);
  std::deque<int>& queue = s.urgent.empty() ? s.queue : s.urgent;
  worker.saw_pause = s.pauser == Pauser::kPaused;
  if (worker.saw_pause || queue.empty()) {
    worker.at = At::kPark;
    return Reach(std::move(s), now_,
                 absl::StrCat("worker ", id, " finds nothing"));
  }
  worker.task = static_cast<int8_t>(queue.front());
  queue.pop_front();
  s.tasks[static_cast<size_t>(worker.task)] = Stage::kRunning;
  worker.at = At::kPassOn;
  Reach(std::move(s), now_,
        absl::StrCat("worker ", id, " takes task ", At(s, id).task));
}

void Explorer::Park(State s, int64_t id) {
  Worker& worker = At(s, id);
  if (worker.spun) s.spinning = false;
  if (Waiting(s) > 0 && LooksBeforeParking(worker)) {
    worker.at = At::kTake;
    return Reach(std::move(s), now_,
                 absl::StrCat("worker ", id, " sees a new task"));
  }
  if (s.roster.has_spare()) {
    s.roster.DecideToGo(id);
    worker.at = At::kRetire;
    return Reach(std::move(s), now_, absl::StrCat("worker ", id, " is spare"));
  }
  if (!worker.spun && !s.spinning) {
    worker.spun = s.spinning = true;
    worker.may_be_searching = true;
    s.roster.StartSearching(id);
    worker.at = At::kTake;
    return Reach(std::move(s), now_, absl::StrCat("worker ", id, " spins"));
  }
  s.roster.Park(id);
  UpdateHints(s, id);
  worker.at = At::kLook;
  if (s.holder != 0) {
    Reach(std::move(s), now_,
          absl::StrCat("worker ", id, " parks, and raises the flag"));
  } else {
    EndPark(std::move(s), id);
  }
}

void Explorer::EndPark(State s, int64_t id) {
  Worker& worker = At(s, id);
  if (Waiting(s) > 0 && LooksBeforeParking(worker)) {
    s.roster.Unpark(id);
    s.hungry = s.roster.is_hungry();
    s.roster.StartSearching(id);
    worker.may_be_searching = true;
    worker.spun = false;
    worker.at = At::kTake;
    return Reach(std::move(s), now_,
                 absl::StrCat("worker ", id, " sees a new task"));
  }
  worker.may_be_searching = false;
  worker.at = At::kParked;
  Reach(std::move(s), now_, absl::StrCat("worker ", id, " parks"));
}

void Explorer::Run(State s, int64_t id) {
  Worker& worker = At(s, id);
  const Task& task = program_.tasks[static_cast<size_t>(worker.task)];
  if (task.kind == Task::kMeets) {
    for (size_t i = 0; i < s.tasks.size(); ++i) {
      if (program_.tasks[i].kind == Task::kMeets &&
          s.tasks[i] < Stage::kRunning) {
        return;
      }
    }
  }
  if (task.kind == Task::kWaitsFor &&
      s.tasks[static_cast<size_t>(task.other)] != Stage::kDone) {
    worker.at = At::kBlock;
    return Reach(std::move(s), now_,
                 absl::StrCat("worker ", id, " is about to wait"));
  }
  EndTask(s, worker);
  Reach(std::move(s), now_, absl::StrCat("worker ", id, " ends its task"));
}

void Explorer::Blocked(State s, int64_t id) {
  Worker& worker = At(s, id);
  const Task& task = program_.tasks[static_cast<size_t>(worker.task)];
  if (s.tasks[static_cast<size_t>(task.other)] == Stage::kDone) {
    s.roster.EndBlocking();
    s.hungry = s.roster.is_hungry();
    EndTask(s, worker);
    return Reach(std::move(s), now_,
                 absl::StrCat("worker ", id, " has waited"));
  }
  if (!s.start_failed ||
      program_.fault == Fault::kFailedStandInIsNotTriedAgain ||
      program_.fault == Fault::kLastActiveWorkerLeavesForGood) {
    return;
  }
  s.start_failed = false;
  FindWorkerAndDispatch(s);
  Reach(std::move(s), now_, absl::StrCat("worker ", id, " looks again"));
}

void Explorer::Leave(State s, int64_t id, const char* step) {
  Roster::Choice choice;
  if (program_.fault != Fault::kRetiresWithoutSuccessor) {
    choice = FindWorker(s);
  }
  Worker& worker = At(s, id);
  if (choice.start != 0) {
    worker.replacement = static_cast<int8_t>(choice.start);
    worker.at = At::kReplace;
  } else if (choice.wake != 0) {
    worker.at = At::kRetire;  // is there another to be woken?
  } else {
    s.roster.Retire(id);
    worker.at = At::kGone;
  }
  Reach(std::move(s), now_, absl::StrCat("worker ", id, " ", step));
}

// ------------------------------------------------------------ The checks

void Explorer::Reach(State s, int from, std::string step) {
  if (graph_.Reach(s.Key(), from, std::move(step)).is_new) {
    states_.push_back(std::make_unique<State>(std::move(s)));
  }
}

void Explorer::Report(const std::string& what, int state) {
  if (found_.empty()) found_ = what + graph_.DescribeWay(state);
}

void Explorer::CheckEnd(const State& s) {
  for (size_t i = 0; i < s.tasks.size(); ++i) {
    if (s.tasks[i] == Stage::kDone) continue;
    Report(absl::StrCat("the end is reached, and task ", i, " is not done"),
           now_);
  }
}

void Explorer::CheckNoneWaitsInVain(const State& s) {
  for (const Phase phase : s.phases) {
    if (phase != Phase::kOutside) return;
  }
  size_t coming = 0;
  bool has_starting = false;
  for (const Worker& worker : s.workers) {
    switch (worker.at) {
      case At::kStart:
        has_starting = true;
        ++coming;
        break;
      case At::kRun:
      case At::kBlocked:
      case At::kGone:
        break;
      case At::kParked:
        if (s.roster.IsSearching(&worker - s.workers.data() + 1)) return;
        break;
      default:
        return;  // it is in the pool's own code, and does something next
    }
  }
  const size_t waiting = s.queue.size() + s.urgent.size();
  if (waiting == 0 || s.pauser != Pauser::kOutside) return;
  // Another start is tried when something happens, not over and over.
  if (s.roster.idle() > 0) {
    Report("a task waits beside an idle worker", now_);
  } else if (!s.has_failed_start && waiting > coming && s.roster.is_hungry()) {
    Report(absl::StrCat("a task waits beside room for a worker",
                        has_starting ? ", as others start" : ""),
           now_);
  }
}

}  // namespace asyncpal::internal::explorer

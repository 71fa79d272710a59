#ifndef ASYNCPAL_POOL_INTERNAL_WAKEUP_EXPLORER_H_
#define ASYNCPAL_POOL_INTERNAL_WAKEUP_EXPLORER_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "asyncpal/pool/internal/worker_roster.h"

// Walks all interleavings of the critical sections by which a pool finds
// workers for its tasks, for small pools, without a thread.
//
// How it works. A state holds a WorkerRoster, the pool's own class, the tasks,
// and for each worker the section that it comes to next. A step is one section:
// what ThreadCore does under its lock between two moments at which others can
// come in between. From each state, every step that is possible leads to
// another; states that were seen before are not walked again. Then
// - a state from which no step leads must have all tasks done;
// - from every state, such a state can be reached;
// - in every state in which all threads sleep or are in user code, no task
//   waits beside an idle worker, or beside room for one.
// Faults that the real code had, or might get, are seeded to see that the walk
// finds them.

namespace asyncpal::internal::explorer {

using Roster = WorkerRoster<int64_t>;

enum class Fault {
  kNone,
  kSearchEndsWithoutSuccessor,     // as TakeTask() once did
  kParksWithoutALook,              // the queue was seen empty before the lock
  kRetiresWithoutSuccessor,        //
  kFailedStartIsForgotten,         // nobody is woken instead
  kStartingCountsBesideIdle,       // an idle worker sleeps on
  kBlocksWithoutALook,             // no stand-in
  kFailedStandInIsNotTriedAgain,   //
  kLastActiveWorkerLeaves,         // though its replacement can't be started
  kLastActiveWorkerLeavesForGood,  // and nobody looks again
  kFlagIsReadOutsideOfTheSection,  // in which the task is pushed
  kRaisesTheFlagWithoutPassing,    // through that section's lock
  kFailedStartRaisesNoFlag,        // though another may be started now
};

// What a task does, besides being over.
struct Task {
  enum Kind : uint8_t { kPlain, kMeets, kWaitsFor } kind = kPlain;
  int8_t other = 0;  // kWaitsFor: the index of that task
};

struct Program {
  size_t max_workers = 2;
  size_t max_stand_ins = 2;
  std::vector<Task> tasks;
  // Which tasks each submitter submits, in this order.
  std::vector<std::vector<int>> submitters;
  int idle_at_first = 0;            // workers that are there and parked
  int failing_starts = 0;           // at most that many, at any time
  bool starts_always_fail = false;  // the first ones, without a choice
  int64_t endless_start = 0;        // that worker never ends its initializer
  bool workers_time_out = false;    // idle ones may go
  bool worn_out = false;            // each goes after one task
  size_t max_waking = 100;          // see WorkerRoster
  Fault fault = Fault::kNone;
};

enum class At : uint8_t {
  kNew,      // its thread is about to be started
  kStart,    // in its initializer
  kNext,     // about to see whether it is spare
  kTake,     // about to take a task
  kPassOn,   // has one, and is about to tell that it searches no more
  kPark,     // has found none
  kLook,     // is idle, and looks once more at what waits
  kParked,   //
  kRun,      // in a task
  kBlock,    // about to wait for another task
  kStandIn,  // counts as blocked, and looks for a stand-in
  kBlocked,  // asleep in that wait
  kRetire,   // about to leave
  kLeave,    // makes room, and looks whether it is needed
  kReplace,  // waits for its replacement's start
  kFailed,   // was forgotten, as it got no thread
  kGone,     //
};

// Where a submission is. A submitter reads the flag in the section in which it
// pushes its task, in whatever order the processor makes of that: the worst is
// that it reads first.
enum class Phase : uint8_t { kOutside, kHasReadNo, kHasReadYes, kLooks };

struct Worker {
  At at = At::kNew;
  int8_t task = -1;
  int8_t replacement = 0;
  bool may_be_searching = true;
  bool spun = false;
};

enum class Stage : uint8_t { kUnborn, kWaiting, kRunning, kDone };

struct State {
  Roster roster;
  std::deque<int> queue = {};
  std::vector<Stage> tasks;
  std::vector<size_t> submitted;     // how many, of each submitter
  std::vector<Phase> phases;         // of each submitter
  std::vector<Worker> workers = {};  // that with the id n at n - 1
  int failing_starts = 0;
  bool start_failed = false;      // as in ThreadCore
  bool has_failed_start = false;  // ever
  bool spinning = false;
  bool hungry = true;  // the flag
  // Who holds the pool's lock between two steps: a worker's id, or none. It has
  // raised the flag, and waits for those that are in their sections.
  int64_t holder = 0;
  unsigned awaited = 0;  // bits of those submitters

  std::string Key() const {
    std::string key;
    for (const int task : queue) key.push_back(static_cast<char>(task));
    key.push_back('|');
    for (const Stage stage : tasks) key.push_back(static_cast<char>(stage));
    for (const size_t n : submitted) key.push_back(static_cast<char>(n));
    for (const Phase phase : phases) key.push_back(static_cast<char>(phase));
    key.push_back(static_cast<char>(holder));
    key.push_back(static_cast<char>(awaited << 1 | hungry));
    for (const Worker& w : workers) {
      key.push_back(static_cast<char>(w.at));
      key.push_back(static_cast<char>(w.task));
      key.push_back(static_cast<char>(w.replacement));
      key.push_back(static_cast<char>(w.may_be_searching | w.spun << 1));
    }
    key.push_back(static_cast<char>(failing_starts));
    key.push_back(static_cast<char>(start_failed | spinning << 1 |
                                    has_failed_start << 2));
    // Of the roster, what the workers' places do not tell.
    roster.ForEachIdle(
        [&](int64_t id) { key.push_back(static_cast<char>(id)); });
    key.push_back('|');
    roster.ForEach([&](int64_t id) {
      key.push_back(static_cast<char>(id));
      key.push_back(static_cast<char>(roster.IsSearching(id)));
    });
    key.push_back(static_cast<char>(roster.staying()));
    key.push_back(
        static_cast<char>(roster.is_hungry() | roster.has_spare() << 1 |
                          roster.has_active() << 2 | roster.NeedsMore(1) << 3));
    return key;
  }
};

class Explorer {
 public:
  explicit Explorer(Program program) : program_(std::move(program)) {}

  // Empty: nothing was found; or what, and the steps that lead there.
  std::string Explore() {
    State first = {
        .roster = Roster(program_.max_workers, program_.max_stand_ins,
                         program_.max_waking),
        .tasks = std::vector<Stage>(program_.tasks.size()),
        .submitted = std::vector<size_t>(program_.submitters.size()),
        .phases = std::vector<Phase>(program_.submitters.size()),
        .failing_starts = program_.failing_starts};
    for (int i = 0; i < program_.idle_at_first; ++i) {
      const int64_t id = AddWorker(first);
      first.roster.Park(id);
      At(first, id) = {.at = At::kParked, .may_be_searching = false};
    }
    Reach(std::move(first), -1, "the beginning");
    for (size_t i = 0; i < states_.size() && found_.empty(); ++i) {
      const size_t before = edges_.size();
      now_ = static_cast<int>(i);
      Walk(State(*states_[i].state));
      const bool is_end = edges_.size() == before;
      CheckNoneWaitsInVain(*states_[i].state);
      if (is_end) CheckEnd(*states_[i].state);
      states_[i].reaches_end = is_end;
      states_[i].state.reset();  // what is left are the ways
    }
    if (found_.empty()) CheckAllReachTheEnd();
    return found_;
  }

  size_t states() const { return states_.size(); }

 private:
  struct Seen {
    std::unique_ptr<State> state;
    int from;
    std::string step;
    bool reaches_end = false;
  };

  static Worker& At(State& s, int64_t id) {
    return s.workers[static_cast<size_t>(id) - 1];
  }
  static const Worker& At(const State& s, int64_t id) {
    return s.workers[static_cast<size_t>(id) - 1];
  }
  static int64_t AddWorker(State& s) {
    return s.roster.Add([&](int64_t id) {
      s.workers.resize(static_cast<size_t>(id));
      return id;
    });
  }
  static int64_t Waiting(const State& s) {
    return static_cast<int64_t>(s.queue.size());
  }

  // ----------------------------------------------- Parts of the sections

  // ThreadCore::FindWorker(), and what is done with its answer afterwards.
  Roster::Choice FindWorker(State& s) {
    if ((program_.fault == Fault::kStartingCountsBesideIdle ||
         program_.fault == Fault::kFailedStartIsForgotten) &&
        Waiting(s) <= static_cast<int64_t>(s.roster.searching())) {
      return {};
    }
    const auto choice = s.roster.Choose(Waiting(s), [&](int64_t id) {
      s.workers.resize(static_cast<size_t>(id));
      return id;
    });
    s.hungry = s.roster.is_hungry();
    return choice;
  }
  // ThreadCore::UpdateHints() of a worker that holds the lock. Where that
  // raises the flag, what comes after it is a step of its own.
  void UpdateHints(State& s, int64_t id) {
    const bool is_hungry = s.roster.is_hungry();
    if (is_hungry && !s.hungry) {
      s.holder = id;
      s.awaited = 0;
      for (size_t i = 0; i < s.phases.size(); ++i) {
        if (s.phases[i] == Phase::kHasReadNo ||
            s.phases[i] == Phase::kHasReadYes) {
          s.awaited |= 1u << i;
        }
      }
      if (program_.fault == Fault::kRaisesTheFlagWithoutPassing ||
          program_.fault == Fault::kFlagIsReadOutsideOfTheSection) {
        s.awaited = 0;
      }
    }
    s.hungry = is_hungry;
  }
  // Whether that worker can go on, which it does with the lock, and gives it
  // back afterwards.
  static bool EndPass(State& s) {
    if (s.awaited != 0) return false;
    s.holder = 0;
    return true;
  }
  // Threads that are started have a place of their own, kNew, and those that
  // are woken go on from kParked by themselves.
  void FindWorkerAndDispatch(State& s) { FindWorker(s); }

  void EndTask(State& s, Worker& worker) {
    s.tasks[static_cast<size_t>(worker.task)] = Stage::kDone;
    worker.task = -1;
    worker.at = program_.worn_out ? At::kRetire : At::kNext;
  }

  // ------------------------------------------------------------ The steps

  void Walk(const State& s) {
    for (size_t i = 0; i < program_.submitters.size(); ++i) Submit(s, i);
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

  static bool NeedsNoPoolLock(enum At at) {
    return at == At::kTake || at == At::kRun;
  }

  void Submit(State s, size_t submitter) {
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
        const int task =
            program_.submitters[submitter][s.submitted[submitter]++];
        s.tasks[static_cast<size_t>(task)] = Stage::kWaiting;
        s.queue.push_back(task);
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

  void WalkWorker(const State& before, int64_t id) {
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
        if (std::exchange(worker.may_be_searching, false)) {
          s.roster.StopSearching(id);
          if (program_.fault != Fault::kSearchEndsWithoutSuccessor) {
            FindWorkerAndDispatch(s);
          }
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
          Reach(std::move(gone), now_,
                absl::StrCat("worker ", id, " times out"));
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

  void FailStart(State s, int64_t id) {
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

  void EndFailedStart(State s, int64_t id) {
    At(s, id).at = At::kGone;
    if (s.roster.idle() > 0 &&
        program_.fault != Fault::kFailedStartIsForgotten) {
      FindWorkerAndDispatch(s);
    }
    if (s.roster.size() == 0) {  // RejectStranded()
      for (const int task : s.queue) {
        s.tasks[static_cast<size_t>(task)] = Stage::kDone;
      }
      s.queue.clear();
    }
    Reach(std::move(s), now_, absl::StrCat("worker ", id, " gets no thread"));
  }

  void Take(State s, int64_t id) {
    Worker& worker = At(s, id);
    if (s.queue.empty()) {
      worker.at = At::kPark;
      return Reach(std::move(s), now_,
                   absl::StrCat("worker ", id, " finds nothing"));
    }
    worker.task = static_cast<int8_t>(s.queue.front());
    s.queue.pop_front();
    s.tasks[static_cast<size_t>(worker.task)] = Stage::kRunning;
    worker.at = At::kPassOn;
    Reach(std::move(s), now_,
          absl::StrCat("worker ", id, " takes task ", At(s, id).task));
  }

  void Park(State s, int64_t id) {
    Worker& worker = At(s, id);
    if (worker.spun) s.spinning = false;
    if (Waiting(s) > 0 && program_.fault != Fault::kParksWithoutALook) {
      worker.at = At::kTake;
      return Reach(std::move(s), now_,
                   absl::StrCat("worker ", id, " sees a new task"));
    }
    if (s.roster.has_spare()) {
      s.roster.DecideToGo(id);
      worker.at = At::kRetire;
      return Reach(std::move(s), now_,
                   absl::StrCat("worker ", id, " is spare"));
    }
    if (!worker.spun && !s.spinning) {
      worker.spun = s.spinning = true;
      worker.may_be_searching = true;
      s.roster.StartSearching(id);
      worker.at = At::kTake;
      return Reach(std::move(s), now_,
                   absl::StrCat("worker ", id, " looks out"));
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

  void EndPark(State s, int64_t id) {
    Worker& worker = At(s, id);
    if (Waiting(s) > 0 && program_.fault != Fault::kParksWithoutALook) {
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

  void Run(State s, int64_t id) {
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

  void Blocked(State s, int64_t id) {
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

  void Leave(State s, int64_t id, const char* step) {
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

  void Reach(State s, int from, std::string step) {
    const auto [it, is_new] =
        indexes_.emplace(s.Key(), static_cast<int>(states_.size()));
    if (is_new) {
      states_.push_back({.state = std::make_unique<State>(std::move(s)),
                         .from = from,
                         .step = std::move(step)});
    }
    if (from >= 0 && it->second != from) edges_.emplace_back(from, it->second);
  }

  void Report(const std::string& what, int state) {
    if (!found_.empty()) return;
    found_ = what;
    std::vector<std::string> steps;
    for (int i = state; i >= 0; i = states_[static_cast<size_t>(i)].from) {
      steps.push_back(states_[static_cast<size_t>(i)].step);
    }
    for (auto it = steps.rbegin(); it != steps.rend(); ++it) {
      absl::StrAppend(&found_, "\n  ", *it);
    }
  }

  void CheckEnd(const State& s) {
    for (size_t i = 0; i < s.tasks.size(); ++i) {
      if (s.tasks[i] == Stage::kDone) continue;
      Report(absl::StrCat("the end is reached, and task ", i, " is not done"),
             now_);
    }
  }

  void CheckNoneWaitsInVain(const State& s) {
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
    if (s.queue.empty()) return;
    // Another start is tried when something happens, not over and over.
    if (s.roster.idle() > 0) {
      Report("a task waits beside an idle worker", now_);
    } else if (!s.has_failed_start && s.queue.size() > coming &&
               s.roster.is_hungry()) {
      Report(absl::StrCat("a task waits beside room for a worker",
                          has_starting ? ", as others start" : ""),
             now_);
    }
  }

  void CheckAllReachTheEnd() {
    std::vector<std::vector<int>> back(states_.size());
    for (const auto& [from, to] : edges_) {
      back[static_cast<size_t>(to)].push_back(from);
    }
    std::deque<int> todo;
    for (size_t i = 0; i < states_.size(); ++i) {
      if (states_[i].reaches_end) todo.push_back(static_cast<int>(i));
    }
    while (!todo.empty()) {
      for (const int from : back[static_cast<size_t>(todo.front())]) {
        if (std::exchange(states_[static_cast<size_t>(from)].reaches_end,
                          true)) {
          continue;
        }
        todo.push_back(from);
      }
      todo.pop_front();
    }
    for (size_t i = 0; i < states_.size(); ++i) {
      if (states_[i].reaches_end) continue;
      Report("the end can't be reached", static_cast<int>(i));
    }
  }

  const Program program_;
  std::vector<Seen> states_;
  std::unordered_map<std::string, int> indexes_;
  std::vector<std::pair<int, int>> edges_;
  int now_ = -1;
  std::string found_;
};

}  // namespace asyncpal::internal::explorer

#endif  // ASYNCPAL_POOL_INTERNAL_WAKEUP_EXPLORER_H_

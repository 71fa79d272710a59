#ifndef ASYNCPAL_POOL_INTERNAL_WAKEUP_EXPLORER_H_
#define ASYNCPAL_POOL_INTERNAL_WAKEUP_EXPLORER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "asyncpal/pool/internal/state_graph.h"
#include "asyncpal/pool/internal/wakeup_model.h"

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
        .pauses_left = program_.pauses,
        .failing_starts = program_.failing_starts};
    for (int i = 0; i < program_.idle_at_first; ++i) {
      const int64_t id = AddWorker(first);
      first.roster.Park(id);
      At(first, id) = {.at = At::kParked, .may_be_searching = false};
    }
    Reach(std::move(first), -1, "the beginning");
    for (size_t i = 0; i < states_.size() && found_.empty(); ++i) {
      now_ = static_cast<int>(i);
      Walk(State(*states_[i]));
      CheckNoneWaitsInVain(*states_[i]);
      if (graph_.IsEnd(now_)) CheckEnd(*states_[i]);
      states_[i].reset();  // what is left are the ways
    }
    if (!found_.empty()) return found_;
    if (const int endless = graph_.FindEndless(); endless >= 0) {
      Report("the end can't be reached", endless);
    }
    return found_;
  }

  size_t states() const { return graph_.size(); }

 private:
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
  // As ThreadCore::Waiting(): in a paused pool nothing does.
  int64_t Waiting(const State& s) const {
    if (s.pauser == Pauser::kPaused) return 0;
    const size_t urgent =
        program_.fault == Fault::kClassIsForgotten ? 0 : s.urgent.size();
    return static_cast<int64_t>(s.queue.size() + urgent);
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
  bool LooksBeforeParking(const Worker& worker) const {
    return program_.fault != Fault::kParksWithoutALook &&
           !(program_.fault == Fault::kPauseIsReadOutsideOfTheLock &&
             worker.saw_pause);
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
    worker.at = program_.one_task_each ? At::kRetire : At::kNext;
  }

  // ------------------------------------------- The steps, and the checks

  void Walk(const State& s);
  static bool NeedsNoPoolLock(enum At at);
  void Submit(State s, size_t submitter);
  void PauseOrResume(State s);
  void WalkWorker(const State& before, int64_t id);
  void FailStart(State s, int64_t id);
  void EndFailedStart(State s, int64_t id);
  void Take(State s, int64_t id);
  void Park(State s, int64_t id);
  void EndPark(State s, int64_t id);
  void Run(State s, int64_t id);
  void Blocked(State s, int64_t id);
  void Leave(State s, int64_t id, const char* step);
  void Reach(State s, int from, std::string step);
  void Report(const std::string& what, int state);
  void CheckEnd(const State& s);
  void CheckNoneWaitsInVain(const State& s);

  const Program program_;
  StateGraph graph_;
  std::vector<std::unique_ptr<State>> states_;  // by their numbers
  int now_ = -1;
  std::string found_;
};

}  // namespace asyncpal::internal::explorer

#endif  // ASYNCPAL_POOL_INTERNAL_WAKEUP_EXPLORER_H_

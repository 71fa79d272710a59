#ifndef ASYNCPAL_POOL_INTERNAL_WAKEUP_MODEL_H_
#define ASYNCPAL_POOL_INTERNAL_WAKEUP_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "asyncpal/pool/internal/worker_roster.h"

// What wakeup_explorer.h walks: the state of a small pool, and the programs
// that it runs.

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
  kClassIsForgotten,               // by those who look for workers
  kResumeWakesOne,                 // though several tasks wait
  kPauseIsReadOutsideOfTheLock,    // and a worker parks for what it has read
};

// What a task does, besides being over.
struct Task {
  enum Kind : uint8_t { kPlain, kMeets, kWaitsFor } kind = kPlain;
  int8_t other = 0;        // kWaitsFor: the index of that task
  bool is_urgent = false;  // of a class above the others'
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
  bool one_task_each = false;       // each goes after one task
  int pauses = 0;                   // how often somebody pauses and resumes
  size_t max_waking = 100;          // see WorkerRoster
  Fault fault = Fault::kNone;
};

enum class At : uint8_t {
  kNew,        // its thread is about to be started
  kStart,      // in its initializer
  kNext,       // about to see whether it is spare
  kTake,       // about to take a task
  kPassOn,     // has one, and is about to tell that it searches no more
  kSuccessor,  // searches no more, and looks for a successor
  kPark,       // has found none
  kLook,       // is idle, and looks once more at what waits
  kParked,     //
  kRun,        // in a task
  kBlock,      // about to wait for another task
  kStandIn,    // counts as blocked, and looks for a stand-in
  kBlocked,    // asleep in that wait
  kRetire,     // about to leave
  kLeave,      // makes room, and looks whether it is needed
  kReplace,    // waits for its replacement's start
  kFailed,     // was forgotten, as it got no thread
  kGone,       //
};

// Where a submission is. A submitter reads the flag in the section in which it
// pushes its task, in whatever order the processor makes of that: the worst is
// that it reads first.
enum class Phase : uint8_t { kOutside, kHasReadNo, kHasReadYes, kLooks };

// Where the one is that pauses the pool: with no pause, in one, or after it and
// on the way to find workers for what waits.
enum class Pauser : uint8_t { kOutside, kPaused, kLooks };

struct Worker {
  At at = At::kNew;
  int8_t task = -1;
  int8_t replacement = 0;
  bool may_be_searching = true;
  bool spun = false;
  bool saw_pause = false;  // when it last looked for a task
};

enum class Stage : uint8_t { kUnborn, kWaiting, kRunning, kDone };

struct State {
  Roster roster;
  std::deque<int> queue = {};
  std::deque<int> urgent = {};  // what comes before that
  std::vector<Stage> tasks;
  std::vector<size_t> submitted;     // how many, of each submitter
  std::vector<Phase> phases;         // of each submitter
  std::vector<Worker> workers = {};  // that with the id n at n - 1
  int pauses_left = 0;
  Pauser pauser = Pauser::kOutside;
  int failing_starts = 0;
  bool start_failed = false;      // as in ThreadCore
  bool has_failed_start = false;  // ever
  bool spinning = false;
  bool hungry = true;  // the flag
  // The id of the worker that holds the pool's lock between two steps, or 0. It
  // has raised the flag, and waits for those that are in their sections.
  int64_t holder = 0;
  unsigned awaited = 0;  // bits of those submitters

  std::string Key() const {
    std::string key;
    for (const int task : queue) key.push_back(static_cast<char>(task));
    key.push_back('|');
    for (const int task : urgent) key.push_back(static_cast<char>(task));
    key.push_back('|');
    key.push_back(
        static_cast<char>(pauses_left << 2 | static_cast<int>(pauser)));
    for (const Stage stage : tasks) key.push_back(static_cast<char>(stage));
    for (const size_t n : submitted) key.push_back(static_cast<char>(n));
    for (const Phase phase : phases) key.push_back(static_cast<char>(phase));
    key.push_back(static_cast<char>(holder));
    key.push_back(static_cast<char>(awaited << 1 | hungry));
    for (const Worker& w : workers) {
      key.push_back(static_cast<char>(w.at));
      key.push_back(static_cast<char>(w.task));
      key.push_back(static_cast<char>(w.replacement));
      key.push_back(static_cast<char>(w.may_be_searching | w.spun << 1 |
                                      w.saw_pause << 2));
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

}  // namespace asyncpal::internal::explorer

#endif  // ASYNCPAL_POOL_INTERNAL_WAKEUP_MODEL_H_

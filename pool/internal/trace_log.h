#ifndef ASYNCPAL_POOL_INTERNAL_TRACE_LOG_H_
#define ASYNCPAL_POOL_INTERNAL_TRACE_LOG_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace asyncpal::internal {

// What a trace calls a task.
struct TracedTask {
  uint64_t pool = 0;  // a number of the pool's, unique in the process
  uint64_t id = 0;    // unique in the pool
  std::string_view pool_name = {};
  std::string_view name = {};  // may be empty
};

// A row of the trace: a thread of this process, or a process of its own.
struct TraceLane {
  int64_t pid = 0;
  int64_t tid = 0;
  std::string_view name = {};
  // What the process is called, if it is not this one.
  std::string_view process_name = {};
};

// The events of a trace, as text in the JSON array format of Chrome's tracing.
// A plain value: times come from outside.
//
//   TraceLog log(getpid(), "server");
//   log.OnSubmit(task, here, now);
//   log.OnStart(task, worker, thread, /*attempt=*/1, now);
//   log.OnOutcome(task, "completed");
//   log.OnRunEnd(task, now);
//   log.Finish(now);
//   file.Write(log.TakeText());
//
// Slices of a lane nest, whatever the pools do: those of a second thread that
// works for the same worker at the same time go to a lane beside it.
//
// Threads: none of its own; a lock guards it as a whole.
// Lifetime: none.
// Ordering: the text has events in the order of the calls; `now` is in
// nanoseconds since the trace began, and never smaller than in the call before.
// Errors: lets out std::bad_alloc. Shutdown: nothing after Finish().
class TraceLog {
 public:
  TraceLog(int64_t pid, std::string_view program);

  void OnSubmit(const TracedTask& task, const TraceLane& from, int64_t now);
  // A run begins there; `thread` tells apart those that have runs on one lane.
  void OnStart(const TracedTask& task, const TraceLane& on, int64_t thread,
               int attempt, int64_t now);
  // The run goes on as another one: the worker has died of it.
  void OnNextAttempt(const TracedTask& task, const TraceLane& on,
                     int64_t thread, int attempt, int64_t now);
  // What has become of the task, "completed" or the like; the first call
  // counts. It may run on.
  void OnOutcome(const TracedTask& task, std::string_view outcome, int64_t now);
  void OnRunEnd(const TracedTask& task, int64_t now);
  // Something that has happened to a worker.
  void OnWorker(const TraceLane& lane, std::string_view what,
                std::string_view why, int64_t now);
  // Ends what waits and what runs, and the array.
  void Finish(int64_t now);

  size_t size() const { return text_.size(); }
  // What has come since the last call.
  std::string TakeText() { return std::exchange(text_, {}); }

 private:
  using TaskKey = std::pair<uint64_t, uint64_t>;
  using LaneKey = std::pair<int64_t, int64_t>;

  struct Task {
    uint64_t number = 0;  // of its flow
    bool was_submitted = false;
    bool waits = false;
    bool runs = false;
    LaneKey lane = {};   // where it runs
    uint64_t begun = 0;  // of the slices of all lanes, which one that is
    std::string name;    // of the slice
    std::string pool_name;
    std::string outcome;  // empty: not known yet
  };
  struct Lane {
    std::string name;
    std::vector<int64_t> open;  // the threads of its open slices
  };

  Task& Find(const TracedTask& task);
  void EndWait(const Task& task, std::string_view outcome, int64_t now);
  void BeginSlice(Task& record, const TracedTask& task, const TraceLane& on,
                  int64_t thread, int attempt, int64_t now);
  void EndSlice(Task& record, std::string_view outcome, int64_t now);
  LaneKey Place(const TraceLane& on, int64_t thread);
  void Name(const TraceLane& lane);
  // The beginning of an event, up to its own fields.
  void Begin(char phase, const LaneKey& lane, int64_t now);
  void AppendString(const char* key, std::string_view value);
  void AppendMetadata(const char* what, const LaneKey& lane,
                      std::string_view name);

  const int64_t pid_;
  std::string text_;
  bool is_first_ = true;
  uint64_t last_number_ = 0;
  uint64_t last_begun_ = 0;
  int64_t next_beside_ = int64_t{1} << 31;  // no thread has such an id
  std::map<TaskKey, Task> tasks_;
  std::map<LaneKey, Lane> lanes_;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_TRACE_LOG_H_

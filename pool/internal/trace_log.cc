#include "asyncpal/pool/internal/trace_log.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "asyncpal/ipc/errors/utf8.h"

namespace asyncpal::internal {
namespace {

constexpr size_t kMaxNameBytes = 512;
// So much of a thread's name the operating system keeps.
constexpr size_t kMaxThreadNameBytes = 15;

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : ToUtf8(text, kMaxNameBytes)) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppendFormat(&quoted, "\\u%04x", c);
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

}  // namespace

TraceLog::TraceLog(int64_t pid, std::string_view program)
    : pid_(pid), text_("[") {
  AppendMetadata("process_name", {pid, 0}, program);
}

void TraceLog::OnSubmit(const TracedTask& task, const TraceLane& from,
                        int64_t now) {
  Name(from);
  Task& record = tasks_[{task.pool, task.id}];
  record.number = ++last_number_;
  record.pool_name = task.pool_name;
  record.was_submitted = record.waits = true;
  const LaneKey lane = {from.pid, from.tid};
  // What the flow starts in.
  Begin('X', lane, now);
  absl::StrAppend(&text_, ",\"dur\":0.001,\"cat\":\"submit\"");
  AppendString("name", "submit");
  absl::StrAppend(&text_, ",\"args\":{\"id\":", task.id);
  AppendString("task", task.name);
  AppendString("pool", task.pool_name);
  absl::StrAppend(&text_, "}}");
  Begin('s', lane, now);
  absl::StrAppend(&text_, ",\"id\":", record.number,
                  ",\"cat\":\"submit\",\"name\":\"submit\"}");
  Begin('b', {pid_, 0}, now);
  absl::StrAppend(&text_, ",\"id\":\"0x", absl::Hex(record.number),
                  "\",\"cat\":\"wait\"");
  AppendString("name", std::string(task.pool_name) + ": waiting");
  absl::StrAppend(&text_, ",\"args\":{\"id\":", task.id);
  AppendString("task", task.name);
  absl::StrAppend(&text_, "}}");
}

void TraceLog::OnStart(const TracedTask& task, const TraceLane& on,
                       int64_t thread, int attempt, int64_t now) {
  Task& record = Find(task);
  if (record.runs) return;
  if (record.waits) EndWait(record, "started", now);
  record.waits = false;
  BeginSlice(record, task, on, thread, attempt, now);
  if (!record.was_submitted) return;
  Begin('f', record.lane, now);
  absl::StrAppend(&text_, ",\"id\":", record.number,
                  ",\"bp\":\"e\",\"cat\":\"submit\",\"name\":\"submit\"}");
}

void TraceLog::OnNextAttempt(const TracedTask& task, const TraceLane& on,
                             int64_t thread, int attempt, int64_t now) {
  Task& record = Find(task);
  if (record.runs) EndSlice(record, "lost", now);
  BeginSlice(record, task, on, thread, attempt, now);
}

void TraceLog::OnOutcome(const TracedTask& task, std::string_view outcome,
                         int64_t now) {
  const auto found = tasks_.find({task.pool, task.id});
  if (found == tasks_.end()) return;
  Task& record = found->second;
  if (record.waits) EndWait(record, outcome, now);
  record.waits = false;
  if (record.outcome.empty()) record.outcome = outcome;
  if (!record.runs) tasks_.erase(found);
}

void TraceLog::OnRunEnd(const TracedTask& task, int64_t now) {
  const auto found = tasks_.find({task.pool, task.id});
  if (found == tasks_.end()) return;
  Task& record = found->second;
  if (record.runs) EndSlice(record, record.outcome, now);
  tasks_.erase(found);
}

void TraceLog::OnWorker(const TraceLane& lane, std::string_view what,
                        std::string_view why, int64_t now) {
  Name(lane);
  Begin('i', {lane.pid, lane.tid}, now);
  absl::StrAppend(&text_, ",\"s\":\"t\",\"cat\":\"worker\"");
  AppendString("name", what);
  absl::StrAppend(&text_, ",\"args\":{\"worker\":", Quoted(lane.name));
  if (!why.empty()) AppendString("why", why);
  absl::StrAppend(&text_, "}}");
}

void TraceLog::Finish(int64_t now) {
  std::vector<Task*> running;
  for (auto& [key, task] : tasks_) {
    if (task.waits) EndWait(task, "pending", now);
    if (task.runs) running.push_back(&task);
  }
  // Inner slices began later, and end first.
  std::sort(running.begin(), running.end(),
            [](const Task* a, const Task* b) { return a->begun > b->begun; });
  for (Task* const task : running) {
    EndSlice(*task, task->outcome.empty() ? "running" : task->outcome, now);
  }
  tasks_.clear();
  absl::StrAppend(&text_, "\n]\n");
}

TraceLog::Task& TraceLog::Find(const TracedTask& task) {
  Task& record = tasks_[{task.pool, task.id}];
  if (record.number == 0) {
    record.number = ++last_number_;
    record.pool_name = task.pool_name;
  }
  return record;
}

void TraceLog::EndWait(const Task& task, std::string_view outcome,
                       int64_t now) {
  Begin('e', {pid_, 0}, now);
  absl::StrAppend(&text_, ",\"id\":\"0x", absl::Hex(task.number),
                  "\",\"cat\":\"wait\"");
  AppendString("name", std::string(task.pool_name) + ": waiting");
  absl::StrAppend(&text_, ",\"args\":{\"then\":", Quoted(outcome), "}}");
}

void TraceLog::BeginSlice(Task& record, const TracedTask& task,
                          const TraceLane& on, int64_t thread, int attempt,
                          int64_t now) {
  record.runs = true;
  record.lane = Place(on, thread);
  record.begun = ++last_begun_;
  record.name = task.name.empty() ? absl::StrCat("task ", task.id)
                                  : std::string(task.name);
  Begin('B', record.lane, now);
  absl::StrAppend(&text_, ",\"cat\":\"task\"");
  AppendString("name", record.name);
  absl::StrAppend(&text_, ",\"args\":{\"id\":", task.id,
                  ",\"attempt\":", attempt);
  AppendString("pool", task.pool_name);
  absl::StrAppend(&text_, "}}");
}

void TraceLog::EndSlice(Task& record, std::string_view outcome, int64_t now) {
  record.runs = false;
  lanes_[record.lane].open.pop_back();
  Begin('E', record.lane, now);
  AppendString("name", record.name);  // speedscope needs it
  absl::StrAppend(&text_, ",\"args\":{\"outcome\":",
                  Quoted(outcome.empty() ? "unknown" : outcome), "}}");
}

TraceLog::LaneKey TraceLog::Place(const TraceLane& on, int64_t thread) {
  Name(on);
  const LaneKey key = {on.pid, on.tid};
  std::vector<int64_t>& open = lanes_[key].open;
  if (open.empty() || open.back() == thread) {
    open.push_back(thread);
    return key;
  }
  const LaneKey beside = {on.pid, next_beside_++};
  AppendMetadata("thread_name", beside, std::string(on.name) + " (beside)");
  lanes_[beside].open.push_back(thread);
  return beside;
}

void TraceLog::Name(const TraceLane& lane) {
  Lane& known = lanes_[{lane.pid, lane.tid}];
  if (known.name == lane.name) return;
  // A worker's name, as the operating system has it.
  if (lane.name.size() == kMaxThreadNameBytes &&
      std::string_view(known.name).starts_with(lane.name)) {
    return;
  }
  const bool is_new = known.name.empty();
  known.name = lane.name;
  if (is_new && !lane.process_name.empty()) {
    AppendMetadata("process_name", {lane.pid, lane.tid}, lane.process_name);
  }
  AppendMetadata("thread_name", {lane.pid, lane.tid}, lane.name);
}

void TraceLog::Begin(char phase, const LaneKey& lane, int64_t now) {
  absl::StrAppend(&text_, std::exchange(is_first_, false) ? "\n" : ",\n",
                  "{\"ph\":\"", std::string(1, phase),
                  "\",\"pid\":", lane.first, ",\"tid\":", lane.second);
  if (phase == 'M') return;
  // Microseconds.
  absl::StrAppendFormat(&text_, ",\"ts\":%d.%03d", now / 1000, now % 1000);
}

void TraceLog::AppendString(const char* key, std::string_view value) {
  absl::StrAppend(&text_, ",\"", key, "\":", Quoted(value));
}

void TraceLog::AppendMetadata(const char* what, const LaneKey& lane,
                              std::string_view name) {
  Begin('M', lane, 0);
  AppendString("name", what);
  absl::StrAppend(&text_, ",\"args\":{\"name\":", Quoted(name), "}}");
}

}  // namespace asyncpal::internal

#include "asyncpal/pool/internal/tracer.h"

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/clock.h"
#include "asyncpal/future/internal/mutex.h"
#include "asyncpal/future/log.h"
#include "asyncpal/pool/internal/fork_generation.h"
#include "asyncpal/pool/internal/trace_file.h"

namespace asyncpal::internal {
namespace {

constexpr char kVariable[] = "ASYNCPAL_TRACE";
// Of a process that is to become a worker, see worker_protocol.h: it would
// overwrite its parent's file.
constexpr char kWorkerVariable[] = "ASYNCPAL_WORKER";

// So much is written at once.
constexpr size_t kBufferBytes = 256 * 1024;
// If the disk can't keep up, those who have something to tell wait for it.
constexpr size_t kMaxBufferBytes = 64 * 1024 * 1024;

// Not cached: a child of fork() has others.
TraceLane ThisThread(std::string& name) {
  char text[32] = {};
  pthread_getname_np(pthread_self(), text, sizeof(text));
  name = text;
  return {.pid = getpid(), .tid = gettid(), .name = name};
}

TraceLane LaneOf(const TracedWorker& worker, std::string& process_name) {
  if (worker.id == 0) {
    return {.pid = getpid(), .tid = gettid(), .name = worker.name};
  }
  if (!worker.is_process) {
    return {.pid = getpid(), .tid = worker.id, .name = worker.name};
  }
  process_name = absl::StrCat(std::string(worker.name), " of pool '",
                              std::string(worker.pool_name), "'");
  return {.pid = worker.id,
          .tid = worker.id,
          .name = worker.name,
          .process_name = process_name};
}

std::string_view NameOf(FutureState outcome) {
  switch (outcome) {
    case FutureState::kCompleted:
      return "completed";
    case FutureState::kFailed:
      return "failed";
    case FutureState::kCancelled:
      return "cancelled";
    default:
      return "unknown";
  }
}

void LogEnd(const std::string& path, const char* what,
            const std::error_code& error, bool has_sink = true) {
  try {
    const std::string text =
        absl::StrCat("the trace in '", path, "' ", what, ": ", error.message());
    if (has_sink) {
      Log(LogSeverity::kError, text);
    } else {
      std::fprintf(stderr, "asyncpal: %s\n", text.c_str());
    }
  } catch (const std::bad_alloc&) {
    // Nobody hears of it.
  }
}

std::string ProgramName() { return program_invocation_short_name; }

}  // namespace

struct Tracer::State {
  static State& Get() {
    static auto* const state = new State;  // others trace until the very end
    return *state;
  }

  void Start(const std::string& path);
  void Stop(bool at_exit = false);
  // Calls `tell` with the log and the time in it, if there is a trace.
  template <typename Tell>
  void Add(Tell&& tell) noexcept;
  // Writes what there is, with the lock given back meanwhile. What went wrong,
  // or nothing.
  std::error_code Flush() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
  bool InForkedChild() const { return generation.load() != ForkGeneration(); }

  std::atomic<int64_t> generation{-1};  // of the process that traces
  std::atomic<bool> host_has_sink{false};
  Mutex mu;
  CondVar changed;
  bool is_starting ABSL_GUARDED_BY(mu) = false;
  bool is_writing ABSL_GUARDED_BY(mu) = false;
  int64_t began ABSL_GUARDED_BY(mu) = 0;  // a NowNanos()
  std::unique_ptr<TraceFile> file ABSL_GUARDED_BY(mu);
  std::unique_ptr<TraceLog> log ABSL_GUARDED_BY(mu);  // null: no trace
};

void Tracer::State::Start(const std::string& path) {
  if (generation.load() != -1 && InForkedChild()) {
    throw InvalidStateError(
        "Trace::Start: this process was forked from one that had a trace");
  }
  {
    MutexLock lock(mu);
    const bool is_free = log == nullptr && !is_starting && !is_writing;
    if (is_free) is_starting = true;
    lock.Unlock();
    if (!is_free) {
      throw InvalidStateError(
          "Trace::Start: there is a trace already; stop it before the next");
    }
  }
  struct Started {
    State& state;
    ~Started() {
      MutexLock lock(state.mu);
      state.is_starting = false;
    }
  } started{*this};
  auto new_file = std::make_unique<TraceFile>(path);
  auto new_log = std::make_unique<TraceLog>(getpid(), ProgramName());
  static const bool at_exit =
      std::atexit([] { Get().Stop(/*at_exit=*/true); }) == 0;
  static_cast<void>(at_exit);
  generation.store(ForkGeneration());
  {
    MutexLock lock(mu);
    file = std::move(new_file);
    log = std::move(new_log);
    began = NowNanos();
  }
  SubmissionWatch::Begin(SubmissionWatch::kTrace);
}

void Tracer::State::Stop(bool at_exit) {
  if (InForkedChild()) return;
  SubmissionWatch::End(SubmissionWatch::kTrace);
  std::error_code error;
  std::string path;
  {
    MutexLock lock(mu);
    if (log == nullptr) return;
    while (is_writing) changed.Wait(mu);
    if (log == nullptr) return;
    log->Finish(NowNanos() - began);
    const std::unique_ptr<TraceLog> last = std::move(log);
    const std::unique_ptr<TraceFile> to = std::move(file);
    is_writing = true;
    lock.Unlock();
    error = to->Write(last->TakeText());
    path = to->path();
    lock.Lock();
    is_writing = false;
    changed.NotifyAll();
  }
  if (!error) return;
  LogEnd(path, "is not complete", error,
         /*has_sink=*/!at_exit || !host_has_sink.load());
}

template <typename Tell>
void Tracer::State::Add(Tell&& tell) noexcept {
  if (InForkedChild()) return;
  std::error_code error;
  std::unique_ptr<TraceFile> last;
  std::unique_ptr<TraceLog> rest;
  try {
    MutexLock lock(mu);
    if (log == nullptr) return;
    tell(*log, NowNanos() - began);
    if (log->size() < kBufferBytes) return;
    while (is_writing && log != nullptr && log->size() > kMaxBufferBytes) {
      changed.Wait(mu);
    }
    if (is_writing || log == nullptr) return;
    error = Flush();
    if (!error) return;
    last = std::move(file);
    rest = std::move(log);
  } catch (const std::bad_alloc&) {
    return;  // the trace lacks that
  }
  SubmissionWatch::End(SubmissionWatch::kTrace);
  LogEnd(last->path(), "ends early", error);
}

std::error_code Tracer::State::Flush() {
  const std::string text = log->TakeText();
  TraceFile& to = *file;
  is_writing = true;
  mu.Unlock();
  const std::error_code error = to.Write(text);
  mu.Lock();
  is_writing = false;
  changed.NotifyAll();
  return error;
}

// --------------------------------------------------------------- Interface

void Tracer::Start(const std::string& path) { State::Get().Start(path); }

void Tracer::Stop() { State::Get().Stop(); }

void Tracer::StartIfAsked() {
  static const bool done = [] {
    const char* const path = std::getenv(kVariable);
    if (path == nullptr || *path == '\0' ||
        std::getenv(kWorkerVariable) != nullptr) {
      return true;
    }
    try {
      Start(path);
    } catch (const std::exception&) {
      LogFailure(kVariable, std::current_exception());
    }
    return true;
  }();
  static_cast<void>(done);
}

void Tracer::LeaveSinkToHost() { State::Get().host_has_sink.store(true); }

uint64_t Tracer::NewPool() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}

void Tracer::OnSubmit(const TracedTask& task) noexcept {
  State::Get().Add([&](TraceLog& log, int64_t now) {
    std::string name;
    log.OnSubmit(task, ThisThread(name), now);
  });
}

void Tracer::OnStart(const TracedTask& task, const TracedWorker* worker,
                     int attempt) noexcept {
  State::Get().Add([&](TraceLog& log, int64_t now) {
    std::string name;
    log.OnStart(task,
                worker == nullptr ? ThisThread(name) : LaneOf(*worker, name),
                gettid(), attempt, now);
  });
}

void Tracer::OnNextAttempt(const TracedTask& task, const TracedWorker& worker,
                           int attempt) noexcept {
  State::Get().Add([&](TraceLog& log, int64_t now) {
    std::string name;
    log.OnNextAttempt(task, LaneOf(worker, name), gettid(), attempt, now);
  });
}

void Tracer::OnOutcome(const TracedTask& task, FutureState outcome,
                       bool lost) noexcept {
  State::Get().Add([&](TraceLog& log, int64_t now) {
    log.OnOutcome(task, lost ? "lost" : NameOf(outcome), now);
  });
}

void Tracer::OnRunEnd(const TracedTask& task) noexcept {
  State::Get().Add(
      [&](TraceLog& log, int64_t now) { log.OnRunEnd(task, now); });
}

void Tracer::OnWorkerStarted(const TracedWorker& worker) noexcept {
  State::Get().Add([&](TraceLog& log, int64_t now) {
    std::string name;
    log.OnWorker(LaneOf(worker, name), "worker started", "", now);
  });
}

void Tracer::OnWorkerEnded(const TracedWorker& worker,
                           std::string_view why) noexcept {
  State::Get().Add([&](TraceLog& log, int64_t now) {
    std::string name;
    log.OnWorker(LaneOf(worker, name), "worker ended", why, now);
  });
}

}  // namespace asyncpal::internal

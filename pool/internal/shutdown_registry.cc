#include "asyncpal/pool/internal/shutdown_registry.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <exception>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "asyncpal/future/countdown.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/execution_context.h"
#include "asyncpal/future/internal/trampoline.h"
#include "asyncpal/future/log.h"

// How it works. When main() returns or the program calls exit(), main_hook.cc
// and exit_hook.cc run the handlers before any static object goes. An exit()
// inside a shared library comes here by atexit, and an exception that leaves
// main() by the terminate handler, while main()'s frames still stand: those two
// are installed with the first look at the process's registry.

namespace asyncpal::internal {
namespace {

std::terminate_handler previous_terminate_handler = nullptr;

std::atomic<bool> end_is_left_to_host{false};

void RunBeforeTerminating() {
  // An exception that leaves another thread is a crash, not an end.
  const bool on_main_thread = gettid() == getpid();
  if (on_main_thread && std::current_exception() != nullptr) {
    ShutdownRegistry::Global().Run();
  }
  if (previous_terminate_handler != nullptr) previous_terminate_handler();
  std::abort();
}

// A handler gets this much less than the deadline, to tell what hangs: on a
// busy machine that takes a while.
absl::Duration ReportMargin(absl::Duration deadline) {
  return std::min(deadline / 4, absl::Seconds(1));
}

// The handlers that are still at work, shared with their threads: a handler
// that hangs outlives Run().
struct Pending {
  Mutex mu;
  CondVar changed;
  int count ABSL_GUARDED_BY(mu) = 0;
};

}  // namespace

ShutdownRegistry& ShutdownRegistry::Global() {
  static auto* const registry = [] {
    if (!end_is_left_to_host.load()) {
      std::atexit([] { Global().Run(); });
      previous_terminate_handler = std::set_terminate(&RunBeforeTerminating);
    }
    // A child must not find the lock held by a thread that it does not have.
    pthread_atfork([] { Global().LockForFork(); },
                   [] { Global().UnlockAfterFork(); },
                   [] { Global().UnlockInForkedChild(); });
    return new ShutdownRegistry;
  }();
  return *registry;
}

void ShutdownRegistry::LeaveEndToHost() { end_is_left_to_host.store(true); }

ShutdownRegistry::HandlerId ShutdownRegistry::Register(Handler handler) {
  MutexLock lock(mu_);
  const HandlerId id = next_id_++;
  if (phase_ == Phase::kOpen) {
    handlers_.emplace(id, std::move(handler));
    return id;
  }
  const absl::Duration limit = deadline_;
  lock.Unlock();
  RunOne(handler, limit);
  return id;
}

bool ShutdownRegistry::Deregister(HandlerId id) {
  Handler dropped;  // destroyed after the lock is given back
  MutexLock lock(mu_);
  const auto found = handlers_.find(id);
  if (found == handlers_.end()) return false;
  dropped = std::move(found->second);
  handlers_.erase(found);
  return true;
}

int ShutdownRegistry::CountHandlers() const {
  MutexLock lock(mu_);
  return static_cast<int>(handlers_.size());
}

bool ShutdownRegistry::IsActive() const {
  MutexLock lock(mu_);
  return phase_ != Phase::kOpen;
}

void ShutdownRegistry::SetDeadline(absl::Duration deadline) {
  MutexLock lock(mu_);
  deadline_ = deadline;
}

void ShutdownRegistry::SetMode(ExitMode mode) {
  MutexLock lock(mu_);
  mode_ = mode;
}

ExitMode ShutdownRegistry::mode() const {
  MutexLock lock(mu_);
  return mode_;
}

void ShutdownRegistry::Run() {
  // Tasks may wait for what this thread has put off.
  Trampoline::RunPutOff();
  // exit() was called inside a task, which won't come back to its pool: neither
  // this run nor another thread's is to wait for it.
  if (auto* context = ExecutionContext::Current()) context->LeaveForExit();

  std::map<HandlerId, Handler> handlers;
  absl::Duration deadline;
  {
    MutexLock lock(mu_);
    deadline = deadline_;
    if (phase_ != Phase::kOpen) {
      // Another thread's run is bounded by the deadline, so this wait is too;
      // a handler that gets here itself waits in vain for no longer.
      const Countdown countdown(deadline);
      while (phase_ == Phase::kRunning &&
             countdown.Remaining() > absl::ZeroDuration()) {
        over_.WaitFor(mu_, countdown.Remaining());
      }
      return;
    }
    phase_ = Phase::kRunning;
    handlers.swap(handlers_);
  }

  const Countdown countdown(deadline);
  const absl::Duration limit = deadline - ReportMargin(deadline);
  const auto pending = std::make_shared<Pending>();
  for (auto& [id, handler] : handlers) {
    auto shared = std::make_shared<Handler>(std::move(handler));
    {
      MutexLock lock(pending->mu);
      ++pending->count;
    }
    auto run = [shared = std::move(shared), limit, pending]() mutable {
      RunOne(*shared, limit);
      shared.reset();  // before Run() may return
      MutexLock lock(pending->mu);
      --pending->count;
      pending->changed.NotifyAll();
    };
    try {
      std::thread(run).detach();  // a copy: run is needed if this throws
    } catch (const std::system_error&) {
      run();
    }
  }

  int left_behind;
  {
    MutexLock lock(pending->mu);
    while (pending->count > 0 && countdown.Remaining() > absl::ZeroDuration()) {
      pending->changed.WaitFor(pending->mu, countdown.Remaining());
    }
    left_behind = pending->count;
  }
  if (left_behind > 0) {
    Log(LogSeverity::kWarning,
        absl::StrCat(left_behind, " shutdown handler(s) did not return in ",
                     absl::FormatDuration(deadline), " and were left behind"));
  }
  MutexLock lock(mu_);
  phase_ = Phase::kOver;
  over_.NotifyAll();
}

void ShutdownRegistry::LockForFork() { mu_.Lock(); }

void ShutdownRegistry::UnlockAfterFork() { mu_.Unlock(); }

void ShutdownRegistry::UnlockInForkedChild() {
  // The thread that runs the handlers is the parent's.
  if (phase_ == Phase::kRunning) phase_ = Phase::kOver;
  mu_.Unlock();
}

void ShutdownRegistry::RunOne(Handler& handler, absl::Duration limit) {
  try {
    handler(limit);
  } catch (...) {
    LogFailure("a shutdown handler threw", std::current_exception());
  }
}

}  // namespace asyncpal::internal

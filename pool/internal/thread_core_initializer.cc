#include <exception>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "asyncpal/future/countdown.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/clock.h"
#include "asyncpal/future/log.h"
#include "asyncpal/pool/internal/initializer.h"
#include "asyncpal/pool/internal/thread_core.h"

// What runs before a worker's first task and after its last.
//
// How it works. A thread can't be ended from outside. An initializer that takes
// longer than initializer_timeout breaks the pool, and its worker is forgotten
// with its thread, so that nobody waits for it: not a shutdown, nor the end of
// the process. When it returns after all, the thread ends without a finalizer.
// What of the two comes first is decided under mu_.

namespace asyncpal::internal {
namespace {

std::exception_ptr TookTooLong(const PoolLog& log, const std::string& pool,
                               const std::string& worker,
                               absl::Duration limit) {
  const std::string why =
      absl::StrCat("the initializer in ", worker, " has not ended within ",
                   absl::FormatDuration(limit), ", its initializer_timeout");
  log.Write(LogSeverity::kWarning,
            absl::StrCat(pool, ": ", why, "; its thread is left behind"));
  return NestException(InitializerError(absl::StrCat(pool, ": ", why)),
                       std::make_exception_ptr(TimeoutError(why)));
}

// Ends a timer at the end of a scope, also where that is left by
// pthread_exit().
struct ScopedTimer {
  TimerQueue* queue = nullptr;
  TimerQueue::TimerId id = 0;

  ~ScopedTimer() {
    if (id != 0) queue->Cancel(id);
  }
};

// What Test() and its thread tell each other.
struct Trial {
  Mutex mu;
  CondVar changed;
  bool has_begun ABSL_GUARDED_BY(mu) = false;  // the initializer is over
  bool is_left ABSL_GUARDED_BY(mu) = false;
  std::exception_ptr error ABSL_GUARDED_BY(mu);

  // False: nobody waits any more.
  bool SetBegun() {
    MutexLock lock(mu);
    has_begun = true;
    changed.NotifyAll();
    return !is_left;
  }
  // False: it has taken too long, and is left.
  bool WaitUntilBegun(absl::Duration limit) {
    const Countdown countdown(limit);
    MutexLock lock(mu);
    while (!has_begun) {
      const absl::Duration left = countdown.Remaining();
      if (left == absl::ZeroDuration()) {
        is_left = true;
        return false;
      }
      changed.WaitFor(mu, left);
    }
    return true;
  }
};

}  // namespace

std::exception_ptr ThreadCore::RunInitializer() {
  return internal::RunInitializer<InitializerError>(options_.initializer,
                                                    Label());
}

std::exception_ptr ThreadCore::RunFinalizer() {
  return internal::RunInitializer<FinalizerError>(options_.finalizer, Label());
}

bool ThreadCore::BeginWork(ThreadWorker& worker) {
  const absl::Duration limit = options_.initializer_timeout;
  ScopedTimer timer;
  if (limit != absl::InfiniteDuration() && options_.initializer != nullptr) {
    {
      MutexLock lock(mu_);
      worker.may_be_left = true;
    }
    try {
      timer.queue = &limits_.Timers();
      timer.id = timer.queue->Schedule(
          limit, [weak = weak_from_this(), left = worker.shared_from_this()] {
            if (const auto core = weak.lock()) core->LeaveInInitializer(*left);
          });
    } catch (const std::exception&) {
      Break(NestException(
          InitializerError(absl::StrCat(
              Label(),
              ": the initializer was not run: its initializer_timeout "
              "can't be kept")),
          std::current_exception()));
      return false;
    }
  }
  std::exception_ptr error = worker.Begin();
  {
    MutexLock lock(mu_);
    if (!roster_.Contains(worker.id)) return false;  // it has been left
    worker.may_be_left = false;
    roster_.EndStart(worker.id);
    if (error == nullptr && runs_tasks_here()) ++counts_.workers_started;
  }
  if (error == nullptr) {
    worker.is_ready = true;
    if (runs_tasks_here()) worker.ready_since.store(NowNanos());
    if (runs_tasks_here()) ReportWorkerStarted(worker);
    return true;
  }
  Break(std::move(error));
  return false;
}

void ThreadCore::LeaveInInitializer(ThreadWorker& worker) {
  worker.thread_is_set.wait(false);
  {
    MutexLock lock(mu_);
    if (!worker.may_be_left || !roster_.Contains(worker.id)) return;
    ForgetWithThread(worker);
  }
  Break(TookTooLong(log_, Label(), worker.name, options_.initializer_timeout));
  RunQuietHandlers();
}

void ThreadCore::Test() {
  const std::string label = Label() + ": Test()";
  const auto trial = std::make_shared<Trial>();
  const auto run = [self = shared_from_this(), trial, label] {
    struct Begun {  // also where it calls pthread_exit()
      Trial& trial;
      ~Begun() { trial.SetBegun(); }
    } begun{*trial};
    std::exception_ptr error = internal::RunInitializer<InitializerError>(
        self->options_.initializer, label);
    if (error == nullptr && trial->SetBegun()) {
      error = internal::RunInitializer<FinalizerError>(self->options_.finalizer,
                                                       label);
    }
    MutexLock lock(trial->mu);
    trial->error = error;
  };
  NativeThread thread;
  try {
    thread = NativeThread(options_.stack_size, run);
  } catch (const std::system_error&) {
    std::rethrow_exception(NestException(
        RejectedError(absl::StrCat(label, " could not start a thread")),
        std::current_exception()));
  }
  if (!trial->WaitUntilBegun(options_.initializer_timeout)) {
    thread.Detach();
    std::rethrow_exception(
        TookTooLong(log_, label, "its thread", options_.initializer_timeout));
  }
  thread.Join();
  std::exception_ptr error;
  {
    MutexLock lock(trial->mu);
    error = trial->error;
  }
  if (error != nullptr) std::rethrow_exception(error);
}

}  // namespace asyncpal::internal

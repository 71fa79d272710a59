#include <cstdint>
#include <new>
#include <optional>

#include "absl/time/time.h"
#include "asyncpal/future/internal/clock.h"
#include "asyncpal/future/internal/tick_rate.h"
#include "asyncpal/pool/internal/ambient_trace.h"
#include "asyncpal/pool/internal/thread_core.h"

// Posted calls of observed pools.
//
// How it works. As in other pools, a call lies in the queue as it is. The slot
// before it, which else tells an id that is out of turn, has its id and when it
// was submitted. All else is known to the thread that runs it: the clock is
// read when the call ends, and that stands for the begin of the next one if the
// worker has nothing else to do in between; else it is read then, too. An
// observer's methods take time, so its OnStart() is told of that begin, and the
// clock is read again when it returns. A call becomes a task of its own where
// somebody has to find it, or to keep more with it: in a pool with limits or a
// stall_threshold, in a group, in a trace.

namespace asyncpal::internal {

// A call that runs on this thread.
class ThreadCore::ObservedCall {
 public:
  ObservedCall(ThreadCore& core, ThreadWorker& worker, const CallInfo& call)
      : core_(core), worker_(worker), began_(worker.last_end) {
    if (began_ < call.submitted_at) began_ = NowTicks();
    worker.last_end = 0;  // the call may run others
    worker.running_since.store(began_, std::memory_order_relaxed);
    int64_t waited = Since(call.submitted_at, began_);
    if (core.has_observer()) {
      TellStart(call, waited);
      began_ = NowTicks();
      worker.running_since.store(began_, std::memory_order_relaxed);
      waited = Since(call.submitted_at, began_);
      if (report_.has_value()) report_->waited = absl::Nanoseconds(waited);
    }
    worker.histograms->wait.Record(waited);
  }
  ObservedCall(const ObservedCall&) = delete;
  ObservedCall& operator=(const ObservedCall&) = delete;

  // Once, before it is counted.
  void End(FutureState outcome) noexcept {
    const int64_t now = NowTicks();
    const int64_t ran = Since(began_, now);
    worker_.histograms->run.Record(ran);
    worker_.last_end = now;
    if (report_.has_value()) {
      report_->outcome = outcome;
      report_->ran = absl::Nanoseconds(ran);
      core_.observation_->OnDone(*report_);
    }
  }

 private:
  static int64_t Since(int64_t then, int64_t now) {
    return TicksToNanosAt(now - then, now);
  }
  void TellStart(const CallInfo& call, int64_t waited) noexcept {
    try {
      report_.emplace().pool = core_.options_.name;
    } catch (const std::bad_alloc&) {
      report_.reset();
      return;  // nobody hears of it
    }
    report_->id = call.id;
    report_->outcome = FutureState::kRunning;
    report_->waited = absl::Nanoseconds(waited);
    report_->worker = worker_.id;
    report_->pid = worker_.pid();
    report_->attempt = 1;
    core_.observation_->OnStart(*report_);
  }

  ThreadCore& core_;
  ThreadWorker& worker_;
  int64_t began_;
  std::optional<TaskReport> report_;
};

bool ThreadCore::ObservesInPlace(const PostedCall& posted) const {
  return observes_calls_ && !posted.is_of_group() && !Tracer::IsOn() &&
         (!SubmissionWatch::Has(SubmissionWatch::kTraceparents) ||
          AmbientTrace::Current() == nullptr);
}

TaskReport ThreadCore::ReportOfCall(const CallInfo& call,
                                    FutureState outcome) const {
  return {.pool = options_.name, .id = call.id, .outcome = outcome};
}

void ThreadCore::PostObserved(const Slot& slot) {
  CallInfo call = {.id = 0, .submitted_at = NowTicks()};
  if (has_observer()) {
    CheckProcess();  // before it is told
    if (!accepting()) Check();
    {
      MutexLock submit(submit_mu_);
      call.id = tail_.NewId();
    }
    try {
      observation_->OnSubmit(ReportOfCall(call, FutureState::kPending));
    } catch (const std::bad_alloc&) {
      // Nobody hears of it.
    }
  }
  try {
    PostTimed(slot, call);
  } catch (...) {
    ReportCallUnstarted(call, FutureState::kFailed);
    throw;
  }
}

void ThreadCore::ReportCallUnstarted(const CallInfo& call,
                                     FutureState outcome) noexcept {
  if (!has_observer()) return;
  try {
    TaskReport report = ReportOfCall(call, outcome);
    report.waited =
        absl::Nanoseconds(TicksToNanos(NowTicks() - call.submitted_at));
    observation_->OnDone(report);
  } catch (const std::bad_alloc&) {
    // Nobody hears of it.
  }
}

void ThreadCore::RunObserved(ThreadWorker& worker, TakenTask& taken) {
  ObservedCall observed(*this, worker, taken.call_info);
  try {
    taken.posted->run(taken.call);
    observed.End(FutureState::kCompleted);
    worker.completed.Add(1);
    worker.depth.Add(-1);
  } catch (...) {
    observed.End(FutureState::kFailed);
    if (CountFailedCall(worker, taken)) throw;
  }
  CountRun(worker, worker.depth.Get());
}

}  // namespace asyncpal::internal

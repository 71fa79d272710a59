#ifndef ASYNCPAL_POOL_INTERNAL_RETRY_RUN_H_
#define ASYNCPAL_POOL_INTERNAL_RETRY_RUN_H_

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "absl/time/time.h"
#include "asyncpal/future/future.h"
#include "asyncpal/future/internal/future_access.h"
#include "asyncpal/future/internal/mutex.h"
#include "asyncpal/pool/internal/ambient_trace.h"
#include "asyncpal/pool/internal/pool_core.h"
#include "asyncpal/pool/internal/random_fractions.h"
#include "asyncpal/pool/options.h"
#include "asyncpal/pool/retry_policy.h"

namespace asyncpal::internal {

// A task that is tried again: each attempt is a task of the pool, made of
// copies of the callable and its arguments, and the next one is submitted for
// later when it has failed.
//
// Tasks makes them: NewTaskOn<State>(function, flags, f, args...), and Result.
//
// Threads: an attempt's end comes on the thread that brings it about.
// Lifetime: shared by the attempt that is pending or running.
// Ordering: one attempt after the other.
// Errors: those of the first submission are Start()'s; afterwards, a submission
// that fails ends the task with its last failure.
// Shutdown: an attempt that the pool cancels ends the task: with its last
// failure, or else as cancelled.
template <typename Tasks, typename F, typename... A>
class RetryRun : public std::enable_shared_from_this<RetryRun<Tasks, F, A...>> {
 public:
  using T = typename Tasks::template Result<const F&, const A&...>;

  static Future<T> Start(std::shared_ptr<PoolCore> core, Tasks tasks,
                         RetryPolicy policy, TaskOptions options, F f,
                         A... args) {
    const auto run = std::make_shared<RetryRun>(
        std::move(core), std::move(tasks), std::move(policy),
        std::move(options), std::move(f), std::move(args)...);
    run->Submit(absl::ZeroDuration());
    auto future = FutureAccess::Make<T>(run->result_);
    // Cancelling ends the attempt as well.
    future.AddCallback([weak = run->weak_from_this()](const Future<T>& done) {
      const auto self = weak.lock();
      if (self != nullptr && done.is_cancelled()) self->CancelAttempt();
    });
    return future;
  }

  RetryRun(std::shared_ptr<PoolCore> core, Tasks tasks, RetryPolicy policy,
           TaskOptions options, F f, A... args)
      : core_(std::move(core)),
        tasks_(std::move(tasks)),
        retry_if_(std::move(policy.retry_if)),
        waits_(policy, RandomFractions::NewSeed()),
        options_(std::move(options)),
        f_(std::move(f)),
        args_(std::move(args)...),
        submitted_at_(core_->ClockNow()),
        result_(PromiseState<T>::Make(core_.get())) {}

 private:
  void Submit(absl::Duration delay) {
    auto* const task = AttachOptions(
        options_,
        std::apply(
            [this](const A&... args) {
              return tasks_.template NewTaskOn<ResultState>(
                  "SubmitRetrying", TaskState::kTracked, F(f_), A(args)...);
            },
            args_),
        waits_.attempts());
    const auto attempt = FutureAccess::Make<T>(
        StateRef<ResultState<T>>::Share(static_cast<ResultState<T>*>(task)));
    trace_.Within([&] {
      if (delay > absl::ZeroDuration()) {
        core_->SubmitAfter(task, delay);
      } else {
        core_->Submit(task);
      }
    });
    {
      MutexLock lock(mu_);
      attempt_ = attempt;
    }
    if (result_->is_done()) CancelAttempt();  // in between
    attempt.AddCallback([self = this->shared_from_this()](
                            const Future<T>& done) { self->OnDone(done); });
  }

  void CancelAttempt() {
    Future<T> attempt;
    {
      MutexLock lock(mu_);
      attempt = attempt_;
    }
    if (attempt.valid()) attempt.Cancel();
  }

  void OnDone(Future<T> done) {
    {
      MutexLock lock(mu_);
      attempt_ = {};
    }
    if (done.is_completed()) {
      Complete(std::move(done));
      return;
    }
    // Cancelled through the result, which is done, or by the pool's end.
    if (done.is_cancelled()) {
      if (failure_ != nullptr) {
        result_->Fail(std::exchange(failure_, nullptr));
      } else {
        result_->Settle(FutureState::kCancelled, nullptr);
      }
      return;
    }
    failure_ = done.exception();
    try {
      if (const auto wait = WaitForNext()) {
        core_->CountRetry();
        Submit(*wait);
        return;
      }
    } catch (...) {
      // No other attempt can be made.
    }
    result_->Fail(std::exchange(failure_, nullptr));
  }

  std::optional<absl::Duration> WaitForNext() {
    if (result_->is_done() || !IsRetriable(failure_)) return std::nullopt;
    const auto wait =
        waits_.Next(absl::Nanoseconds(core_->ClockNow() - submitted_at_));
    if (!wait.has_value()) return std::nullopt;
    if (retry_if_ != nullptr && !retry_if_(failure_)) return std::nullopt;
    return wait;
  }

  void Complete(Future<T> done) {
    try {
      if constexpr (std::is_void_v<T>) {
        std::move(done).Collect();
        result_->Complete({});
      } else {
        result_->Complete(std::move(done).Collect());
      }
    } catch (...) {
      result_->Fail(std::current_exception());  // the move threw
    }
  }

  const std::shared_ptr<PoolCore> core_;
  Tasks tasks_;
  // One attempt's end at a time uses these:
  std::function<bool(const std::exception_ptr&)> retry_if_;
  RetryWaits waits_;
  std::exception_ptr failure_;  // the last one
  const TaskOptions options_;
  const SubmittersTrace trace_;
  const F f_;
  const std::tuple<A...> args_;
  const int64_t submitted_at_;  // on the pool's clock
  const StateRef<PromiseState<T>> result_;
  Mutex mu_;
  Future<T> attempt_ ABSL_GUARDED_BY(mu_);
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_RETRY_RUN_H_

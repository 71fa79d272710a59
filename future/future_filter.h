#ifndef ASYNCPAL_FUTURE_FUTURE_FILTER_H_
#define ASYNCPAL_FUTURE_FUTURE_FILTER_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "asyncpal/future/countdown.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/future.h"
#include "asyncpal/future/internal/execution_context.h"
#include "asyncpal/future/internal/mutex.h"
#include "asyncpal/future/internal/pull_range.h"

namespace asyncpal {

// Hands futures out in the order in which they are done.
//
//   FutureFilter<Page> filter;
//   for (const std::string& url : urls) filter.Put(pool.Submit(Load, url));
//   for (Future<Page>& done : filter.GetAll()) Show(done.Collect());
//
// Threads: any thread may call any method; each future is handed out once.
// Lifetime: futures still inside are released with the filter; their tasks
// continue.
// Ordering: first done, first out.
// Errors: TimeoutError when nothing is done in time; no future is lost by that.
// Shutdown: none; a pool's shutdown makes its futures done.
template <typename T>
class FutureFilter {
 public:
  FutureFilter() : core_(std::make_shared<Core>()) {}
  ~FutureFilter() { core_->Close(); }
  FutureFilter(const FutureFilter&) = delete;
  FutureFilter& operator=(const FutureFilter&) = delete;

  // Throws InvalidStateError for an empty future.
  void Put(Future<T> future) {
    core_->Expect();
    try {
      future.AddCallback(
          [core = core_](const Future<T>& done) { core->Add(done); });
    } catch (...) {
      core_->ExpectNoMore();
      throw;
    }
  }
  template <typename R>
  void Populate(const R& futures) {
    for (const Future<T>& future : futures) Put(future);
  }

  // The next future that is done; blocks until there is one. nullopt: the
  // filter is empty. Throws TimeoutError when `timeout` passed; the filter is
  // then as before.
  std::optional<Future<T>> Get(
      absl::Duration timeout = absl::InfiniteDuration()) {
    return core_->Get(Countdown(timeout));
  }
  // The same with a limit that several waits share.
  std::optional<Future<T>> Get(const Countdown& countdown) {
    return core_->Get(countdown);
  }

  // An input range of the futures as they are done, until the filter is empty
  // or gone; `timeout` limits the whole of it.
  auto GetAll(absl::Duration timeout = absl::InfiniteDuration()) {
    return internal::PullRange([core = core_, countdown = Countdown(timeout)] {
      return core->Get(countdown);
    });
  }

 private:
  class Core {
   public:
    // Makes room for one more, so that Add() needs no memory.
    void Expect() {
      internal::MutexLock lock(mu_);
      const size_t needed = expected_ + 1;
      if (done_.capacity() - next_ < needed) {
        done_.erase(done_.begin(), done_.begin() + next_);
        next_ = 0;
        // Rarely: moving those that stay takes time.
        if (done_.capacity() < 2 * needed) done_.reserve(4 * needed);
      }
      ++expected_;
    }
    void ExpectNoMore() {
      internal::MutexLock lock(mu_);
      --expected_;
      changed_.NotifyAll();  // a waiter may find the filter empty again
    }

    void Add(const Future<T>& future) {
      internal::MutexLock lock(mu_);
      if (closed_) return;
      done_.push_back(future);
      changed_.NotifyOne();
    }

    void Close() {
      std::vector<Future<T>> dropped;  // destroyed after the lock is given back
      internal::MutexLock lock(mu_);
      closed_ = true;
      dropped.swap(done_);
      next_ = 0;
      expected_ = 0;
      changed_.NotifyAll();
    }

    std::optional<Future<T>> Get(const Countdown& countdown) {
      if (auto taken = TryGet(); !taken.has_value() || taken->valid()) {
        return taken;
      }
      internal::BlockingScope blocking(nullptr);
      internal::MutexLock lock(mu_);
      while (next_ == done_.size() && expected_ > 0) {
        const absl::Duration left = countdown.Remaining();
        if (left == absl::ZeroDuration()) {
          const size_t expected = expected_;
          lock.Unlock();
          throw TimeoutError(
              absl::StrCat("none of ", expected, " futures was done in ",
                           absl::FormatDuration(countdown.timeout())));
        }
        const absl::Duration sleep = blocking.LimitSleep(left);
        if (sleep == absl::InfiniteDuration()) {
          changed_.Wait(mu_);
        } else {
          changed_.WaitFor(mu_, sleep);
        }
      }
      return Take();
    }

   private:
    // Like Get(), but answers an empty future where that would block.
    std::optional<Future<T>> TryGet() {
      internal::MutexLock lock(mu_);
      if (next_ == done_.size() && expected_ > 0) return Future<T>();
      return Take();
    }

    std::optional<Future<T>> Take() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
      if (next_ == done_.size()) return std::nullopt;
      std::optional<Future<T>> first = std::move(done_[next_++]);
      // The last one out: whoever else waits finds the filter empty.
      if (--expected_ == 0) changed_.NotifyAll();
      return first;
    }

    internal::Mutex mu_;
    internal::CondVar changed_;
    // In the order in which they were done; those before next_ are out.
    std::vector<Future<T>> done_ ABSL_GUARDED_BY(mu_);
    size_t next_ ABSL_GUARDED_BY(mu_) = 0;
    size_t expected_ ABSL_GUARDED_BY(mu_) = 0;  // put in, not yet out
    bool closed_ ABSL_GUARDED_BY(mu_) = false;
  };

  std::shared_ptr<Core> core_;
};

}  // namespace asyncpal

#endif  // ASYNCPAL_FUTURE_FUTURE_FILTER_H_

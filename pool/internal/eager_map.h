#ifndef ASYNCPAL_POOL_INTERNAL_EAGER_MAP_H_
#define ASYNCPAL_POOL_INTERNAL_EAGER_MAP_H_

#include <algorithm>
#include <cstddef>
#include <exception>
#include <memory>
#include <new>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/countdown.h"
#include "asyncpal/future/future.h"
#include "asyncpal/future/internal/future_access.h"
#include "asyncpal/future/internal/mutex.h"
#include "asyncpal/future/internal/task.h"
#include "asyncpal/pool/internal/map_checks.h"
#include "asyncpal/pool/internal/pool_core.h"
#include "asyncpal/pool/options.h"

namespace asyncpal::internal {

// An eager map of a pool whose tasks run in this process, in order.
//
// How it works. For each chunk the caller copies the elements, a plain array
// for each range, and makes room for the results at the end of the vector that
// it will return. The chunk's task is then one loop from those arrays into that
// room: nothing is wrapped for each item, or moved twice.
//
// When all is submitted, the caller works in the place of an idle worker, if
// there is one: a short map is over before another thread would be awake.
//
// Copies that wait for their task leave the cache, and each new page costs as
// much as a thousand small calls. So of a large map no more than a megabyte is
// copied ahead of its tasks, and arrays of numbers are used again.
//
// A task that is still running when the map is left, by an error or a timeout,
// finds its arrays, its room and `f` as they were: it owns the first and shares
// the others.
template <typename F, typename Cursor>
class EagerMap {
 public:
  using Result = std::remove_cvref_t<decltype(std::apply(
      std::declval<F&>(), std::declval<typename Cursor::Value>()))>;

  // Whether the ranges know their sizes, and results can be put where others
  // are already.
  static constexpr bool kPossible =
      Cursor::kGivesColumns &&
      (std::is_void_v<Result> ||
       (std::is_nothrow_default_constructible_v<Result> &&
        std::is_nothrow_move_constructible_v<Result> &&
        std::is_nothrow_move_assignable_v<Result> &&
        !std::is_same_v<Result, bool>));

  template <typename Fn>
  EagerMap(PoolCore& core, const char* function, const MapOptions& options,
           Fn&& f, Cursor cursor)
      : core_(core),
        function_(function),
        options_(options),
        countdown_(options.timeout),
        cursor_(std::move(cursor)) {
    CheckMap(function, core.name(), options, f);
    shared_ = std::make_shared<Shared>(std::forward<Fn>(f));
  }

  // Once.
  std::vector<Stored<Result>> Run() {
    try {
      SubmitAll();
      WaitForFirst(chunks_.size());
    } catch (...) {
      StopHelping();
      for (Future<std::exception_ptr>& chunk : chunks_) {
        if (chunk.valid()) chunk.Cancel();
      }
      throw;
    }
    StopHelping();
    return std::move(shared_->results);
  }

 private:
  static constexpr bool kHasResults = !std::is_void_v<Result>;

  using Columns = typename Cursor::Columns;
  static constexpr size_t kMaxBytesAhead = size_t{1} << 20;
  static constexpr size_t kElementBytes =
      []<typename... V>(std::type_identity<std::tuple<std::vector<V>...>>) {
        return (sizeof(V) + ... + 0);
      }(std::type_identity<Columns>());
  // Nobody can tell whether they live longer than their task.
  static constexpr bool kUsesColumnsAgain =
      []<typename... V>(std::type_identity<std::tuple<std::vector<V>...>>) {
        return (std::is_arithmetic_v<V> && ...);
      }(std::type_identity<Columns>());

  struct Shared {
    template <typename Fn>
    explicit Shared(Fn&& fn) : f(std::forward<Fn>(fn)) {}
    F f;
    std::vector<Stored<Result>> results;  // the caller's to resize
    Mutex mu;
    std::vector<Columns> spare ABSL_GUARDED_BY(mu);

    Columns TakeSpare() {
      MutexLock lock(mu);
      if (spare.empty()) return {};
      Columns columns = std::move(spare.back());
      spare.pop_back();
      return columns;
    }
    void GiveSpare(Columns columns) noexcept {
      MutexLock lock(mu);
      try {
        spare.push_back(std::move(columns));
      } catch (const std::bad_alloc&) {  // then they are of no use
      }
    }
  };

  // A task of the map; returns what a call has thrown.
  struct Chunk {
    std::shared_ptr<Shared> shared;
    Columns columns;
    size_t size;
    Stored<Result>* results;

    std::exception_ptr operator()() {
      try {
        std::apply([this](auto&... column) { this->CallAll(column.data()...); },
                   columns);
        if constexpr (kUsesColumnsAgain) shared->GiveSpare(std::move(columns));
        return nullptr;
      } catch (...) {
        std::exception_ptr error = std::current_exception();
        if (error == nullptr) throw;  // pthread_exit()
        return error;
      }
    }

    template <typename... V>
    void CallAll(V*... elements) const {
      F& f = shared->f;
      Stored<Result>* const out = results;
      const size_t end = size;
      for (size_t i = 0; i < end; ++i) {
        if constexpr (kHasResults) {
          out[i] = Cursor::Call(f, elements[i]...);
        } else {
          Cursor::Call(f, elements[i]...);
        }
      }
    }
  };

  void SubmitAll() {
    size_t left = cursor_.Remaining();
    chunks_.reserve(left / options_.chunk_size + 1);
    auto& results = shared_->results;
    if (kHasResults) results.reserve(left);
    const size_t max_ahead = MaxChunksAhead();
    while (left > 0) {
      if (chunks_.size() - first_ == max_ahead) {
        WaitForFirst(chunks_.size() - max_ahead / 2);
      }
      const size_t size = std::min(left, options_.chunk_size);
      left -= size;
      Chunk chunk{shared_, shared_->TakeSpare(), size, nullptr};
      cursor_.TakeColumns(size, chunk.columns);
      if (kHasResults) {
        results.resize(results.size() + size);
        chunk.results = results.data() + (results.size() - size);
      }
      auto* const task = NewTask(&core_, 0, std::move(chunk));
      auto mine = StateRef<ResultState<std::exception_ptr>>::ShareNew(task);
      if (left == 0 && options_.timeout == absl::InfiniteDuration()) {
        place_ = core_.SubmitAndHelp(task);
      } else {
        SubmitInTime(task);
      }
      chunks_.push_back(
          FutureAccess::Make<std::exception_ptr>(std::move(mine)));
    }
  }

  // At least two for each worker, so that none waits for the caller.
  size_t MaxChunksAhead() const {
    const size_t chunk_bytes =
        std::min(options_.chunk_size, kMaxBytesAhead) * kElementBytes;
    return std::max(kMaxBytesAhead / std::max<size_t>(chunk_bytes, 1),
                    4 * static_cast<size_t>(core_.max_workers()));
  }

  // Throws what one of the first `n` chunks has thrown.
  void WaitForFirst(size_t n) {
    for (; first_ < n; ++first_) {
      HelpUntilDone(first_);
      if (!chunks_[first_].Wait(countdown_.Remaining())) {
        ThrowMapTimeout(function_, core_.name(), options_.timeout);
      }
      const std::exception_ptr error = std::move(chunks_[first_]).Collect();
      if (error != nullptr) std::rethrow_exception(error);
    }
  }

  void SubmitInTime(StateBase* task) {
    try {
      core_.SubmitChunk(task, countdown_);
    } catch (const TimeoutError&) {
      ThrowMapTimeout(function_, core_.name(), options_.timeout);
    }
  }

  // Runs chunks, from this one on, as long as it is not done.
  void HelpUntilDone(size_t chunk) {
    next_to_help_ = std::max(next_to_help_, chunk);
    while (place_ != nullptr && !chunks_[chunk].is_done()) {
      if (next_to_help_ == chunks_.size()) {
        StopHelping();
        return;
      }
      auto& next = FutureAccess::State(chunks_[next_to_help_]);
      if (core_.Help(*place_, next) || next.state() != FutureState::kPending) {
        ++next_to_help_;
      } else {
        StopHelping();  // other tasks come first
      }
    }
  }
  void StopHelping() {
    if (place_ != nullptr) core_.StopHelping(std::exchange(place_, nullptr));
  }

  PoolCore& core_;
  const char* const function_;
  const MapOptions options_;
  const Countdown countdown_;
  Cursor cursor_;
  std::shared_ptr<Shared> shared_;
  std::vector<Future<std::exception_ptr>> chunks_;
  size_t first_ = 0;                     // those before are done
  std::shared_ptr<ThreadWorker> place_;  // of an idle worker, which sleeps on
  size_t next_to_help_ = 0;              // in chunks_
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_EAGER_MAP_H_

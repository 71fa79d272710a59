#ifndef ASYNCPAL_POOL_INTERNAL_EAGER_MAP_H_
#define ASYNCPAL_POOL_INTERNAL_EAGER_MAP_H_

#include <algorithm>
#include <cstddef>
#include <deque>
#include <exception>
#include <limits>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/countdown.h"
#include "asyncpal/future/future.h"
#include "asyncpal/future/internal/future_access.h"
#include "asyncpal/future/internal/task.h"
#include "asyncpal/pool/internal/chunk_sizer.h"
#include "asyncpal/pool/internal/map_checks.h"
#include "asyncpal/pool/internal/map_monitor.h"
#include "asyncpal/pool/internal/pool_core.h"
#include "asyncpal/pool/internal/source_gate.h"
#include "asyncpal/pool/options.h"

namespace asyncpal::internal {

// An eager map of a pool whose tasks run in this process, in order.
//
// How it works. For each chunk the caller makes room for the results at the end
// of the vector that it will return. The chunk's task is then one loop into
// that room: nothing is wrapped for each item, or moved twice.
//
// Numbers in an array are read by the task itself, a block at a time, while the
// caller is inside Run(): Run() closes a gate before it throws, and a task that
// finds it closed leaves out the rest of its calls. Other elements are copied
// by the caller into an array for each range. Copies that wait for their task
// leave the cache, and each new page costs as much as a thousand small calls,
// so no more than a megabyte is copied ahead.
//
// When all is submitted, the caller works in the place of an idle worker, if
// there is one: a short map is over before another thread would be awake. With
// a MapProgress it does not: it has to tell what the others have done.
//
// A task that is still running when the map is left, by an error or a timeout,
// finds its elements, its room and `f` as they were: it owns the first and
// shares the others.
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
    if (options.chunk_size == 0) {
      sizer_ = std::make_unique<ChunkSizer>(kTaskCost,
                                            std::max(core.max_workers(), 1));
    }
    if (options.progress != nullptr) {
      monitor_ =
          std::make_unique<Monitor>(options.progress, cursor_.Remaining());
    }
  }

  // Once.
  std::vector<Stored<Result>> Run() {
    try {
      if (monitor_ != nullptr) monitor_->Begin();
      SubmitAll();
      WaitForFirst(chunks_.size());
    } catch (...) {
      StopHelping();
      shared_->gate.Close();
      for (Future<std::exception_ptr>& chunk : chunks_) {
        if (chunk.valid()) chunk.Cancel();
      }
      if (monitor_ != nullptr) monitor_->End();
      throw;
    }
    StopHelping();
    if (monitor_ != nullptr) monitor_->End();
    return std::move(shared_->results);
  }

 private:
  static constexpr bool kHasResults = !std::is_void_v<Result>;

  using Monitor = MapMonitor<std::exception_ptr>;
  using Columns = typename Cursor::Columns;
  static constexpr size_t kMaxBytesAhead = size_t{1} << 20;
  // With chunks of automatic sizes: what one costs; so many for each worker are
  // ahead, or where that is more, what they all get through in that time. For
  // each half of it the caller wakes up once, which costs as much as a hundred
  // small chunks.
  static constexpr absl::Duration kTaskCost = absl::Nanoseconds(250);
  static constexpr size_t kChunksAhead = 32;
  static constexpr absl::Duration kTimeAhead = absl::Milliseconds(2);
  static constexpr size_t kElementBytes =
      []<typename... V>(std::type_identity<std::tuple<std::vector<V>...>>) {
        return (sizeof(V) + ... + 0);
      }(std::type_identity<Columns>());

  struct Shared {
    template <typename Fn>
    explicit Shared(Fn&& fn) : f(std::forward<Fn>(fn)) {}
    F f;
    std::vector<Stored<Result>> results;  // the caller's to resize
    SourceGate gate;                      // to arrays of the caller's
  };

  // What is left to call, one element of each array at a time.
  template <typename... V>
  static Stored<Result>* CallAll(F& f, Stored<Result>* out, size_t size,
                                 V*... elements) {
    for (size_t i = 0; i < size; ++i) {
      if constexpr (kHasResults) {
        out[i] = Cursor::Call(f, elements[i]...);
      } else {
        Cursor::Call(f, elements[i]...);
      }
    }
    return kHasResults ? out + size : out;
  }

  // The elements of a chunk that has copies of its own.
  class CopiedElements {
   public:
    CopiedElements(Cursor& cursor, size_t size) : size_(size) {
      cursor.TakeColumns(size, columns_);
    }
    void CallAll(Shared& shared, Stored<Result>* out) {
      std::apply(
          [&](auto&... column) {
            EagerMap::CallAll(shared.f, out, size_, column.data()...);
          },
          columns_);
    }

   private:
    const size_t size_;
    Columns columns_;
  };

  // Those of a chunk that reads them where they are.
  class ElementsInPlace {
   public:
    ElementsInPlace(Cursor& cursor, size_t size)
        : left_(size), arrays_(cursor.TakeArrays(size)) {}
    void CallAll(Shared& shared, Stored<Result>* out) {
      std::apply([&](const auto*... from) { CallBlocks(shared, out, from...); },
                 arrays_);
    }

   private:
    static constexpr size_t kBlock = std::max<size_t>(4096 / kElementBytes, 1);

    template <typename V>
    struct Block {
      Block() {}  // leaves them as they are
      V elements[kBlock];
    };

    template <typename... V>
    void CallBlocks(Shared& shared, Stored<Result>* out, const V*... from) {
      std::tuple<Block<V>...> blocks;
      while (left_ > 0) {
        const size_t size = std::min(left_, kBlock);
        if (!shared.gate.Enter()) return;
        std::apply(
            [&](auto&... to) { (std::copy_n(from, size, to.elements), ...); },
            blocks);
        shared.gate.Leave();
        std::apply(
            [&](auto&... block) {
              out = EagerMap::CallAll(shared.f, out, size, block.elements...);
            },
            blocks);
        ((from += size), ...);
        left_ -= size;
      }
    }

    size_t left_;
    typename Cursor::Arrays arrays_;
  };

  // A task of the map; returns what a call has thrown.
  template <typename Elements>
  struct Chunk {
    std::shared_ptr<Shared> shared;
    Elements elements;
    Stored<Result>* results;

    std::exception_ptr operator()() {
      try {
        elements.CallAll(*shared, results);
        return nullptr;
      } catch (...) {
        std::exception_ptr error = std::current_exception();
        if (error == nullptr) throw;  // pthread_exit()
        return error;
      }
    }
  };

  void SubmitAll() {
    size_t left = cursor_.Remaining();
    if (sizer_ == nullptr) chunks_.reserve(left / options_.chunk_size + 1);
    if (kHasResults) shared_->results.reserve(left);
    while (left > 0) {
      const size_t max_ahead = MaxChunksAhead();
      if (chunks_.size() - first_ >= max_ahead) {
        WaitForFirst(chunks_.size() - max_ahead / 2);
      }
      const size_t size = NextSize(left);
      left -= size;
      if constexpr (Cursor::kGivesArrays) {
        SubmitChunk(ElementsInPlace(cursor_, size), size, left == 0);
      } else {
        SubmitChunk(CopiedElements(cursor_, size), size, left == 0);
      }
    }
  }

  size_t NextSize(size_t left) {
    if (sizer_ == nullptr) return std::min(left, options_.chunk_size);
    while (learned_ < chunks_.size() && chunks_[learned_].is_done()) {
      LearnOfNext();
    }
    sizes_.push_back(sizer_->Next(left));
    return sizes_.back();
  }
  // The first chunk that was not learned of is done.
  void LearnOfNext() {
    sizer_->Learn(sizes_.front(), chunks_[learned_].duration().running);
    sizes_.pop_front();
    ++learned_;
  }

  template <typename Elements>
  void SubmitChunk(Elements elements, size_t size, bool is_last) {
    auto& results = shared_->results;
    Stored<Result>* room = nullptr;
    if (kHasResults) {
      results.resize(results.size() + size);
      room = results.data() + (results.size() - size);
    }
    auto* const task =
        NewTask(&core_, 0, Chunk<Elements>{shared_, std::move(elements), room});
    auto mine = StateRef<ResultState<std::exception_ptr>>::ShareNew(task);
    if (is_last && options_.timeout == absl::InfiniteDuration() &&
        monitor_ == nullptr) {
      place_ = core_.SubmitAndHelp(task);
    } else {
      SubmitInTime(task);
    }
    chunks_.push_back(FutureAccess::Make<std::exception_ptr>(std::move(mine)));
    if (monitor_ != nullptr) monitor_->Add(chunks_.back(), size);
  }

  size_t MaxChunksAhead() const {
    if (sizer_ != nullptr) {
      const size_t size = sizer_->Next(std::nullopt);
      return std::max(
          kChunksAhead * static_cast<size_t>(core_.max_workers()),
          std::min(sizer_->ChunksIn(kTimeAhead), MaxChunksCopiedAhead(size)));
    }
    if (Cursor::kGivesArrays) return std::numeric_limits<size_t>::max();
    // At least two for each worker, so that none waits for the caller.
    return std::max(MaxChunksCopiedAhead(options_.chunk_size),
                    4 * static_cast<size_t>(core_.max_workers()));
  }
  static size_t MaxChunksCopiedAhead(size_t size) {
    const size_t bytes = std::min(size, kMaxBytesAhead) * kElementBytes;
    return kMaxBytesAhead / std::max<size_t>(bytes, 1);
  }

  // Throws what one of the first `n` chunks has thrown.
  void WaitForFirst(size_t n) {
    for (; first_ < n; ++first_) {
      HelpUntilDone(first_);
      SleepThrough(n);
      const Future<std::exception_ptr>& chunk = chunks_[first_];
      if (monitor_ != nullptr ? !monitor_->Wait(chunk, countdown_)
                              : !chunk.Wait(countdown_.Remaining())) {
        ThrowMapTimeout(function_, core_.name(), options_.timeout);
      }
      if (sizer_ != nullptr && learned_ == first_) LearnOfNext();
      const std::exception_ptr error = std::move(chunks_[first_]).Collect();
      if (error != nullptr) std::rethrow_exception(error);
    }
  }

  // Of short chunks among the first `n`, sleeps until as many are done as take
  // kTimeAhead, and no longer: to wake up for each would take a CPU from the
  // workers. An error is seen up to that much later.
  void SleepThrough(size_t n) {
    if (sizer_ == nullptr || monitor_ != nullptr) return;
    if (chunks_[first_].is_done()) return;
    const size_t count = std::min(sizer_->ChunksIn(kTimeAhead), n - first_);
    if (count > 1) {
      chunks_[first_ + count - 1].Wait(
          std::min(countdown_.Remaining(), kTimeAhead));
    }
  }

  void SubmitInTime(TaskState* task) {
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
  std::unique_ptr<ChunkSizer> sizer_;    // null with a chunk_size
  size_t learned_ = 0;                   // in chunks_; those before it told
  std::deque<size_t> sizes_;             // of those from there on
  std::unique_ptr<Monitor> monitor_;     // null without a MapProgress
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_EAGER_MAP_H_

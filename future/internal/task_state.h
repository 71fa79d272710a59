#ifndef ASYNCPAL_FUTURE_INTERNAL_TASK_STATE_H_
#define ASYNCPAL_FUTURE_INTERNAL_TASK_STATE_H_

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "asyncpal/future/internal/block_cache.h"
#include "asyncpal/future/internal/clock.h"
#include "asyncpal/future/internal/mutex.h"
#include "asyncpal/future/internal/task_clock.h"
#include "asyncpal/future/internal/task_runner.h"
#include "asyncpal/future/internal/trampoline.h"
#include "asyncpal/future/state.h"

namespace asyncpal::internal {

class TaskState;
class ViewPlace;

// What a pool is to the tasks that it has accepted. A task calls it only while
// it is not done, and a pool outlives its tasks until then.
class TaskOwner {
 public:
  // `task` was pending and now belongs to the caller, who will publish
  // `outcome` next: the pool forgets it. Called with no lock held.
  virtual void OnPendingClaimed(TaskState& task, FutureState outcome) = 0;

  // `task` ran here and is about to be published as `outcome`.
  virtual void OnFinished(TaskState& task, FutureState outcome) = 0;

  // A task without a future has failed. Called before OnPendingClaimed(), after
  // OnFinished().
  virtual void OnUnobservedFailure(const TaskState& task,
                                   std::exception_ptr error) noexcept = 0;

 protected:
  ~TaskOwner() = default;
};

// What a pool keeps with a task beyond what a plain one needs.
class TaskAttachment {
 public:
  virtual ~TaskAttachment() = default;
};

// The part of a future's state that does not depend on its type, and the times
// of the task that produces it: one allocation for all, and of a small task one
// cache line. What few states need is apart, see Extras.
//
// `word_` holds the life of the task in one atomic: its stage, some flags, and
// the number of references. A stage changes by compare-and-swap, so each change
// has one winner:
//
//   pending --Start--> running --ClaimRunning--> settling --Publish--> done
//      \----ClaimPending----> claimed ----------------------Publish--> done
//   pending --Prefetch--> prefetched --StartPrefetched--> running
//                             \-------Requeue-----------> pending
//
// A task is prefetched while its runner has taken it out of the queue ahead of
// time, and may start it by itself.
// Whoever has claimed the state may write the outcome, and Publish() makes it
// visible. Publish() gives up the publisher's reference in the same operation,
// so that a reference count of one means that nobody else can look.
class TaskState {
 public:
  TaskState(TaskOwner* owner, uint32_t flags)
      : word_(kReference | flags),
        owner_(owner),
        clock_((flags & kDetached) != 0 ? 0 : NowTicks()) {}
  virtual ~TaskState();
  TaskState(const TaskState&) = delete;
  TaskState& operator=(const TaskState&) = delete;

  static void* operator new(size_t size) { return AllocateBlock(size); }
  static void operator delete(void* state, size_t size) {
    FreeBlock(state, size);
  }
  // For results of an unusual alignment.
  static void* operator new(size_t size, std::align_val_t alignment) {
    return ::operator new(size, alignment);
  }
  static void operator delete(void* state, std::align_val_t alignment) {
    ::operator delete(state, alignment);
  }

  // Flags for the constructor.
  static constexpr uint32_t kPoolTask = 1 << 7;  // its owner keeps count of it
  static constexpr uint32_t kDetached = 1 << 8;  // no future looks at it
  static constexpr uint32_t kTracked = 1 << 9;  // the owner looks at it running
  // It has a callable, which DropCallable() destroys; or even keeps it where
  // the outcome will be.
  static constexpr uint32_t kHasCallable = 1 << 12;
  static constexpr uint32_t kCallableInRoom = 1 << 13;

  void AddReference() {
    word_.fetch_add(kReference, std::memory_order_relaxed);
  }
  // The same before anyone else knows the state.
  void AddReferenceToNew() {
    word_.store(word_.load(std::memory_order_relaxed) + kReference,
                std::memory_order_relaxed);
  }
  void Release() {
    // The owner of the only reference need not tell anyone.
    if (is_unique() ||
        word_.fetch_sub(kReference, std::memory_order_acq_rel) >> 32 == 1) {
      Destroy();
    }
  }
  // Release() unless the caller has the only reference. False: it has.
  bool ReleaseIfShared() {
    uint64_t word = word_.load(std::memory_order_acquire);
    while (word >> 32 > 1) {
      if (word_.compare_exchange_weak(word, word - kReference,
                                      std::memory_order_acq_rel,
                                      std::memory_order_acquire)) {
        return true;
      }
    }
    return false;
  }
  // Whether the caller holds the only reference.
  bool is_unique() const {
    return word_.load(std::memory_order_acquire) >> 32 == 1;
  }

  // --- What a future offers; documented there. ---
  FutureState state() const { return StateOf(word_.load(kAcquire)); }
  bool is_done() const { return IsDone(word_.load(kAcquire)); }
  bool cancel_requested() const {
    return (word_.load(kAcquire) & kCancelRequested) != 0;
  }
  // `alone`: nobody else uses the reference that the caller waits with, as is
  // so for a future that is about to be moved out of.
  bool Wait(absl::Duration timeout, bool alone = false) {
    return is_done() || WaitUntilDone(timeout, alone);
  }
  bool Cancel();
  bool Kill();
  TaskTimes duration() const;
  uint64_t task_id() const { return task_id_; }
  CallbackId AddCallback(absl::AnyInvocable<void(TaskState&)> callback);
  bool RemoveCallback(CallbackId id);
  // Registers `callback` and returns its id; if the state is done already, 0,
  // and `callback` is left as it was.
  CallbackId TryAddCallback(absl::AnyInvocable<void(TaskState&)>& callback);
  // Like AddCallback(), but where that would run the callback inside another
  // one, it is put off until that has returned or waits.
  void AddContinuation(absl::AnyInvocable<void(TaskState&)> callback);

  // `task 7`, with its name if it has one: for messages.
  std::string Describe() const;
  std::string name() const;
  // The same as long as the task is there; null: it has none.
  const std::string* own_name() const;
  // What the task that runs has reported.
  std::optional<TaskProgress> progress();

  // --- What producers call. ---
  bool Start();  // pending -> running; the caller must Run() it
  // The same by a thread that waits for it `alone`, see Wait(), and has the
  // queue's reference as well. If these are all there are, nobody else can look
  // any more: the state changes without locked operations, and the times that
  // nobody can ask for are not kept.
  bool StartAlone() {
    const uint64_t word = word_.load(std::memory_order_acquire);
    if (word >> 32 != 2 || (word & (kStageMask | kObserved)) != kPending) {
      return Start();
    }
    word_.store(word + (kRunning - kPending) + kAlone,
                std::memory_order_relaxed);
    return true;
  }
  bool is_alone() const {
    return (word_.load(std::memory_order_relaxed) & kAlone) != 0;
  }
  // Whether the task was put into the queue of one worker: its owner's own
  // note. Set before the state is shared.
  void SetLocal() {
    word_.store(word_.load(std::memory_order_relaxed) | kLocal,
                std::memory_order_relaxed);
  }
  void ClearLocal() {
    word_.fetch_and(~uint64_t{kLocal}, std::memory_order_relaxed);
  }
  bool is_local() const {
    return (word_.load(std::memory_order_relaxed) & kLocal) != 0;
  }
  // Whether its time is yet to come, and it is in no queue. Its owner's own
  // note, and the place where it has the task. Set before the state is shared.
  void SetDelayed() {
    word_.store(word_.load(std::memory_order_relaxed) | kDelayed,
                std::memory_order_relaxed);
  }
  void ClearDelayed() {
    word_.fetch_and(~uint64_t{kDelayed}, std::memory_order_release);
  }
  bool is_delayed() const { return (word_.load(kAcquire) & kDelayed) != 0; }
  void set_delayed_place(uint32_t place) { clock_.SetNote(place); }
  uint32_t delayed_place() const { return clock_.note(); }
  // Whether its pool has accepted the task and keeps it out of its queue: one
  // that waits for its turn in a view. Set before the state is shared, and
  // cleared once, by whoever puts it into the queue or accounts for it.
  void SetHeld() {
    word_.store(word_.load(std::memory_order_relaxed) | kHeld,
                std::memory_order_relaxed);
  }
  // False: it was not held any more.
  bool ClearHeld() { return (word_.fetch_and(~uint64_t{kHeld}) & kHeld) != 0; }
  bool is_held() const { return (word_.load(kAcquire) & kHeld) != 0; }
  // Not in the shared queue: local, or held.
  bool is_apart() const {
    return (word_.load(kAcquire) & (kLocal | kHeld)) != 0;
  }
  // Whether Start() would do so at this moment.
  bool can_start() const { return (word_.load(kAcquire) & kStageMask) == 0; }
  bool Prefetch();         // pending -> prefetched
  bool StartPrefetched();  // prefetched -> running; the caller must Run() it
  bool Requeue();          // prefetched -> pending
  // pending -> claimed. A task that is prefetched is revoked first.
  bool ClaimPending();
  bool ClaimRunning();  // running -> settling
  // The first call counts.
  void MarkStarted(int64_t now) { clock_.MarkStarted(now); }
  // Runs a started task to its end and gives up the caller's reference. `now`
  // is NowTicks(), or for a task that is_alone() has no meaning.
  void Run(int64_t now);
  // Makes the outcome visible to all and gives up the caller's reference. The
  // caller has claimed the state and written its outcome; waiters wake before
  // callbacks run, and these run on this thread.
  void Publish(FutureState outcome);
  // Claims a pending or running task and publishes it as `outcome`, with
  // `error` where that is kFailed. False: it was settled by someone else.
  // Takes no reference.
  bool Settle(FutureState outcome, std::exception_ptr error);
  bool Fail(std::exception_ptr error) {
    return Settle(FutureState::kFailed, std::move(error));
  }
  // The second half of that, for a pending task that the caller has claimed.
  // Without accounting and keeping the callable: PublishClaimed().
  void SettleClaimed(FutureState outcome, std::exception_ptr error);
  void PublishClaimed(FutureState outcome, std::exception_ptr error);
  void RequestCancel() { word_.fetch_or(kCancelRequested); }

  // Overridden by tasks.
  virtual void DropCallable() noexcept {}
  virtual void RequestStop() noexcept {}
  // That of the callable; one that nobody stops where it takes none.
  virtual std::stop_token stop_token() const { return {}; }
  // What runs the task, if no thread of its pool does; lives as long as the
  // task. Null: a thread of its pool runs it.
  virtual TaskRunner* runner() { return nullptr; }
  // Runs the callable without touching the state; lets its exception out.
  virtual void InvokeDetached() {}
  // Its place in a view of its pool. Null: it was submitted to none.
  virtual ViewPlace* view_place() { return nullptr; }
  // This task runs on this thread, and is about to wait for `awaited`, which is
  // held. Throws InvalidStateError where that can only start after this one.
  virtual void CheckWaitForHeld(TaskState& awaited) {
    static_cast<void>(awaited);
  }
  // Called by PublishClaimed(), right before the state becomes `outcome`.
  virtual void OnGivenBack(FutureState outcome,
                           const std::exception_ptr& error) noexcept {
    static_cast<void>(outcome);
    static_cast<void>(error);
  }

  // Whether duration() tells how long it has been pending.
  bool keeps_times() const {
    return HasTimes(word_.load(std::memory_order_relaxed));
  }

  TaskOwner* owner() const { return owner_; }
  bool is_pool_task() const { return (word_.load(kAcquire) & kPoolTask) != 0; }
  // One that may be started: it is neither is_delayed() nor is_held().
  bool is_unheld_pool_task() const {
    return (word_.load(kAcquire) & (kPoolTask | kDelayed | kHeld)) == kPoolTask;
  }
  bool is_tracked() const { return (word_.load(kAcquire) & kTracked) != 0; }
  // The owner tells an observer of it, or measures it, and so times are kept
  // though no future may look at it. Set before others know the task.
  void SetObserved() {
    if (!keeps_times()) clock_.Restart(NowTicks());
    word_.fetch_or(kObserved, std::memory_order_relaxed);
  }
  bool is_observed() const { return (word_.load(kAcquire) & kObserved) != 0; }
  // Either of the two: a run of it is more than to run it.
  bool is_watched() const {
    return (word_.load(kAcquire) & (kObserved | kTracked)) != 0;
  }
  // The end of an observed task, where its worker does not report it: false,
  // somebody else has done so.
  bool SetEndReported() {
    return (word_.fetch_or(kEndReported) & kEndReported) == 0;
  }
  // Its start: false, the end was faster.
  bool SetStartReported() {
    return (word_.fetch_or(kStartReported) & kEndReported) == 0;
  }
  bool is_start_reported() const {
    return (word_.load(kAcquire) & kStartReported) != 0;
  }
  // In nanoseconds; the second one in OnFinished().
  int64_t waited_nanos() const { return clock_.WaitedNanos(); }
  int64_t ran_nanos() const { return clock_.RanNanos(); }

  // Written before the state is shared, then constant.
  void set_task_id(uint64_t id) { task_id_ = id; }
  void Attach(std::string name, std::unique_ptr<TaskAttachment> attachment);
  TaskAttachment* attachment() const;
  // The trace that the task belongs to; null: none. As the name.
  void SetTraceparent(std::string traceparent);
  const std::string* traceparent() const;
  void ReportProgress(TaskProgress progress);
  // What the thread that runs the task keeps with it, null at first.
  std::unique_ptr<TaskAttachment>& run_attachment() {
    return EnsureExtras().run_attachment;
  }

 protected:
  virtual void Execute() {}
  // Where the outcome belongs; a callable in that room is gone.
  virtual void StoreError(std::exception_ptr error) noexcept = 0;
  // The error of a done state that had to be stored apart, as a callable was
  // still there. Null: StoreError() has it.
  std::exception_ptr ErrorApart() const;
  bool has_error_apart() const {
    return (word_.load(kAcquire) & kErrorApart) != 0;
  }
  // Whether DropCallable() is yet to be called: for the destructor.
  bool HasCallable() const {
    const uint64_t word = word_.load(kAcquire);
    return (word & kCallableGone) == 0 &&
           (!IsDone(word) || (word & kCallableKept) != 0);
  }
  // DropCallable() was called, though the state is not published by the caller.
  void NoteCallableGone() { word_.fetch_or(kCallableGone); }

  // After ClaimRunning() and storing: accounts and publishes. No other
  // reference to the error of this thread's should be left by then.
  void Finish(FutureState outcome, std::exception_ptr error);

  // A result can be moved out once. True for the one who may.
  bool Take() {
    if (!is_unique()) return (word_.fetch_or(kTaken) & kTaken) == 0;
    const uint64_t word = word_.load(std::memory_order_relaxed);
    word_.store(word | kTaken, std::memory_order_relaxed);
    return (word & kTaken) == 0;
  }
  bool is_taken() const { return (word_.load(kAcquire) & kTaken) != 0; }

 private:
  friend class DroppedStates;

  static constexpr auto kAcquire = std::memory_order_acquire;
  static constexpr uint64_t kReference = uint64_t{1} << 32;

  enum Stage : uint32_t {
    kPending = 0,
    kPrefetched = 1,  // still looks pending from outside
    kClaimed = 2,     // so does this
    kRunning = 3,
    kSettling = 4,  // still looks running from outside
    kFirstDone = 5,
  };
  static constexpr uint32_t kStageMask = 7;
  static constexpr uint32_t kWaiters = 1 << 3;  // someone sleeps on word_
  // There are some, or somebody is to look for some; own a reference.
  static constexpr uint32_t kCallbacks = 1 << 4;
  static constexpr uint32_t kCancelRequested = 1 << 5;
  static constexpr uint32_t kTaken = 1 << 6;
  static constexpr uint32_t kAlone = 1 << 10;  // its runner has all references
  static constexpr uint32_t kLocal = 1 << 11;
  static constexpr uint32_t kCallableKept = 1 << 14;  // though it is done
  static constexpr uint32_t kCallableGone = 1 << 15;  // though it is not
  static constexpr uint32_t kErrorApart = 1 << 16;
  static constexpr uint32_t kObserved = 1 << 17;
  static constexpr uint32_t kStartReported = 1 << 18;
  static constexpr uint32_t kEndReported = 1 << 19;
  static constexpr uint32_t kDelayed = 1 << 20;
  static constexpr uint32_t kHeld = 1 << 21;

  static bool HasTimes(uint64_t word) {
    return (word & (kDetached | kObserved)) != kDetached;
  }

  // Whether the thread that runs the task and waits for it has all there are.
  static bool IsAlone(uint64_t word) {
    return (word & kAlone) != 0 && word >> 32 == 2;
  }

  struct Callback {
    CallbackId id;
    absl::AnyInvocable<void(TaskState&)> run;
  };
  // Allocated for the few states that need it. As the trampoline's item, it
  // runs the callbacks.
  struct Extras final : Trampoline::Item {
    explicit Extras(TaskState& owner) : state(owner) {}
    void Run() noexcept override {
      state.RunCallbacks();
      state.Release();
    }

    TaskState& state;
    std::string name;                            // const once shared
    std::unique_ptr<TaskAttachment> attachment;  // const once shared
    std::string traceparent;                     // const once shared; or empty
    std::unique_ptr<TaskAttachment> run_attachment;  // its runner's only
    std::exception_ptr error;  // see ErrorApart(); published by the word
    // The thread that has put them off; each thread looks for itself only.
    std::atomic<const void*> put_off_on{nullptr};
    Mutex mu;
    // In order; those before next_callback have left.
    std::vector<Callback> callbacks ABSL_GUARDED_BY(mu);
    size_t next_callback ABSL_GUARDED_BY(mu) = 0;
    CallbackId next_callback_id ABSL_GUARDED_BY(mu) = 1;
    std::optional<TaskProgress> progress ABSL_GUARDED_BY(mu);
  };

  // States whose destruction others have set off, one inside the other. Those
  // beyond a few levels are put off: a chain of them must not end the stack.
  struct Destruction {
    int depth;
    TaskState* put_off;
  };
  static constexpr int kMaxDestructionDepth = 16;

  static bool IsDone(uint64_t word) {
    return (word & kStageMask) >= kFirstDone;
  }
  static FutureState StateOf(uint64_t word);

  const uint32_t* wait_address() const;
  bool Move(Stage from, Stage to);
  bool WaitUntilDone(absl::Duration timeout, bool alone);
  // StoreError(), for a state whose callable may still be there.
  void StoreErrorBesideCallable(std::exception_ptr error) noexcept;
  void Destroy() noexcept {
    Destruction& destruction = destruction_;
    if (destruction.depth == kMaxDestructionDepth) {
      next_put_off_ = std::exchange(destruction.put_off, this);
      return;
    }
    ++destruction.depth;
    delete this;
    if (destruction.depth == kMaxDestructionDepth) DestroyPutOff();
    --destruction.depth;
  }
  static void DestroyPutOff() noexcept;
  Extras& EnsureExtras();
  // Under the callbacks' lock, which are none now: a state that is never
  // published must not keep itself. The caller has a reference.
  void DropCallbackList();
  // The caller gets to run what the list's reference stands for.
  void StartCallbacks(Extras& extras) noexcept;
  void RunCallbacks() noexcept;
  // Those that came before a callback which is to run now, on this thread.
  void RunPutOffCallbacks() noexcept;
  void RunCallback(absl::AnyInvocable<void(TaskState&)>& callback) noexcept;

  std::atomic<uint64_t> word_;
  std::atomic<Extras*> extras_{nullptr};
  TaskOwner* const owner_;
  union {
    uint64_t task_id_ = 0;
    TaskState* next_put_off_;  // once nobody else has a reference
  };
  TaskClock clock_;  // without meaning where no future can ask

  static inline constinit thread_local Destruction destruction_ = {0, nullptr};
};

// References that were to be given up under a lock, where nothing may be
// destroyed: those that are the last ones are kept until the list ends, with no
// lock held. Takes no memory.
class DroppedStates {
 public:
  DroppedStates() = default;
  DroppedStates(DroppedStates&& other) noexcept
      : first_(std::exchange(other.first_, nullptr)) {}
  DroppedStates& operator=(DroppedStates&& other) noexcept {
    std::swap(first_, other.first_);
    return *this;
  }
  ~DroppedStates() {
    while (TaskState* const state = first_) {
      first_ = state->next_put_off_;
      state->Release();
    }
  }

  bool empty() const { return first_ == nullptr; }
  void Add(TaskState* state) {
    if (state->ReleaseIfShared()) return;
    state->next_put_off_ = std::exchange(first_, state);
  }

 private:
  TaskState* first_ = nullptr;
};

// Owns one reference to a state.
template <typename State>
class StateRef {
 public:
  StateRef() = default;
  // Takes over a reference that the caller owns.
  static StateRef Adopt(State* state) { return StateRef(state); }
  static StateRef Share(State* state) {
    state->AddReference();
    return StateRef(state);
  }

  static StateRef ShareNew(State* state) {
    state->AddReferenceToNew();
    return StateRef(state);
  }

  StateRef(const StateRef& other) : state_(other.state_) {
    if (state_ != nullptr) state_->AddReference();
  }
  StateRef(StateRef&& other) noexcept
      : state_(std::exchange(other.state_, nullptr)) {}
  StateRef& operator=(StateRef other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~StateRef() {
    if (state_ != nullptr) state_->Release();
  }

  State* get() const { return state_; }
  State* operator->() const { return state_; }
  State& operator*() const { return *state_; }
  explicit operator bool() const { return state_ != nullptr; }
  // Gives the reference to the caller.
  State* Detach() { return std::exchange(state_, nullptr); }

 private:
  explicit StateRef(State* state) : state_(state) {}
  State* state_ = nullptr;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_FUTURE_INTERNAL_TASK_STATE_H_

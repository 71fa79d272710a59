#ifndef ASYNCPAL_FUTURE_INTERNAL_SHARED_STATE_H_
#define ASYNCPAL_FUTURE_INTERNAL_SHARED_STATE_H_

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
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

class StateBase;

// What a pool is to the tasks that it has accepted. A task calls it only while
// it is not done, and a pool outlives its tasks until then.
class TaskOwner {
 public:
  // `task` was pending and now belongs to the caller, who will publish
  // `outcome` next: the pool forgets it. Called with no lock held.
  virtual void OnPendingClaimed(StateBase& task, FutureState outcome) = 0;

  // `task` ran here and is about to be published as `outcome`.
  virtual void OnFinished(StateBase& task, FutureState outcome) = 0;

  // A task without a future has failed. Called before OnPendingClaimed(), after
  // OnFinished().
  virtual void OnUnobservedFailure(const StateBase& task,
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
//   pending --Offer--> offered --StartOffered--> running
//                         \----TakeBack---> pending
//
// A task is offered while its runner has prefetched it and may start it by
// itself.
// Who has claimed the state may write the outcome, and Publish() makes it
// visible. Publish() gives up the publisher's reference in the same operation,
// so that a reference count of one means that nobody else can look.
class StateBase {
 public:
  StateBase(TaskOwner* owner, uint32_t flags)
      : word_(kReference | flags),
        owner_(owner),
        clock_((flags & kDetached) != 0 ? 0 : NowTicks()) {}
  virtual ~StateBase();
  StateBase(const StateBase&) = delete;
  StateBase& operator=(const StateBase&) = delete;

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
    // Who has the only reference need not tell anyone.
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
  CallbackId AddCallback(absl::AnyInvocable<void(StateBase&)> callback);
  bool RemoveCallback(CallbackId id);
  // Registers `callback` and returns its id; if the state is done already, 0,
  // and `callback` is left as it was.
  CallbackId TryAddCallback(absl::AnyInvocable<void(StateBase&)>& callback);
  // Like AddCallback(), but where that would run the callback inside another
  // one, it is put off until that has returned or waits.
  void AddContinuation(absl::AnyInvocable<void(StateBase&)> callback);

  // `task 7`, with its name if it has one: for messages.
  std::string Describe() const;
  std::string name() const;

  // --- What producers call. ---
  bool Start();  // pending -> running; the caller must Run() it
  // The same by a thread that waits for it `alone`, see Wait(), and has the
  // queue's reference as well. If these are all there are, nobody else can look
  // any more: the state changes without locked operations, and the times that
  // nobody can ask for are not kept.
  bool StartAlone() {
    const uint64_t word = word_.load(std::memory_order_acquire);
    if (word >> 32 != 2 || (word & kStageMask) != kPending) return Start();
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
  // Whether Start() would do so at this moment.
  bool can_start() const { return (word_.load(kAcquire) & kStageMask) == 0; }
  bool Offer();         // pending -> offered
  bool StartOffered();  // offered -> running; the caller must Run() it
  bool TakeBack();      // offered -> pending
  // pending -> claimed. A task that is offered is revoked first.
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
  // Who runs the task, if that is not a thread of its pool's; lives as long as
  // the task does. Null: one of those does.
  virtual TaskRunner* runner() { return nullptr; }
  // Runs the callable without touching the state; lets its exception out.
  virtual void InvokeDetached() {}
  // Called by PublishClaimed(), right before the state becomes `outcome`.
  virtual void OnGivenBack(FutureState outcome,
                           const std::exception_ptr& error) noexcept {
    static_cast<void>(outcome);
    static_cast<void>(error);
  }

  TaskOwner* owner() const { return owner_; }
  bool is_pool_task() const { return (word_.load(kAcquire) & kPoolTask) != 0; }
  bool is_tracked() const { return (word_.load(kAcquire) & kTracked) != 0; }

  // Written before the state is shared, then constant.
  void set_task_id(uint64_t id) { task_id_ = id; }
  void Attach(std::string name, std::unique_ptr<TaskAttachment> attachment);
  TaskAttachment* attachment() const;

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
    kOffered = 1,  // still looks pending from outside
    kClaimed = 2,  // so does this
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

  // Whether the thread that runs the task and waits for it has all there are.
  static bool IsAlone(uint64_t word) {
    return (word & kAlone) != 0 && word >> 32 == 2;
  }

  struct Callback {
    CallbackId id;
    absl::AnyInvocable<void(StateBase&)> run;
  };
  // Allocated for the few states that need it. As the trampoline's item, it
  // runs the callbacks.
  struct Extras final : Trampoline::Item {
    explicit Extras(StateBase& owner) : state(owner) {}
    void Run() noexcept override {
      state.RunCallbacks();
      state.Release();
    }

    StateBase& state;
    std::string name;                            // const once shared
    std::unique_ptr<TaskAttachment> attachment;  // const once shared
    std::exception_ptr error;  // see ErrorApart(); published by the word
    // The thread that has put them off; each thread looks for itself only.
    std::atomic<const void*> put_off_on{nullptr};
    Mutex mu;
    // In order; those before next_callback have left.
    std::vector<Callback> callbacks ABSL_GUARDED_BY(mu);
    size_t next_callback ABSL_GUARDED_BY(mu) = 0;
    CallbackId next_callback_id ABSL_GUARDED_BY(mu) = 1;
  };

  // States whose destruction others have set off, one inside the other. Those
  // beyond a few levels are put off: a chain of them must not end the stack.
  struct Destruction {
    int depth;
    StateBase* put_off;
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
  void RunCallback(absl::AnyInvocable<void(StateBase&)>& callback) noexcept;

  std::atomic<uint64_t> word_;
  std::atomic<Extras*> extras_{nullptr};
  TaskOwner* const owner_;
  union {
    uint64_t task_id_ = 0;
    StateBase* next_put_off_;  // once nobody else has a reference
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
    while (StateBase* const state = first_) {
      first_ = state->next_put_off_;
      state->Release();
    }
  }

  bool empty() const { return first_ == nullptr; }
  void Add(StateBase* state) {
    if (state->ReleaseIfShared()) return;
    state->next_put_off_ = std::exchange(first_, state);
  }

 private:
  StateBase* first_ = nullptr;
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

#endif  // ASYNCPAL_FUTURE_INTERNAL_SHARED_STATE_H_

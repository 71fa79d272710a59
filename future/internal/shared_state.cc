#include "asyncpal/future/internal/shared_state.h"

#include <bit>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "asyncpal/future/countdown.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/clock.h"
#include "asyncpal/future/internal/execution_context.h"
#include "asyncpal/future/internal/futex.h"

namespace asyncpal::internal {
namespace {

// The id of a callback that was never registered.
constexpr CallbackId kRanAtOnce = ~CallbackId{0};

}  // namespace

static_assert(std::endian::native == std::endian::little,
              "the futex is the low half of word_");

StateBase::~StateBase() { delete extras_.load(kAcquire); }

void StateBase::DestroyPutOff() noexcept {
  while (StateBase* const state = destruction_.put_off) {
    destruction_.put_off = state->next_put_off_;
    delete state;
  }
}

FutureState StateBase::StateOf(uint64_t word) {
  switch (word & kStageMask) {
    case kPending:
    case kOffered:
    case kClaimed:
      return FutureState::kPending;
    case kRunning:
    case kSettling:
      return FutureState::kRunning;
    default:
      return static_cast<FutureState>(
          static_cast<int>(word & kStageMask) - kFirstDone +
          static_cast<int>(FutureState::kCompleted));
  }
}

const uint32_t* StateBase::wait_address() const {
  return reinterpret_cast<const uint32_t*>(&word_);
}

bool StateBase::Move(Stage from, Stage to) {
  uint64_t word = word_.load(std::memory_order_acquire);
  if (IsAlone(word) && (word & kStageMask) == from) {
    word_.store(word + to - from, std::memory_order_relaxed);
    return true;
  }
  while ((word & kStageMask) == from) {
    if (word_.compare_exchange_weak(word, word + to - from,
                                    std::memory_order_acq_rel,
                                    std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

bool StateBase::Start() { return Move(kPending, kRunning); }

bool StateBase::Offer() { return Move(kPending, kOffered); }

bool StateBase::StartOffered() { return Move(kOffered, kRunning); }

bool StateBase::TakeBack() { return Move(kOffered, kPending); }

bool StateBase::ClaimPending() {
  while (!Move(kPending, kClaimed)) {
    if ((word_.load(kAcquire) & kStageMask) != kOffered) return false;
    TaskRunner* const runner = this->runner();
    if (runner == nullptr || !runner->Revoke(*this)) return false;
  }
  return true;
}

bool StateBase::ClaimRunning() { return Move(kRunning, kSettling); }

void StateBase::Run(int64_t now) {
  if (!is_alone()) MarkStarted(now);
  RunningTask link(*this);
  Execute();
}

void StateBase::Finish(FutureState outcome, std::exception_ptr error) {
  const uint64_t word = word_.load(std::memory_order_relaxed);
  if ((word & kDetached) == 0 && !IsAlone(word)) clock_.MarkEnded(NowTicks());
  if ((word & kPoolTask) != 0) {
    owner_->OnFinished(*this, outcome);
    if ((word & kDetached) != 0 && outcome == FutureState::kFailed) {
      owner_->OnUnobservedFailure(*this, error);
    }
  }
  // The collectors are to destroy it, when they want to.
  error = nullptr;
  Publish(outcome);
}

void StateBase::Publish(FutureState outcome) {
  const uint64_t word = word_.load(kAcquire);
  const uint64_t stage = word & kStageMask;
  const uint64_t done = kFirstDone + static_cast<uint64_t>(outcome) -
                        static_cast<uint64_t>(FutureState::kCompleted);
  if (word >> 32 == 1) {  // nobody can look any more
    word_.store(word + done - stage, std::memory_order_relaxed);
    Destroy();
    return;
  }
  if (IsAlone(word)) {  // it has no callbacks: these would have a reference
    word_.store(word + done - stage - kReference - kAlone,
                std::memory_order_relaxed);
    return;
  }
  const uint32_t* const address = wait_address();
  // After this, *this may be gone unless callbacks hold it: sleepers are woken
  // by their address alone.
  const uint64_t old =
      word_.fetch_add(done - stage - kReference, std::memory_order_seq_cst);
  if ((old & kWaiters) != 0) FutexWakeAll(address);
  if ((old & kCallbacks) != 0) {
    StartCallbacks(*extras_.load(kAcquire));
  } else if (old >> 32 == 1) {
    Destroy();
  }
}

void StateBase::SettleClaimed(FutureState outcome, std::exception_ptr error) {
  // The owner drops its reference, and the destructor of the callable may drop
  // the last future.
  AddReference();
  const uint64_t word = word_.load(std::memory_order_relaxed);
  if ((word & kPoolTask) != 0) {
    if ((word & kDetached) != 0 && outcome == FutureState::kFailed) {
      owner_->OnUnobservedFailure(*this, error);
    }
    owner_->OnPendingClaimed(*this, outcome);  // it may be gone after this
  }
  if ((word & kCallableGone) == 0) DropCallable();
  if (error != nullptr) StoreError(std::move(error));
  clock_.MarkEnded(NowTicks());
  Publish(outcome);
}

void StateBase::PublishClaimed(FutureState outcome, std::exception_ptr error) {
  AddReference();
  OnGivenBack(outcome, error);
  StoreErrorBesideCallable(std::move(error));
  clock_.MarkEnded(NowTicks());
  Publish(outcome);
}

void StateBase::StoreErrorBesideCallable(std::exception_ptr error) noexcept {
  const uint64_t word = word_.load(std::memory_order_relaxed);
  if ((word & kHasCallable) != 0) word_.fetch_or(kCallableKept);
  if (error == nullptr) return;
  if ((word & kCallableInRoom) == 0) {
    StoreError(std::move(error));
    return;
  }
  try {
    EnsureExtras().error = std::move(error);
  } catch (const std::bad_alloc&) {  // see ErrorApart()
  }
  word_.fetch_or(kErrorApart);
}

std::exception_ptr StateBase::ErrorApart() const {
  if (!has_error_apart()) return nullptr;
  const Extras* const extras = extras_.load(kAcquire);
  return extras != nullptr && extras->error != nullptr
             ? extras->error
             : std::make_exception_ptr(std::bad_alloc());
}

bool StateBase::Settle(FutureState outcome, std::exception_ptr error) {
  if (ClaimPending()) {
    SettleClaimed(outcome, std::move(error));
    return true;
  }
  if (!ClaimRunning()) return false;
  AddReference();
  StoreErrorBesideCallable(error);
  Finish(outcome, std::move(error));
  return true;
}

bool StateBase::Cancel() {
  uint64_t word = word_.load(kAcquire);
  do {
    if (IsDone(word)) return false;
  } while (!word_.compare_exchange_weak(word, word | kCancelRequested));
  if (ClaimPending()) {
    SettleClaimed(FutureState::kCancelled, nullptr);
    return true;
  }
  RequestStop();
  return false;
}

bool StateBase::Kill() {
  // A task that looks pending may prove to be running when it is revoked.
  if (Cancel()) return true;
  TaskRunner* const runner = this->runner();
  if (runner == nullptr || state() != FutureState::kRunning ||
      !runner->KillRunning(*this)) {
    return false;
  }
  RequestCancel();
  Settle(FutureState::kCancelled, nullptr);
  if (state() != FutureState::kCancelled) return false;
  runner->KillRunning(*this);  // for whoever has begun with it meanwhile
  return true;
}

bool StateBase::WaitUntilDone(absl::Duration timeout, bool alone) {
  // What this thread has put off may be what completes this.
  Trampoline::RunPutOffUntil([this] { return is_done(); });
  if (is_done()) return true;
  if (timeout <= absl::ZeroDuration()) return false;
  // What has not begun is on no stack.
  if (state() == FutureState::kRunning && RunningTask::IsOnThisThread(*this)) {
    throw InvalidStateError(absl::StrCat(
        Describe(), " waits for its own result, which can never come"));
  }
  // A limited wait must not run a task of unknown length on this thread.
  if (timeout == absl::InfiniteDuration()) {
    ExecutionContext* const context = ExecutionContext::Current();
    if (context != nullptr && context->RunInline(*this, alone)) {
      return true;
    }
    TaskRunner* const runner = this->runner();
    if (runner != nullptr && runner->ReceiveOnWaiter(*this)) return true;
  }
  const Countdown countdown(timeout);
  if (YieldUntil([this] { return is_done(); })) return true;

  BlockingScope blocking(this);
  uint64_t word = word_.load(kAcquire);
  while (!IsDone(word)) {
    if ((word & kWaiters) == 0 &&
        !word_.compare_exchange_weak(word, word | kWaiters)) {
      continue;
    }
    const absl::Duration left = countdown.Remaining();
    if (left == absl::ZeroDuration()) return false;
    FutexWait(wait_address(), static_cast<uint32_t>(word | kWaiters),
              blocking.LimitSleep(left));
    word = word_.load(kAcquire);
  }
  return true;
}

TaskTimes StateBase::duration() const {
  const bool done = is_done();
  return clock_.Times(done, done ? 0 : NowTicks());
}

StateBase::Extras& StateBase::EnsureExtras() {
  Extras* extras = extras_.load(kAcquire);
  if (extras != nullptr) return *extras;
  auto fresh = std::make_unique<Extras>(*this);
  if (extras_.compare_exchange_strong(extras, fresh.get())) {
    return *fresh.release();
  }
  return *extras;
}

void StateBase::Attach(std::string name,
                       std::unique_ptr<TaskAttachment> attachment) {
  Extras& extras = EnsureExtras();
  extras.name = std::move(name);
  extras.attachment = std::move(attachment);
}

TaskAttachment* StateBase::attachment() const {
  const Extras* extras = extras_.load(kAcquire);
  return extras == nullptr ? nullptr : extras->attachment.get();
}

std::string StateBase::name() const {
  const Extras* extras = extras_.load(kAcquire);
  return extras == nullptr ? "" : extras->name;
}

std::string StateBase::Describe() const {
  if (task_id_ == 0 && !is_pool_task()) return "this future";
  const std::string id = task_id_ == 0 ? "" : absl::StrCat(" ", task_id_);
  const std::string own_name = name();
  return own_name.empty() ? absl::StrCat("task", id)
                          : absl::StrCat("task", id, " \"", own_name, "\"");
}

CallbackId StateBase::AddCallback(
    absl::AnyInvocable<void(StateBase&)> callback) {
  if (const CallbackId id = TryAddCallback(callback); id != 0) return id;
  RunPutOffCallbacks();
  Trampoline::Scope scope;
  RunCallback(callback);
  return kRanAtOnce;
}

void StateBase::AddContinuation(absl::AnyInvocable<void(StateBase&)> callback) {
  if (TryAddCallback(callback) != 0) return;
  if (!Trampoline::is_busy()) {
    Trampoline::Scope scope;
    RunCallback(callback);
    return;
  }
  Extras& extras = EnsureExtras();
  {
    MutexLock lock(extras.mu);
    extras.callbacks.push_back(
        {extras.next_callback_id++, std::move(callback)});
    // Whoever is to run the others, or is about to stop, needs this lock.
    if ((word_.load(kAcquire) & kCallbacks) != 0) return;
    word_.fetch_add(kCallbacks + kReference, std::memory_order_relaxed);
  }
  StartCallbacks(extras);
}

CallbackId StateBase::TryAddCallback(
    absl::AnyInvocable<void(StateBase&)>& callback) {
  if (is_done()) return 0;
  Extras& extras = EnsureExtras();
  MutexLock lock(extras.mu);
  // The first callback sets the flag and adds the reference that the list
  // owns, in one step. Publish() either sees both, and then waits for this
  // lock to take the list, or came before.
  uint64_t word = word_.load(kAcquire);
  while (!IsDone(word)) {
    if ((word & kCallbacks) != 0 ||
        word_.compare_exchange_weak(word, (word | kCallbacks) + kReference)) {
      const CallbackId id = extras.next_callback_id++;
      extras.callbacks.push_back({id, std::move(callback)});
      return id;
    }
  }
  return 0;
}

bool StateBase::RemoveCallback(CallbackId id) {
  Extras* extras = extras_.load(kAcquire);
  if (extras == nullptr) return false;
  Callback removed;  // destroyed after the lock is given back
  MutexLock lock(extras->mu);
  auto& callbacks = extras->callbacks;
  for (size_t i = extras->next_callback; i < callbacks.size(); ++i) {
    if (callbacks[i].id != id) continue;
    removed = std::move(callbacks[i]);
    callbacks.erase(callbacks.begin() + static_cast<ptrdiff_t>(i));
    if (callbacks.empty()) DropCallbackList();
    return true;
  }
  return false;
}

void StateBase::DropCallbackList() {
  // Once it is published, the publisher has the list's reference.
  uint64_t word = word_.load(kAcquire);
  while (!IsDone(word) &&
         !word_.compare_exchange_weak(
             word, (word & ~uint64_t{kCallbacks}) - kReference)) {
  }
}

void StateBase::StartCallbacks(Extras& extras) noexcept {
  if (Trampoline::is_busy()) {
    extras.put_off_on.store(Trampoline::ThisThread(),
                            std::memory_order_relaxed);
  }
  Trampoline::Run(extras);
}

void StateBase::RunPutOffCallbacks() noexcept {
  if (!Trampoline::has_put_off()) return;
  const Extras* const extras = extras_.load(kAcquire);
  if (extras == nullptr) return;
  Trampoline::RunPutOffUntil([extras] {
    return extras->put_off_on.load(std::memory_order_relaxed) !=
           Trampoline::ThisThread();
  });
}

void StateBase::RunCallbacks() noexcept {
  Extras& extras = *extras_.load(kAcquire);
  extras.put_off_on.store(nullptr, std::memory_order_relaxed);
  // Each leaves the list only when its turn comes: until then, an earlier one
  // or another thread can remove it.
  for (;;) {
    Callback callback;  // runs and is destroyed with no lock held
    {
      MutexLock lock(extras.mu);
      if (extras.next_callback == extras.callbacks.size()) {
        word_.fetch_sub(kCallbacks, std::memory_order_relaxed);
        return;
      }
      callback = std::move(extras.callbacks[extras.next_callback++]);
      if (extras.next_callback == extras.callbacks.size()) {
        extras.callbacks.clear();
        extras.next_callback = 0;
      }
    }
    RunCallback(callback.run);
  }
}

void StateBase::RunCallback(
    absl::AnyInvocable<void(StateBase&)>& callback) noexcept {
  try {
    callback(*this);
  } catch (...) {
    LogFailure(absl::StrCat("a callback of ", Describe(), " threw"),
               std::current_exception());
  }
}

}  // namespace asyncpal::internal

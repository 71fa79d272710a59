#include "asyncpal/future/internal/task_state.h"

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

TaskState::~TaskState() { delete extras_.load(kAcquire); }

void TaskState::DestroyPutOff() noexcept {
  while (TaskState* const state = destruction_.put_off) {
    destruction_.put_off = state->next_put_off_;
    delete state;
  }
}

FutureState TaskState::StateOf(uint64_t word) {
  switch (word & kStageMask) {
    case kPending:
    case kPrefetched:
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

const uint32_t* TaskState::wait_address() const {
  return reinterpret_cast<const uint32_t*>(&word_);
}

bool TaskState::Move(Stage from, Stage to) {
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

bool TaskState::Start() { return Move(kPending, kRunning); }

bool TaskState::Prefetch() { return Move(kPending, kPrefetched); }

bool TaskState::StartPrefetched() { return Move(kPrefetched, kRunning); }

bool TaskState::Requeue() { return Move(kPrefetched, kPending); }

bool TaskState::ClaimPending() {
  while (!Move(kPending, kClaimed)) {
    if ((word_.load(kAcquire) & kStageMask) != kPrefetched) return false;
    TaskRunner* const runner = this->runner();
    if (runner == nullptr || !runner->Revoke(*this)) return false;
  }
  return true;
}

bool TaskState::ClaimRunning() { return Move(kRunning, kSettling); }

void TaskState::Run(int64_t now) {
  if (!is_alone()) MarkStarted(now);
  RunningTask link(*this);
  Execute();
}

void TaskState::Finish(FutureState outcome, std::exception_ptr error) {
  const uint64_t word = word_.load(std::memory_order_relaxed);
  if (HasTimes(word) && !IsAlone(word)) clock_.MarkEnded(NowTicks());
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

void TaskState::Publish(FutureState outcome) {
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

void TaskState::SettleClaimed(FutureState outcome, std::exception_ptr error) {
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

void TaskState::PublishClaimed(FutureState outcome, std::exception_ptr error) {
  AddReference();
  OnGivenBack(outcome, error);
  StoreErrorBesideCallable(std::move(error));
  clock_.MarkEnded(NowTicks());
  Publish(outcome);
}

void TaskState::StoreErrorBesideCallable(std::exception_ptr error) noexcept {
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

std::exception_ptr TaskState::ErrorApart() const {
  if (!has_error_apart()) return nullptr;
  const Extras* const extras = extras_.load(kAcquire);
  return extras != nullptr && extras->error != nullptr
             ? extras->error
             : std::make_exception_ptr(std::bad_alloc());
}

bool TaskState::Settle(FutureState outcome, std::exception_ptr error) {
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

bool TaskState::Cancel() {
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

bool TaskState::Kill() {
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

bool TaskState::WaitUntilDone(absl::Duration timeout, bool alone) {
  // What this thread has put off may be what completes this.
  Trampoline::RunPutOffUntil([this] { return is_done(); });
  if (is_done()) return true;
  if (timeout <= absl::ZeroDuration()) return false;
  // What has not begun is on no stack.
  const uint64_t seen = word_.load(kAcquire);
  const uint64_t stage = seen & kStageMask;
  if ((stage == kRunning || stage == kSettling) &&
      RunningTask::IsOnThisThread(*this)) {
    throw InvalidStateError(absl::StrCat(
        Describe(), " waits for its own result, which can never come"));
  }
  if ((seen & kHeld) != 0) [[unlikely]] {
    RunningTask::ForEachOnThisThread(
        [this](TaskState& waiter) { waiter.CheckWaitForHeld(*this); });
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

TaskTimes TaskState::duration() const {
  const bool done = is_done();
  return clock_.Times(done, done ? 0 : NowTicks());
}

TaskState::Extras& TaskState::EnsureExtras() {
  Extras* extras = extras_.load(kAcquire);
  if (extras != nullptr) return *extras;
  auto fresh = std::make_unique<Extras>(*this);
  if (extras_.compare_exchange_strong(extras, fresh.get())) {
    return *fresh.release();
  }
  return *extras;
}

void TaskState::Attach(std::string name,
                       std::unique_ptr<TaskAttachment> attachment) {
  Extras& extras = EnsureExtras();
  extras.name = std::move(name);
  extras.attachment = std::move(attachment);
}

TaskAttachment* TaskState::attachment() const {
  const Extras* extras = extras_.load(kAcquire);
  return extras == nullptr ? nullptr : extras->attachment.get();
}

const std::string* TaskState::own_name() const {
  const Extras* extras = extras_.load(kAcquire);
  return extras == nullptr || extras->name.empty() ? nullptr : &extras->name;
}

std::string TaskState::name() const {
  const std::string* const own = own_name();
  return own == nullptr ? "" : *own;
}

void TaskState::SetTraceparent(std::string traceparent) {
  EnsureExtras().traceparent = std::move(traceparent);
}

const std::string* TaskState::traceparent() const {
  const Extras* extras = extras_.load(kAcquire);
  return extras == nullptr || extras->traceparent.empty()
             ? nullptr
             : &extras->traceparent;
}

void TaskState::ReportProgress(TaskProgress progress) {
  Extras& extras = EnsureExtras();
  MutexLock lock(extras.mu);
  if (!extras.progress.has_value()) extras.progress.emplace();
  std::swap(*extras.progress, progress);  // the old one goes without the lock
}

std::optional<TaskProgress> TaskState::progress() {
  if (state() != FutureState::kRunning) return std::nullopt;
  if (TaskRunner* const runner = this->runner()) {
    return runner->ProgressOf(*this);
  }
  Extras* const extras = extras_.load(kAcquire);
  if (extras == nullptr) return std::nullopt;
  MutexLock lock(extras->mu);
  return extras->progress;
}

std::string TaskState::Describe() const {
  if (task_id_ == 0 && !is_pool_task()) return "this future";
  const std::string id = task_id_ == 0 ? "" : absl::StrCat(" ", task_id_);
  const std::string own_name = name();
  return own_name.empty() ? absl::StrCat("task", id)
                          : absl::StrCat("task", id, " \"", own_name, "\"");
}

CallbackId TaskState::AddCallback(
    absl::AnyInvocable<void(TaskState&)> callback) {
  if (const CallbackId id = TryAddCallback(callback); id != 0) return id;
  RunPutOffCallbacks();
  Trampoline::Scope scope;
  RunCallback(callback);
  return kRanAtOnce;
}

void TaskState::AddContinuation(absl::AnyInvocable<void(TaskState&)> callback) {
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

CallbackId TaskState::TryAddCallback(
    absl::AnyInvocable<void(TaskState&)>& callback) {
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

bool TaskState::RemoveCallback(CallbackId id) {
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

void TaskState::DropCallbackList() {
  // Once it is published, the publisher has the list's reference.
  uint64_t word = word_.load(kAcquire);
  while (!IsDone(word) &&
         !word_.compare_exchange_weak(
             word, (word & ~uint64_t{kCallbacks}) - kReference)) {
  }
}

void TaskState::StartCallbacks(Extras& extras) noexcept {
  if (Trampoline::is_busy()) {
    extras.put_off_on.store(Trampoline::ThisThread(),
                            std::memory_order_relaxed);
  }
  Trampoline::Run(extras);
}

void TaskState::RunPutOffCallbacks() noexcept {
  if (!Trampoline::has_put_off()) return;
  const Extras* const extras = extras_.load(kAcquire);
  if (extras == nullptr) return;
  Trampoline::RunPutOffUntil([extras] {
    return extras->put_off_on.load(std::memory_order_relaxed) !=
           Trampoline::ThisThread();
  });
}

void TaskState::RunCallbacks() noexcept {
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

void TaskState::RunCallback(
    absl::AnyInvocable<void(TaskState&)>& callback) noexcept {
  try {
    callback(*this);
  } catch (...) {
    LogFailure(absl::StrCat("a callback of ", Describe(), " threw"),
               std::current_exception());
  }
}

}  // namespace asyncpal::internal

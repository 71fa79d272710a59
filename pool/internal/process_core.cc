#include "asyncpal/pool/internal/process_core.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "absl/strings/str_cat.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/clock.h"
#include "asyncpal/pool/internal/initializer.h"

namespace asyncpal::internal {

void CheckProcessLimits(WhenFull when_full, int64_t max_pending_bytes,
                        int max_restarts, absl::Duration restart_window) {
  if (when_full == WhenFull::kCallerRuns) {
    throw std::invalid_argument(
        "when_full is kCallerRuns; a process pool runs no task on the calling "
        "thread");
  }
  CheckLimit("max_pending_bytes", max_pending_bytes);
  if (max_restarts < 0) {
    throw std::invalid_argument(
        absl::StrCat("max_restarts is ", max_restarts,
                     "; it must not be negative (0: the default)"));
  }
  CheckDuration("restart_window", restart_window);
}

std::shared_ptr<ProcessCore> ProcessCore::Make(PoolOptions options,
                                               Options remote,
                                               ShutdownRegistry* registry) {
  CheckProcessOptions(remote);
  std::shared_ptr<ProcessCore> core(
      new ProcessCore(std::move(options), std::move(remote), registry));
  core->RegisterForShutdown();
  return core;
}

ProcessCore::ProcessCore(PoolOptions options, Options remote,
                         ShutdownRegistry* registry)
    : ThreadCore(std::move(options), remote.max_pending_bytes, registry,
                 remote.log_sink),
      supply_(std::move(remote), options_.name, options_.max_workers) {}

int64_t ProcessCore::PendingBytes(TaskState& task) const {
  return static_cast<int64_t>(RemoteCall::Of(task)->call().arguments.size());
}

ThreadCore::WorkerPtr ProcessCore::MakeWorker(int64_t id, std::string name) {
  return std::make_shared<ProcessDriver>(static_cast<ThreadCore&>(*this),
                                         static_cast<DriverPool&>(*this),
                                         supply_, id, std::move(name));
}

bool ProcessCore::HasOtherWorkers() {
  MutexLock lock(mu_);
  return roster_.size() > 1;
}

EncodedCall ProcessCore::TakeCall(CancelledTask& task) {
  StateRef<TaskState>& state = TaskOf(task);
  if (!state) {
    throw InvalidStateError(
        "this CancelledTask was already called or moved from");
  }
  RemoteCall* const call = RemoteCall::Of(*state);
  if (call == nullptr) {
    throw SerializationError(absl::StrCat(
        "cancelled ", state->Describe(),
        " comes from a thread pool, and its callable can't be sent to another "
        "process; call it, or post it to a thread pool"));
  }
  EncodedCall taken = call->TakeCall();
  state = {};
  return taken;
}

void ProcessCore::Test() {
  const auto child = supply_.Connect(absl::StrCat(options_.name, "-test"));
  if (const std::exception_ptr error = child->Handshake()) {
    std::rethrow_exception(
        InitializerFailure<InitializerError>(Label(), error));
  }
  if (const std::exception_ptr error = child->Stop()) {
    std::rethrow_exception(InitializerFailure<FinalizerError>(Label(), error));
  }
}

// ------------------------------------------------- Without waking a driver

void ProcessCore::Submit(TaskState* task) {
  if (!SubmitDirectly(task, /*will_wait=*/false)) ThreadCore::Submit(task);
}

bool ProcessCore::TrySubmit(TaskState* task, bool is_chunk) {
  return SubmitDirectly(task, /*will_wait=*/false) ||
         ThreadCore::TrySubmit(task, is_chunk);
}

void ProcessCore::SubmitAndWait(TaskState* task) {
  // A driver has a process of its own to serve, and receives from no other.
  const bool will_wait = ThreadWorker::CurrentOf(*this) == nullptr;
  if (!SubmitDirectly(task, will_wait)) ThreadCore::Submit(task);
}

bool ProcessCore::SubmitDirectly(TaskState* task, bool will_wait) {
  RemoteCall& call = *RemoteCall::Of(*task);
  const Payload& arguments = call.call().arguments;
  if (task->is_tracked() || InForkedChild() ||
      !pending_limits_.CanEverHold(PendingBytes(*task)) ||
      (!arguments.is_memfd() && arguments.size() > kMaxInlineBytes)) {
    return false;
  }
  if (minds_submissions_.load(std::memory_order_relaxed)) {
    // Whoever sends a task here does not tell of its start.
    if ((observation_ != nullptr && observation_->keeps_runs()) ||
        Tracer::IsOn()) {
      return false;
    }
    PrepareSubmission(*task);
  }
  const auto mine = StateRef<TaskState>::Share(task);
  std::shared_ptr<ProcessDriver> driver;
  Handed handed;
  {
    MutexLock take(take_mu_);
    MutexLock lock(mu_);
    const WorkerPtr newest = roster_.NewestIdle();
    if (!accepting() || newest == nullptr || Waiting() > 0 || pauses_ > 0 ||
        newest->lost.load()) {
      return false;
    }
    BorrowedSlot* const slot = FindSlot(*newest);
    if (slot == nullptr) return false;
    driver = std::static_pointer_cast<ProcessDriver>(newest);
    roster_.BorrowNewest();
    UpdateHints();
    const int64_t now = NowTicks();
    StartDirectly(task);
    task->MarkStarted(now);
    MarkTaken(*driver, task);
    driver->running_since.store(now, std::memory_order_relaxed);
    call.BeginSend();
    slot->Borrow(task, will_wait);
    handed = driver->HandDirectly(task);
    call.SetRunner(driver.get());
    if (!will_wait && slot->SetWatched(true)) driver->WatchSocket(true);
  }
  try {
    handed.child->Send(handed.ticket, call.call(),
                       LabelsOf(*task, FirstAttempt(*task)));
  } catch (const std::exception&) {
    GiveUpDirect(*driver, handed.ticket);
  }
  call.EndSend();
  return true;
}

void ProcessCore::GiveUpDirect(ProcessDriver& driver,
                               const WorkerConnection::Ticket& ticket) {
  MutexLock take(take_mu_);
  MutexLock lock(mu_);
  driver.ForgetHanded(ticket);
  BorrowedSlot* const slot = FindSlot(driver);
  if (slot == nullptr || !slot->is_borrowed()) return;
  ReturnSlot(driver, *slot);
  driver.WakeUp();
}

void ProcessCore::ReturnSlot(ProcessDriver& driver, BorrowedSlot& slot) {
  slot.End(/*is_done=*/false);
  if (slot.child_ended()) driver.lost.store(true);
  StartSearching(driver);
  driver.wake.store(ThreadWorker::kWoken, std::memory_order_release);
}

BorrowedSlot* ProcessCore::FindSlot(const ThreadWorker& worker) {
  const auto found = borrowed_.find(worker.id);
  return found == borrowed_.end() ? nullptr : &found->second;
}

bool ProcessCore::IsBorrowed(ThreadWorker& worker) {
  BorrowedSlot* const slot = FindSlot(worker);
  if (slot == nullptr) return false;
  if (slot->is_neglected()) {
    ReturnSlot(static_cast<ProcessDriver&>(worker), *slot);
  }
  return slot->is_borrowed();
}

TaskState* ProcessCore::TakeBorrowed(ThreadWorker& worker) {
  BorrowedSlot* const slot = FindSlot(worker);
  return slot == nullptr ? nullptr : slot->TakeTask();
}

void ProcessCore::OnChildStarted(ProcessDriver& driver) {
  {
    MutexLock lock(mu_);
    borrowed_[driver.id].OnStarted();
    ++counts_.workers_started;
  }
  BeginAge(driver);
  driver.ready_since.store(NowNanos());
  ReportWorkerStarted(driver);
}

void ProcessCore::OnChildLost(ProcessDriver&) {
  MutexLock lock(mu_);
  ++counts_.workers_lost;
}

void ProcessCore::OnChildEnded(ProcessDriver& driver, const std::string& why) {
  ReportWorkerEnded(driver, why);
}

void ProcessCore::OnEvents(ProcessDriver& driver,
                           const WorkerWaiter::Events& events) {
  MutexLock lock(mu_);
  BorrowedSlot* const slot = FindSlot(driver);
  if (slot == nullptr) return;
  if (events.child_spoke) slot->OnSpoke();
  if (events.child_ended) slot->OnEnded();
  if (slot->child_ended() && !slot->is_borrowed()) driver.lost.store(true);
}

bool ProcessCore::BeginReceiveOnWaiter(ProcessDriver& driver,
                                       const TaskState& task) {
  MutexLock lock(mu_);
  BorrowedSlot* const slot = FindSlot(driver);
  return slot != nullptr && slot->BeginReceive(task);
}

void ProcessCore::WatchOnWaiter(ProcessDriver& driver) {
  MutexLock lock(mu_);
  BorrowedSlot* const slot = FindSlot(driver);
  if (slot != nullptr && slot->SetWatched(false)) driver.WatchSocket(false);
}

void ProcessCore::EndReceiveOnWaiter(ProcessDriver& driver, bool is_done) {
  {
    MutexLock take(take_mu_);
    MutexLock lock(mu_);
    BorrowedSlot* const slot = FindSlot(driver);
    if (slot == nullptr) return;
    if (is_done) {
      slot->End(/*is_done=*/true);
      if (slot->child_ended()) driver.lost.store(true);
      const Prefetched* const ahead = FindAhead(driver);
      if ((ahead == nullptr || ahead->empty()) && !HasRevocable() &&
          !MustRetire(driver) && WhyRecycle(driver) == nullptr &&
          ParkIfNoneWaits(driver)) {
        return;
      }
    }
    ReturnSlot(driver, *slot);
  }
  driver.WakeUp();
}

void ProcessCore::OnChildStopped(ProcessDriver& driver) {
  MutexLock take(take_mu_);
  MutexLock lock(mu_);
  const Prefetched* const ahead = FindAhead(driver);
  if (ahead != nullptr && ahead->empty()) prefetched_.erase(driver.id);
  borrowed_.erase(driver.id);
}

// ------------------------------------------------------ Ahead of its time
//
// A prefetched task waits behind the one that its process runs, and nobody
// knows how long that takes. So none waits there beside a worker that is idle,
// or may be started: tasks are prefetched only while there is neither, and
// whoever is about to park, or to leave, takes them from others first. What is
// prefetched after a worker has looked, and before it parks, it sees by
// prefetches_. process_explorer_test.cc tries all orders.

ProcessCore::Prefetched* ProcessCore::FindAhead(const ThreadWorker& worker) {
  const auto found = prefetched_.find(worker.id);
  return found == prefetched_.end() ? nullptr : &found->second;
}

size_t ProcessCore::CountToPrefetch(const ProcessDriver& driver,
                                    const Prefetched& ahead, bool is_quick) {
  const size_t wanted = ahead.CountWanted(is_quick);
  if (wanted == 0 || WhyRecycle(driver) != nullptr) return 0;
  const size_t count = std::min(wanted, FairPrefetchCount());
  const int max_tasks = options_.max_tasks_per_worker;
  if (max_tasks == 0) return count;
  const int64_t left = max_tasks - driver.tasks_since_start - 1 -
                       static_cast<int64_t>(ahead.size());
  return std::min(count, static_cast<size_t>(std::max<int64_t>(left, 0)));
}

DriverPool::Batch ProcessCore::Prefetch(ProcessDriver& driver,
                                        const Handed& running, bool is_quick) {
  Batch batch;
  MutexLock take(take_mu_);
  Prefetched& ahead = prefetched_[driver.id];
  const size_t count = CountToPrefetch(driver, ahead, is_quick);
  if (count > 0) {
    ahead.Reserve();
    batch.tasks.reserve(count);
    batch.orders.reserve(count);
  }
  while (batch.tasks.size() < count) {
    TaskState* const next = PrefetchNext();
    if (next == nullptr) break;
    if (!ahead.Fits(*next)) {
      MutexLock lock(mu_);
      Requeue(next);
      break;
    }
    RemoteCall& call = *RemoteCall::Of(*next);
    call.BeginSend();
    const WorkerConnection::Ticket ticket =
        running.child->IssueTicket(ahead.BusySlots(running.ticket));
    ahead.Add({next, running.child, ticket});
    call.SetRunner(&driver);
    batch.tasks.push_back(StateRef<TaskState>::Share(next));
    batch.orders.push_back(
        {ticket, &call.call(), LabelsOf(*next, FirstAttempt(*next))});
  }
  batch.notify_from = ahead.MiddleAttempt();
  return batch;
}

TaskState* ProcessCore::StartPrefetched(ProcessDriver& driver,
                                        const TaskState* only) {
  MutexLock take(take_mu_);
  Prefetched* const ahead = FindAhead(driver);
  if (ahead == nullptr || ahead->empty() ||
      (only != nullptr && !ahead->IsFirst(*only))) {
    return nullptr;
  }
  Prefetched::First first = ahead->TakeFirst();
  TaskState* const task = first.handed.task;
  if (first.newly_started) CountStarted(*task);
  MarkTaken(driver, task);
  driver.SetRunning(std::move(first.handed));
  return task;
}

bool ProcessCore::HasPrefetched(const ProcessDriver& driver) {
  MutexLock take(take_mu_);
  const Prefetched* const ahead = FindAhead(driver);
  return ahead != nullptr && !ahead->empty();
}

std::optional<DriverPool::Handed> ProcessCore::FindPrefetched(
    const ProcessDriver& driver, const TaskState& task) {
  MutexLock take(take_mu_);
  const Prefetched* const ahead = FindAhead(driver);
  const Handed* const handed =
      ahead == nullptr ? nullptr : ahead->FindStarted(task);
  return handed == nullptr ? std::nullopt : std::optional<Handed>(*handed);
}

bool ProcessCore::HasRevocable() const {
  return std::any_of(
      prefetched_.begin(), prefetched_.end(),
      [](const auto& entry) { return entry.second.LastPending() != nullptr; });
}

bool ProcessCore::RevokeFrom(Prefetched& ahead, TaskState& task) {
  switch (ahead.Revoke(task)) {
    case Prefetched::Revoked::kPending:
      RemoteCall::Of(task)->SetRunner(nullptr);
      Requeue(&task);
      return true;
    case Prefetched::Revoked::kStarted:
      CountStarted(task);
      return false;
    case Prefetched::Revoked::kNothing:
      return false;
  }
  return false;
}

void ProcessCore::Revoke(ProcessDriver& driver, TaskState& task) {
  Wakeup wakeup;
  {
    MutexLock take(take_mu_);
    MutexLock lock(mu_);
    Prefetched* const ahead = FindAhead(driver);
    if (ahead != nullptr && RevokeFrom(*ahead, task)) wakeup = FindWorker();
  }
  Dispatch(std::move(wakeup));
}

void ProcessCore::RevokeAll(ProcessDriver& driver, size_t rest) {
  Wakeup wakeup;
  {
    MutexLock take(take_mu_);
    Prefetched* const ahead = FindAhead(driver);
    if (ahead == nullptr || ahead->size() <= rest) return;
    MutexLock lock(mu_);
    bool is_any = false;
    // The last first, so that the queue keeps its order.
    while (TaskState* const last = ahead->LastPending(rest)) {
      if (RevokeFrom(*ahead, *last)) is_any = true;
    }
    if (is_any) wakeup = FindWorker();
  }
  Dispatch(std::move(wakeup));
}

void ProcessCore::RevokePrefetched() {
  // Who calls this takes all that is in the queue: nobody is to be woken.
  while (true) {
    Prefetched* owner = nullptr;
    TaskState* last = nullptr;
    // The last submitted goes back first, so that the queue keeps its order.
    for (auto& [id, ahead] : prefetched_) {
      TaskState* const candidate = ahead.LastPending();
      if (candidate != nullptr &&
          (last == nullptr || candidate->task_id() > last->task_id())) {
        owner = &ahead;
        last = candidate;
      }
    }
    if (owner == nullptr) return;
    RevokeFrom(*owner, *last);
  }
}

void ProcessCore::VisitAhead(
    const std::function<void(TaskState&)>& visit) const {
  for (const auto& [id, ahead] : prefetched_) ahead.ForEachPending(visit);
}

bool ProcessCore::RevokeOnePrefetched() {
  MutexLock take(take_mu_);
  MutexLock lock(mu_);
  // What a broken pool has requeued would stay there.
  if (lifecycle_.is_broken()) return false;
  for (auto& [id, ahead] : prefetched_) {
    TaskState* const last = ahead.LastPending();
    if (last != nullptr && RevokeFrom(ahead, *last)) return true;
  }
  return false;
}

// ------------------------------------------------------------- Their ends

void ProcessCore::OnTimeout(TaskState& task) {
  RemoteCall::Of(task)->KillRunning(task);
}

bool ProcessCore::KillWorkers() {
  supply_.Kill();
  std::vector<WorkerPtr> workers;
  {
    MutexLock lock(mu_);
    workers.reserve(roster_.size());
    roster_.ForEach(
        [&](const WorkerPtr& worker) { workers.push_back(worker); });
  }
  for (const WorkerPtr& worker : workers) {
    static_cast<ProcessDriver&>(*worker).KillChild();
  }
  return true;
}

}  // namespace asyncpal::internal

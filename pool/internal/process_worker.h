#ifndef ASYNCPAL_POOL_INTERNAL_PROCESS_WORKER_H_
#define ASYNCPAL_POOL_INTERNAL_PROCESS_WORKER_H_

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/time/time.h"
#include "asyncpal/future/internal/mutex.h"
#include "asyncpal/ipc/internal/fd.h"
#include "asyncpal/ipc/worker_process.h"
#include "asyncpal/pool/internal/process_core.h"
#include "asyncpal/pool/internal/thread_worker.h"

namespace asyncpal::internal {

// One worker of a ProcessCore: a thread, called the agent, and the child
// process that it serves. The child has one task running and may have one more
// at hand, the *offered* one. That stays pending, and is taken back for who
// cancels it or has nothing else to do, as long as the child has not begun it;
// the claim page decides.
//
// A task that finds an idle worker is sent to the child by the thread that
// submits it; the agent sleeps on until the result comes. If a thread waits for
// that task, it serves the child in the agent's place, as a *visitor*: then a
// call costs the two wake-ups that it must.
//
// When the child dies, the agent fails the task that was running, puts the
// offered one back, and starts another child once there is a task for it.
class ProcessWorker final : public ThreadWorker {
 public:
  using Ticket = WorkerProcess::Ticket;

  ProcessWorker(ProcessCore& core, int64_t id, std::string name);

  // --- The agent's, called by the core ---
  std::exception_ptr Begin() override;
  std::exception_ptr End() override;
  bool Revive() override;
  StateBase* TakeOffered() override;
  void Sleep(absl::Duration timeout) override;
  bool RunInline(StateBase& task) override;
  bool BeginBlocking(const StateBase* awaited) override;

  void AfterRun() override;
  bool is_lent() override;
  StateBase* TakeLent() override;

  // --- Any thread ---
  void WakeUp() override;
  int64_t pid() const override { return child_pid_.load(); }

  // --- Lending, with the core's mu_ held ---
  // `task` was started for this idle worker, and the caller sends it to the
  // child that comes back. The agent wakes when the child says something,
  // unless somebody visits before, which `will_wait` promises.
  std::shared_ptr<WorkerProcess> Lend(StateBase* task, bool will_wait,
                                      Ticket* ticket);
  // The caller waits for `task` and serves the child. Null: the task is not
  // here, or somebody else is faster. From now on the agent sleeps.
  std::shared_ptr<WorkerProcess> BeginVisit(const StateBase& task);
  // The loan is over. Unless the task is done, it is the agent's now. True: the
  // agent must wake for that or for another reason.
  bool EndLoan(bool is_done);

  // What was to be sent with that ticket was not.
  void ForgetSent(const Ticket& ticket);

  // Has the child run `task`; see RemoteCaller.
  Payload Call(StateBase& task, const RemoteCall& call);

  // The offered task leaves, if it is `task` or `task` is null: into the queue,
  // true, as by PutBack(); or if the child has begun it, it is running now. The
  // core's take_mu_ and mu_ are held.
  bool Recall(const StateBase* task);
  // Whether that might do something. take_mu_ is held.
  bool has_offered() const { return offered_ != nullptr && !offered_started_; }

  uint64_t offered_id() const { return offered_->task_id(); }

  bool IsRunning(const StateBase& task);
  // Ends the child, unless it is done with `task`.
  bool KillIfRunning(const StateBase& task);
  void AskToStop(const StateBase& task);
  void KillChild();

 private:
  // mu_ is held.
  void WatchChild(bool watch);

  // Starts a child and waits until it is ready, again and again while there is
  // hope. Null: it is, or `lost` says that nothing more is to be done. Else
  // what to break the pool with.
  std::exception_ptr StartChild();
  // Waits before the next try. False: the pool is being killed.
  bool WaitToRetry(int failures);
  // Starts another child if there is none. Throws what breaks the pool.
  void EnsureChild();
  // Forgets the child, which has died or is to.
  void DropChild();
  void EndChildOfThisThread();
  void SetRunning(StateBase* task, const Ticket& ticket);
  // Hands the child the next task of the queue ahead of time, if there is one
  // that nobody else is free for.
  void OfferNext(const Ticket& running);
  void RecallOwn();
  // The outcome of that ticket. None: the child is dead.
  std::optional<WorkerProcess::Outcome> Receive(const Ticket& ticket);
  // Throws what `task` fails with; returns if it is to be sent again.
  void HandleDeath(StateBase& task, const Ticket& ticket, int& attempts);

  ProcessCore& process_core_;
  const UniqueFd wake_fd_;   // an eventfd
  const UniqueFd sleep_fd_;  // an epoll of that, the child's end and its socket

  // Written by the agent with the lock held, so that it may read without.
  Mutex child_mu_;
  std::shared_ptr<WorkerProcess> child_;
  StateBase* running_ = nullptr;  // what the child was sent and not done
  Ticket running_ticket_;

  // The offered task, with the queue's reference. Guarded by the core's
  // take_mu_; while it is there, so is the child.
  StateBase* offered_ = nullptr;
  Ticket offered_ticket_;
  bool offered_started_ = false;  // the child was faster than a recall

  // Guarded by the core's mu_.
  enum class Loan { kNone, kUnattended, kReserved, kVisited };
  Loan loan_ = Loan::kNone;
  StateBase* lent_task_ = nullptr;
  bool is_watching_ = false;  // the child's socket
  bool child_spoke_ = false;  // or died, during this loan
  bool child_ended_ = false;

  std::atomic<pid_t> child_pid_{0};
  // Stands in for the agent that is blocked in a callback, for the task that
  // the child has begun meanwhile. Only who has started it touches it.
  std::thread pump_;
  // Set before the pump starts, which may look at them, and reset after its
  // end.
  bool pumping_ = false;
  std::thread::id pump_owner_;
  std::thread::id child_starter_;  // the agent's and its pump's, in turns
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_PROCESS_WORKER_H_

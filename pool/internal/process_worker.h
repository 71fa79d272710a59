#ifndef ASYNCPAL_POOL_INTERNAL_PROCESS_WORKER_H_
#define ASYNCPAL_POOL_INTERNAL_PROCESS_WORKER_H_

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/internal/mutex.h"
#include "asyncpal/ipc/internal/fd.h"
#include "asyncpal/ipc/worker/worker_connection.h"
#include "asyncpal/pool/internal/process_core.h"
#include "asyncpal/pool/internal/thread_worker.h"

namespace asyncpal::internal {

// One worker of a ProcessCore: a thread, called the agent, and the child
// process that it serves. The child has one task running and may have others at
// hand, the *offered* ones. They stay pending, and are taken back for who
// cancels them or has nothing else to do, as long as the child has not begun
// them; the claim page decides.
//
// A task that finds an idle worker is sent to the child by the thread that
// submits it; the agent sleeps on until the result comes. If a thread waits for
// that task, it serves the child in the agent's place, as a *visitor*: then a
// call costs the two wake-ups that it must.
//
// When the child dies, the agent fails the task that was running, puts the
// offered ones back, and starts another child once there is a task for it.
//
// process_worker.cc holds the life of the child and of a task in it,
// process_worker_offers.cc the tasks at hand, process_worker_loans.cc what
// others do in the agent's place.
class ProcessWorker final : public ThreadWorker {
 public:
  using Ticket = WorkerConnection::Ticket;

  ProcessWorker(ProcessCore& core, int64_t id, std::string name);

  // --- The agent's, called by the core ---
  std::exception_ptr Begin() override;
  std::exception_ptr End() override;
  bool Revive() override;
  StateBase* TakeOffered() override;
  void Sleep(absl::Duration timeout) override;
  bool RunInline(StateBase& task, bool alone) override;
  bool BeginBlocking(const StateBase* awaited) override;

  void AfterRun() override;
  bool is_lent() override;
  StateBase* TakeLent() override;

  // --- Any thread ---
  void WakeUp() override;
  std::optional<int64_t> pid() const override {
    return IfKnown(child_pid_.load());
  }

  // --- Lending, with the core's mu_ held ---
  // `task` was started for this idle worker, and the caller sends it to the
  // child that comes back. The agent wakes when the child says something,
  // unless somebody visits before, which `will_wait` promises.
  std::shared_ptr<WorkerConnection> Lend(StateBase* task, bool will_wait,
                                         Ticket* ticket);
  // The caller waits for `task` and serves the child. Null: the task is not
  // here, or somebody else is faster. From now on the agent has nothing to do,
  // and after StopWatching() sleeps.
  std::shared_ptr<WorkerConnection> BeginVisit(const StateBase& task,
                                               Ticket* ticket);
  void StopWatching() { WatchChild(false); }
  // The loan is over. Unless the task is done, it is the agent's now. True: the
  // agent must wake for that or for another reason.
  bool EndLoan(bool is_done);

  // What was to be sent with that ticket was not.
  void ForgetSent(const Ticket& ticket);

  // Has the child run `task`; see RemoteCaller.
  Payload Call(StateBase& task, const RemoteCall& call);

  // --- Offered tasks, with the core's take_mu_ and mu_ held ---
  // The last of those that are not known to have begun, or null.
  StateBase* LastOffered() const;
  // `task` leaves if it is one of them: into the queue, true, as by PutBack();
  // or if the child has begun it, it is running now.
  bool Recall(const StateBase& task);

  bool IsRunning(const StateBase& task);
  // Ends the child, unless it is done with `task`.
  bool KillIfRunning(const StateBase& task);
  void AskToStop(const StateBase& task);
  void KillChild();

 private:
  // A task that was handed to a child: it keeps that one in memory even if
  // another has taken its place.
  struct Sent {
    StateBase* task = nullptr;
    std::shared_ptr<WorkerConnection> child = nullptr;
    Ticket ticket = {};
  };
  struct Offered {
    Sent sent;             // with the queue's reference to the task
    bool started = false;  // the child was faster than a recall
  };

  // mu_ is held.
  void WatchChild(bool watch);

  // Starts a child and waits until it is ready, again and again while there is
  // hope. Null: it is, or `lost` says that nothing more is to be done. Else
  // what to break the pool with.
  std::exception_ptr StartChild();
  // Waits before the next try. False: the pool is being killed.
  bool WaitToRetry(int failures);
  // The same until a NowNanos() of `until`.
  bool WaitUntil(int64_t until);
  // Whether the child that is gone was idle, and nobody's kill ended it.
  bool DiedWithoutTask();
  // Starts another child if there is none. Throws what breaks the pool.
  void EnsureChild();
  // Forgets the child, which has died or is to.
  void DropChild();
  void EndChildOfThisThread();
  void SetRunning(Sent sent);
  // Throws what `task` fails with; returns if it is to be sent again.
  void HandleDeath(StateBase& task, int& attempts);

  // Hands the child the next tasks of the queue ahead of time, if there are
  // some that nobody else is free for. If there are several at hand now, it
  // comes back in the middle of which the agent should wake up; else 0.
  uint64_t OfferNext();
  // With the core's take_mu_ held.
  size_t CountToOffer();
  bool FitsBesideOffered(StateBase& task) const;
  // With its mu_ held too. True: it is in the queue again.
  bool RecallEntry(size_t index);
  // Recalls all but the first `rest` tasks, and finds others to run them.
  void RecallOwn(size_t rest = 0);
  // The offered task, if it has begun; or null. take_mu_ is held.
  const Sent* FindStarted(const StateBase& task) const;

  ProcessCore& process_core_;
  const UniqueFd wake_fd_;   // an eventfd
  const UniqueFd sleep_fd_;  // an epoll of that, the child's end and its socket

  // Written by the agent with the lock held, so that it may read without.
  Mutex child_mu_;
  std::shared_ptr<WorkerConnection> child_;
  Sent running_;  // what the child was sent and not done

  // In the child's order. Guarded by the core's take_mu_; only the agent adds.
  std::vector<Offered> offered_;
  // The agent's: whether the task before this one was over soon, with all that
  // its end has caused, and when this one began.
  bool is_quick_ = false;
  int64_t call_began_ = 0;
  int64_t no_start_before_ = 0;  // the agent's: a NowNanos()

  // Guarded by the core's mu_.
  enum class Loan { kNone, kUnattended, kReserved, kVisited };
  Loan loan_ = Loan::kNone;
  StateBase* lent_task_ = nullptr;
  bool is_watching_ = false;  // the child's socket
  bool child_spoke_ = false;  // or died, during this loan
  bool child_ended_ = false;

  std::atomic<pid_t> child_pid_{0};
  // Stands in for the agent that is blocked in a callback, for the tasks that
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

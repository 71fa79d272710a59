#ifndef ASYNCPAL_POOL_INTERNAL_PROCESS_DRIVER_H_
#define ASYNCPAL_POOL_INTERNAL_PROCESS_DRIVER_H_

#include <sys/types.h>

#include <atomic>
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
#include "asyncpal/ipc/worker/worker_connection.h"
#include "asyncpal/ipc/worker/worker_waiter.h"
#include "asyncpal/pool/internal/prefetched_tasks.h"
#include "asyncpal/pool/internal/process_supply.h"
#include "asyncpal/pool/internal/remote_task.h"
#include "asyncpal/pool/internal/thread_worker.h"

namespace asyncpal::internal {

class ProcessDriver;

// What a driver needs of its pool: the queue, and its own entries in the books
// that the pool's locks guard. Each call is one section under these locks.
//
// Threads: any. No lock may be held, where nothing else is said.
class DriverPool {
 public:
  using Handed = HandedTask<WorkerConnection>;

  // What keeps the pool alive; to be asked while it has a task.
  virtual std::shared_ptr<const void> GetHold() = 0;
  // For good, with the error of all that is pending.
  virtual void Break(std::exception_ptr error) = 0;
  virtual bool HasOtherWorkers() = 0;

  // Runs a task that the driver has started to its end, and counts it.
  virtual void RunTask(ProcessDriver& driver, TaskState* task) = 0;

  // --- What the driver's process has ahead (prefetched_tasks.h) ---
  // The next tasks of the queue that nobody else is free for, to be sent beside
  // `running`, each between BeginSend() and EndSend(). If several are there,
  // `notify_from` says from which attempt on the parent should wake up; else it
  // is 0.
  struct Batch {
    std::vector<StateRef<TaskState>> tasks;
    std::vector<WorkerConnection::Order> orders;
    uint64_t notify_from = 0;
  };
  virtual Batch Prefetch(ProcessDriver& driver, const Handed& running,
                         bool is_quick) = 0;
  // The first of them, counted and handed to driver.SetRunning(). Null: there
  // is none; or with `only`, another one is first.
  virtual TaskState* StartPrefetched(ProcessDriver& driver,
                                     const TaskState* only = nullptr) = 0;
  virtual bool HasPrefetched(const ProcessDriver& driver) = 0;
  // `task`, if it is one of those, and known to have begun.
  virtual std::optional<Handed> FindPrefetched(const ProcessDriver& driver,
                                               const TaskState& task) = 0;
  // See TaskRunner.
  virtual void Revoke(ProcessDriver& driver, TaskState& task) = 0;
  // The same for all but the first `rest`.
  virtual void RevokeAll(ProcessDriver& driver, size_t rest) = 0;

  // --- The driver's place while others have it (borrowed_slot.h) ---
  virtual void OnChildStarted(ProcessDriver& driver) = 0;
  virtual void OnEvents(ProcessDriver& driver,
                        const WorkerWaiter::Events& events) = 0;
  virtual bool BeginReceiveOnWaiter(ProcessDriver& driver,
                                    const TaskState& task) = 0;
  // From now on the waiting thread looks at the process's socket, and nobody
  // else.
  virtual void WatchOnWaiter(ProcessDriver& driver) = 0;
  virtual void EndReceiveOnWaiter(ProcessDriver& driver, bool is_done) = 0;
  // The driver's process has been stopped. Forgets what there is of both.
  virtual void OnChildStopped(ProcessDriver& driver) = 0;
  // The driver's process, which was ready for tasks, has ended though nobody
  // wanted it to. Each such process once.
  virtual void OnChildLost(ProcessDriver& driver) = 0;
  // Each process of which OnChildStarted() was called is about to be forgotten,
  // while pid() is still its own. `why` is for people.
  virtual void OnChildEnded(ProcessDriver& driver, const std::string& why) = 0;

 protected:
  ~DriverPool() = default;
};

// The life of one worker of a process pool: a thread, and the process that it
// serves. It starts the process, sends it tasks, receives and delivers results,
// and reaps it when it has died: fails the task that was running, requeues
// those that it had prefetched, and starts another process once there is a task
// for it.
//
//   auto driver = std::make_shared<ProcessDriver>(core, pool, supply, 1,
//   "p-1"); if (auto error = driver->Begin()) return error;  // on its own
//   thread driver->Run(task, NowTicks()); return driver->End();
//
// A task that finds an idle driver is sent to its process by the thread that
// submits it, and the driver sleeps on. A thread that waits for that task
// receives the result itself: it is the *waiter*.
//
// Threads: its own, where nothing else is said; a waiter takes that one's
// place, and so does a pump while the driver is blocked in a callback.
// Lifetime: shared by its thread, its pool's roster, and calls from outside.
// The pool and the supply outlive its thread. Ordering: tasks run in the order
// in which the process was handed them. Errors: Run() makes them the task's.
// What ends the pool goes to DriverPool::Break(), or comes out of Begin() and
// End(). Shutdown: KillChild() once the supply is killed, or End().
class ProcessDriver final : public ThreadWorker, public RemoteRunner {
 public:
  using Ticket = WorkerConnection::Ticket;
  using Handed = DriverPool::Handed;

  ProcessDriver(ThreadCore& core, DriverPool& pool, ProcessSupply& supply,
                int64_t id, std::string name);

  std::exception_ptr Begin() override { return StartChild(); }
  std::exception_ptr End() override;
  bool Revive() override;
  void Run(TaskState* task, int64_t now) override;
  TaskState* TakePrefetched() override { return pool_.StartPrefetched(*this); }
  void AfterRun() override;
  void Sleep(absl::Duration timeout) override;
  bool RunInline(TaskState& task, bool alone) override;
  bool BeginBlocking(const TaskState* awaited) override;

  // --- Any thread ---
  void WakeUp() override { waiter_.WakeUp(); }
  std::optional<int64_t> pid() const override {
    return IfKnown(child_pid_.load());
  }
  std::string StackOfTask(absl::Duration limit) override;
  Hold GetHold() override;
  bool ReceiveOnWaiter(TaskState& task) override {
    return ReceiveWithin(task, absl::InfiniteDuration());
  }
  bool ReceiveWithin(TaskState& task, absl::Duration limit) override;
  bool Revoke(TaskState& task) override;
  bool KillRunning(TaskState& task) override;
  void AskToStop(TaskState& task) override;
  std::optional<TaskProgress> ProgressOf(TaskState& task) override;
  void KillChild();

  // --- Called by the pool, with its locks held ---
  // `task` was started for this idle driver, and the caller sends it.
  Handed HandDirectly(TaskState* task);
  // What was to be sent with that ticket was not.
  void ForgetHanded(const Ticket& ticket);
  void SetRunning(Handed handed);
  // Whether Sleep() ends when the process says something.
  void WatchSocket(bool watch);

 private:
  // Starts a process and waits until it is ready, again and again while there
  // is hope. Null: it is, or `lost` says that nothing more is to be done. Else
  // what to break the pool with.
  std::exception_ptr StartChild();
  // One try. `error` is what its initializer has thrown. Throws what kept it
  // from starting.
  void TryStartChild(std::exception_ptr& error);
  // Waits before the next try. False: the pool is being killed.
  bool WaitToRetry(int failures);
  // The same until a NowNanos() of `until`.
  bool WaitUntil(int64_t until);
  // Starts another process if there is none. Throws what breaks the pool.
  void EnsureChild();
  // Forgets the process, which has died or is to, `why` is for people.
  void DropChild(const std::string& why);
  // The same for one that was killed, or has died by itself, as `cause` says,
  // which ReapAndDescribe() has returned.
  void DropDeadChild(const WorkerLostError::Cause& cause);
  void EndChildOfThisThread();

  // Has the process run `task`, and returns what it says. May throw as well.
  // `result`: where its value is to be read, if it has one.
  struct KeptResult {
    std::weak_ptr<WorkerConnection> child = {};
    Ticket ticket = {};
    int file = -1;
  };
  RemoteOutcome Call(TaskState& task, RemoteCall& call, KeptResult& result);
  // Sends what nobody has sent yet.
  void Send(TaskState& task, RemoteCall& call, int run);
  // Hands the process the next tasks of the queue ahead of time. Returns
  // DriverPool::Batch::notify_from.
  uint64_t Prefetch();
  // Returns what `task` fails with; nothing if it is to be sent again.
  std::optional<RemoteOutcome> HandleDeath(TaskState& task, int& attempts);
  std::exception_ptr LossOf(TaskState& task, const Handed& running,
                            const WorkerLostError::Cause& cause) const;
  std::optional<Handed> FindHanded(const TaskState& task);

  // As this thread has written them, which alone does: it needs no lock to
  // read.
  const std::shared_ptr<WorkerConnection>& own_child() const
      ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return child_;
  }
  const Handed& own_running() const ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return running_;
  }

  DriverPool& pool_;
  ProcessSupply& supply_;
  WorkerWaiter waiter_;

  Mutex child_mu_;  // taken after the pool's
  std::shared_ptr<WorkerConnection> child_ ABSL_GUARDED_BY(child_mu_);
  // What the process was sent and has not done.
  Handed running_ ABSL_GUARDED_BY(child_mu_);

  // Whether the task before this one was over soon, with all that its end has
  // caused, and when this one began.
  bool is_quick_ = false;
  int64_t call_began_ = 0;
  int64_t no_start_before_ = 0;  // a NowNanos()

  std::atomic<pid_t> child_pid_{0};
  bool is_announced_ = false;  // OnChildStarted() was called for the process
  // Stands in for the driver that is blocked in a callback, for the tasks that
  // the process has begun meanwhile. Only who has started it touches it.
  std::thread pump_;
  // Set before the pump starts, which may look at them, and reset after its
  // end.
  bool pumping_ = false;
  std::thread::id pump_owner_;
  std::thread::id child_starter_;  // the driver's and its pump's, in turns
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_PROCESS_DRIVER_H_

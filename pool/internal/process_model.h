#ifndef ASYNCPAL_POOL_INTERNAL_PROCESS_MODEL_H_
#define ASYNCPAL_POOL_INTERNAL_PROCESS_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/internal/task_state.h"
#include "asyncpal/ipc/worker/claim_page.h"
#include "asyncpal/pool/internal/borrowed_slot.h"
#include "asyncpal/pool/internal/pending_tasks.h"
#include "asyncpal/pool/internal/pool_lifecycle.h"
#include "asyncpal/pool/internal/prefetched_tasks.h"
#include "asyncpal/pool/internal/remote_task.h"
#include "asyncpal/pool/internal/slot_queue.h"
#include "asyncpal/pool/internal/task_classes.h"
#include "asyncpal/pool/internal/worker_roster.h"

// What process_explorer.h walks: a small process pool, made of the rooms of the
// real one and of its claim pages and tasks, with worker processes and threads
// that are steps of a model.

namespace asyncpal::internal::explorer {

enum class ProcessFault {
  kNone,
  kParksBesidePrefetched,        // which somebody was handed in between
  kWaiterParksBesidePrefetched,  // having received what it waited for
  kLeavesBesidePrefetched,       // nobody takes them over
  kPrefetchesBesideOneWhoGoes,   // and whose successor could have them
  kRevokesNothingOnceClosed,     //
  kRevokesWithoutThePage,        // which knows that it has begun
  kDeathForgetsPrefetched,       // none of them runs
  kDeathFailsPrefetched,         // though they had not begun
  kRunsAgainAfterADeath,         // though it had begun
  kReturnsSlotInSilence,         // the worker sleeps on
  kNeglectedSlotIsForgotten,     // nobody looks at what the process has said
  kCloseWakesNobody,             //
  kCloseLeavesPrefetched,        // which run although they were to be cancelled
  kPauseLeavesPrefetched,        // which run although the pool is paused
  kResumeWakesNobody,            // for what waits
  kPrefetchesBesideAHigherClass,  // which then waits behind that
};

struct ProcessProgram {
  enum How : uint8_t { kSubmit, kSubmitThenWait, kSubmitAndWait };
  struct Submission {
    int task;
    How how = kSubmit;
  };
  enum Closing : uint8_t { kNever, kDrain, kCancel };

  size_t max_workers = 2;
  std::vector<bool> tasks;  // whether it ends only when all such have begun
  std::vector<std::vector<Submission>> submitters;
  std::vector<int> cancelled = {};  // by one thread, in this order
  int idle_at_first = 0;            // workers that are there and parked
  int deaths = 0;                   // of worker processes, at any time
  Closing closing = kNever;         // at any time
  bool is_quick = false;            // tasks are taken for such
  int time_outs = 0;                // that many idle workers may go
  bool one_task_each = false;       // each goes after one task
  std::vector<int> classes = {};    // of tasks; none: all are normal
  int pauses = 0;                   // each ends at some time
  ProcessFault fault = ProcessFault::kNone;
};

// One walk through it, from the beginning. Each step is what is done under the
// pool's locks between two moments at which others can come in between, or what
// a worker process does by itself.
//
// Threads: one. Lifetime: the pages outlive it. Errors: lets out what memory
// throws. Shutdown: none.
class ProcessModel final : public TaskOwner {
 public:
  // `pages` are used again by the next model. `attempt` is above all that were
  // used before.
  ProcessModel(const ProcessProgram& program, std::deque<ClaimPage>& pages,
               uint64_t& attempt);
  ~ProcessModel();

  // Takes the step of that number among those that are possible now, and says
  // which. False: there are not as many.
  bool Step(int number, std::string* what);

  // After a false Step(): no thread of the pool is on its way to anything.
  bool is_at_rest() const { return !is_taken_ && !has_own_step_; }
  // What is wrong with a task or worker now, at rest or at the end. Empty:
  // nothing.
  std::string FindMistake(bool is_end);
  // What tells this state from others. Ends the model.
  std::string TakeKey();

 private:
  using Roster = WorkerRoster<int64_t>;

  // A worker process, and its parent's end.
  struct Child {
    struct Ticket {
      int slot = 0;
      uint64_t attempt = 0;
    };
    struct Message {
      Ticket ticket;
      int task = -1;
    };
    bool Revoke(const Ticket& ticket) const {
      return is_trusted || page->Revoke(ticket.slot, ticket.attempt);
    }

    ClaimPage* page = nullptr;
    bool is_trusted = false;  // a fault
    bool is_dead = false;
    std::deque<Message> inbox = {};
    std::deque<Message> outbox = {};
    Message running = {};
  };
  using Handed = HandedTask<Child>;
  using Prefetched = PrefetchedTasks<Child>;

  enum class At : uint8_t {
    kNew,         // its thread and its process are about to be started
    kNext,        // looks for a prefetched task
    kTake,        // looks into the queue
    kRevive,      // needs another process
    kRevokeOne,   // looks for what others have prefetched
    kPark,        // has found nothing
    kParked,      //
    kPassOn,      // has a task, and is about to tell that it searches no more
    kSend,        //
    kPrefetch,    //
    kSendAhead,   //
    kWait,        // for the outcome
    kDead,        // has seen that its process is
    kStop,        // about to stop its process
    kRetire,      // about to leave
    kRevokeLast,  // leaves, and looks for what others have prefetched
    kLeave,       // looks whether it is needed
    kGone,        //
  };
  struct Driver final : RemoteRunner {
    Driver(ProcessModel& model, int64_t id) : model(model), id(id) {}
    Hold GetHold() override {
      return {.pool = nullptr,
              .runner = std::shared_ptr<RemoteRunner>(
                  std::shared_ptr<const void>(), this)};
    }
    bool ReceiveOnWaiter(TaskState&) override { return false; }
    bool ReceiveWithin(TaskState&, absl::Duration) override { return false; }
    bool Revoke(TaskState& task) override {
      model.Revoke(*this, task);
      return true;
    }
    bool KillRunning(TaskState&) override { return false; }
    void AskToStop(TaskState&) override {}
    std::optional<TaskProgress> ProgressOf(TaskState&) override { return {}; }

    ProcessModel& model;
    const int64_t id;
    At at = At::kNew;
    std::shared_ptr<Child> child = nullptr;
    Handed running = {};
    Prefetched ahead = {};
    BorrowedSlot slot = {};
    std::vector<Child::Message> batch = {};
    int task = -1;
    int tasks_done = 0;
    uint64_t seen_prefetches = 0;
    bool has_slot = false;  // there is one in the pool's books
    bool may_be_searching = true;
    bool lost = true;
    bool is_watched = false;  // the socket of its process
    bool has_heard_end = false;
    bool must_look = false;  // was woken to look again
    bool may_wait_too_long = false;
    bool had_begun = false;  // kDead: its task had
  };

  enum class Phase : uint8_t {
    kOutside,
    kQueue,   // no idle worker was there
    kSend,    // to the process of one that was
    kWait,    // is about to
    kAsleep,  // until its task is done
    kWatch,   // in a worker's place, is about to look at its process
    kListen,  // to that
    kReturn,  // the place
  };
  struct Submitter {
    Phase phase = Phase::kOutside;
    size_t submitted = 0;
    int64_t driver = 0;  // kSend, and from kWatch on
    Child::Message message = {};
    std::shared_ptr<Child> child = nullptr;
    bool is_done = false;  // kReturn
  };
  using State = RemoteTask<Discarded>;
  struct TaskInfo {
    std::unique_ptr<State> state;
    bool is_submitted = false;
    bool is_refused = false;
    bool is_being_sent = false;
    bool was_first = true;  // of those that waited, by its class, when it left
    int begun = 0;
  };
  // Where the one is that pauses the pool: with no pause, in one, or after it
  // and looking for workers.
  enum class Pauser : uint8_t { kOutside, kPaused, kLooks };

  bool Has(ProcessFault fault) const { return program_.fault == fault; }
  // Whether this step is the one to take. `is_own`: a thread of the pool, or
  // its process, takes it without anything else that has to happen.
  bool Choose(bool is_own, const char* who, int64_t number, const char* what);
  Driver& Of(int64_t id) { return *drivers_[static_cast<size_t>(id) - 1]; }
  State& StateOf(int task) { return *tasks_[static_cast<size_t>(task)].state; }
  int IndexOf(const TaskState* task) const;
  const ProcessProgram::Submission& Next(const Submitter& submitter,
                                         size_t index) const {
    return program_.submitters[index][submitter.submitted];
  }

  // --- What others do ---
  void SubmitterSteps(size_t index);
  void CancelStep();
  void CloseSteps();
  void PauseSteps();
  void ChildSteps(Child& child, int64_t number);
  void DriverSteps(Driver& driver);
  void ParkedSteps(Driver& driver);
  void WaitSteps(Driver& driver);

  // --- The sections ---
  // What may begin, of what is in the queue.
  int64_t Waiting() const {
    return is_paused() ? 0 : submitted_ - counts_.left();
  }
  bool is_paused() const { return pauser_ == Pauser::kPaused; }
  int ClassOf(int task) const {
    return program_.classes.empty()
               ? TaskClasses::kNormalClass
               : program_.classes[static_cast<size_t>(task)];
  }
  bool IsFirstByClass(int task) const;
  // False: nobody was needed.
  bool FindWorker();
  bool SubmitDirectly(Submitter& submitter, int task, bool will_wait);
  void Push(int task);
  bool Revive(Driver& driver);
  void Park(Driver& driver);
  bool MustRetire(const Driver& driver) const;
  bool ReachedTaskLimit(const Driver& driver) const {
    return program_.one_task_each && driver.tasks_done > 0;
  }
  bool HasRevocable() const;
  void Prefetch(Driver& driver);
  bool RevokeFrom(Driver& driver, TaskState& task);
  void Revoke(Driver& driver, TaskState& task);
  void RevokeAll(Driver& driver, size_t rest);
  bool RevokeOne();
  void ReturnSlot(Driver& driver);
  void EndReceive(Driver& driver, bool is_done);
  void ClaimAllPending();
  void NewProcess(Driver& driver);
  void Deliver(int task, bool was_lost);

  void OnPendingClaimed(TaskState& task, FutureState outcome) override;
  void OnFinished(TaskState&, FutureState) override {}
  void OnUnobservedFailure(const TaskState&,
                           std::exception_ptr) noexcept override {}

  const ProcessProgram& program_;
  std::deque<ClaimPage>& pages_;
  uint64_t& attempt_;
  size_t used_pages_ = 0;

  std::vector<TaskInfo> tasks_;
  Roster roster_;
  SlotChain chain_;
  SlotTail tail_{chain_};
  TaskOutbox outbox_{chain_};
  TakeCounts counts_;
  int64_t submitted_ = 0;
  uint64_t prefetches_ = 0;
  PoolLifecycle lifecycle_;
  std::vector<std::unique_ptr<Driver>> drivers_;
  std::vector<std::shared_ptr<Child>> children_;
  std::vector<Submitter> submitters_;
  size_t cancelled_ = 0;
  int deaths_ = 0;
  int time_outs_ = 0;
  int pauses_ = 0;
  Pauser pauser_ = Pauser::kOutside;
  bool is_cancelling_ = false;
  bool has_cancelled_all_ = false;

  // Of the step that is looked for.
  int wanted_ = 0;
  std::string* what_ = nullptr;
  bool is_taken_ = false;
  bool has_own_step_ = false;
  std::string mistake_;
};

}  // namespace asyncpal::internal::explorer

#endif  // ASYNCPAL_POOL_INTERNAL_PROCESS_MODEL_H_

#ifndef ASYNCPAL_IPC_WORKER_WORKER_CONNECTION_H_
#define ASYNCPAL_IPC_WORKER_WORKER_CONNECTION_H_

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/mutex.h"
#include "asyncpal/ipc/call.h"
#include "asyncpal/ipc/payload.h"
#include "asyncpal/ipc/worker/channel.h"
#include "asyncpal/ipc/worker/child_process.h"
#include "asyncpal/ipc/worker/claim_page.h"
#include "asyncpal/ipc/worker/request_channel.h"
#include "asyncpal/ipc/worker/startup_output.h"
#include "asyncpal/ipc/worker/task_labels.h"
#include "asyncpal/ipc/worker/worker_launch.h"

namespace asyncpal::internal {

// The parent's end of one worker process: its channel, its claim page, and the
// child itself.
//
//   WorkerConnection worker(options);
//   auto error = worker.Handshake();  // not null: its initializer threw that
//   const auto ticket = worker.IssueTicket();
//   worker.Send(ticket, call);
//   std::optional<WorkerConnection::Outcome> outcome = worker.Receive(ticket);
//
// Threads: one thread, its driver's, does everything except where noted.
// Lifetime: the destructor kills the process and reaps it.
// Errors: the worker's death is no exception: Receive() has no outcome then,
// and ReapAndDescribe() tells how it came. A worker that breaks the protocol,
// or to which nothing can be sent any more for whatever reason, is killed, and
// counts as dead.
class WorkerConnection {
 public:
  using Options = WorkerOptions;

  // Which handing-out of a task: where it is on the claim page.
  struct Ticket {
    int slot = 0;
    uint64_t attempt = 0;  // 0: none
  };

  struct Outcome {
    Payload value = {};
    std::exception_ptr failure = nullptr;  // null: `value` counts
    bool exiting = false;                  // the worker takes no more tasks
    // What came before, of a task of several calls.
    std::vector<PartialResult> parts = {};
    // The file of the worker's that `value` is in; ReleaseResult() when it has
    // been read. -1: it is in none that the worker keeps.
    int kept_file = -1;
  };

  // Starts the process. Throws std::system_error; InvalidStateError if this
  // program's own executable can't be a worker (SecureExecutionError()).
  explicit WorkerConnection(const Options& options);
  // With a process that was started by other means.
  WorkerConnection(const Options& options, WorkerParts parts);
  WorkerConnection(const WorkerConnection&) = delete;
  WorkerConnection& operator=(const WorkerConnection&) = delete;

  // Blocks until the worker has run its initializer. Null: it is ready; else
  // what the initializer threw, or a TimeoutError if it took too long, and the
  // worker was killed for that. Throws Error if no worker of this library and
  // this program answers in time.
  std::exception_ptr Handshake();

  // Enters a task on the claim page; then it may be sent. `busy` has a bit for
  // each slot whose task is not over; at least one is free. Any thread, one at
  // a time.
  Ticket IssueTicket(uint32_t busy = 0);
  // From now on someone who looks at fd() is to notice each outcome.
  void NotifyForAll() { NotifyFrom(0); }
  // Sends tasks, in this order, in as few system calls as possible. Throws
  // SerializationError if the worker can't know the code of one, and has then
  // sent those before it. To a dead worker it sends in vain; one that takes
  // nothing is killed.
  struct Order {
    Ticket ticket;
    const EncodedCall* call;
    TaskLabels labels = {};
  };
  void Send(absl::Span<const Order> orders);
  void Send(const Ticket& ticket, const EncodedCall& call,
            const TaskLabels& labels = {}) {
    const Order order = {ticket, &call, labels};
    Send(absl::MakeConstSpan(&order, 1));
  }
  // Blocks until Receive() has the outcome of that ticket at hand, which is the
  // oldest one that still matters. Any attempt's answer ends the sleep; or with
  // a limit, only that of `notify_from` and those after it, and others are
  // found a moment later. A limit of zero only looks.
  enum class Waited { kOutcome, kDead, kTimeout };
  Waited WaitForOutcome(const Ticket& ticket);
  Waited WaitForOutcome(const Ticket& ticket, absl::Duration timeout,
                        uint64_t notify_from);
  // The same without a sleep, for some microseconds: the worker leaves the
  // answer on the page meanwhile, which costs neither side a system call, and
  // is awake sooner where the processor has not gone to sleep. After kTimeout
  // somebody must wait by other means, or the worker notifies nobody.
  Waited SpinForOutcome(const Ticket& ticket);
  // The one that Receive() has at hand, after kOutcome.
  const Outcome& outcome() const { return *received_; }
  // Blocks. No outcome: the worker is dead.
  std::optional<Outcome> Receive(const Ticket& ticket);
  // The parts that came of that ticket's task, and for which there will be no
  // outcome.
  std::vector<PartialResult> TakeParts(const Ticket& ticket);
  // How many of its calls the dead worker has begun; 0: it had none, or that is
  // not known.
  uint64_t CallsBegun(const Ticket& ticket) const {
    return page_.ReadCalls(ticket.attempt);
  }
  // Has the worker finalize and end. What its finalizer threw, or null.
  std::exception_ptr Stop();

  // Once dead: when it happened, "running" or the like by the caller, and how.
  WorkerLostError::Cause ReapAndDescribe(std::string phase);
  // "was killed by signal 9 (Killed)", after that.
  const std::string& loss() const { return loss_; }
  // Also after that: the stack of the crash that it died of, as
  // GetRemoteTraceback() gives it; or empty.
  const std::string& crash_trace() const { return crash_trace_; }

  // Becomes readable when the worker has something to say or is dead.
  int fd() const { return channel_.fd(); }
  // Becomes readable when it is dead. -1: there are no pidfds, and fd() tells.
  int pidfd() const { return child_.pidfd(); }

  // Whether tasks can be handed out ahead, to be revoked if need be.
  bool can_prefetch() const { return page_.is_shared(); }

  // --- Any thread ---
  // As on the ClaimPage.
  bool Revoke(const Ticket& t) { return page_.Revoke(t.slot, t.attempt); }
  void ReleaseResult(int kept_file, const Ticket& t) {
    page_.SetResultRead(kept_file, t.attempt);
  }
  bool Interrupt(const Ticket& t) { return page_.Interrupt(t.slot, t.attempt); }
  ClaimPage::Claim Look(const Ticket& t) const {
    return page_.Look(t.slot, t.attempt);
  }
  std::optional<TaskProgress> ReadProgress(const Ticket& ticket) const {
    return page_.ReadProgress(ticket.attempt);
  }
  // What the worker's main thread does at this moment, as GetRemoteTraceback()
  // gives it; empty where the worker can't tell, or does not within `limit`.
  // One caller waits for another.
  std::string CaptureStack(absl::Duration limit);
  // Asks a running task to stop. Never blocks: a worker that does not read is
  // not asked.
  void Cancel(const Ticket& ticket);
  void Kill();
  bool was_killed() const { return killed_.load(); }
  pid_t pid() const { return child_.pid(); }

 private:
  void SendSetup();
  template <typename F>
  void SendOrKill(F send);
  Channel::Received ReceiveWhileStarting(absl::Duration timeout);
  // A worker whose words can't be taken is killed, and counts as dead: kClosed.
  template <typename F>
  Channel::Received ReceiveOrKill(F receive);
  // Ends a worker that can't be listened to any more: it counts as dead.
  void KillForViolation(const char* offence, const std::exception& error);
  // kClosed: the worker is dead, or will be.
  Channel::Received ReceiveFrame(bool wait);
  bool WaitForInput(absl::Duration timeout);
  void NotifyFrom(uint64_t attempt);
  bool TakeAnswer(const Ticket& ticket);
  bool TakeResult(const Ticket& ticket);
  void AppendTask(const Order& order);
  bool TakeLater(const Ticket& ticket);
  void ParseResult(wire::Result::Reader result);
  void ParsePartial(wire::Partial::Reader partial);
  [[noreturn]] void FailHandshake(const std::string& why);

  const Options options_;
  Channel channel_;
  ClaimPage page_;
  std::unique_ptr<StartupOutput> output_;  // null once the worker is ready
  ChildProcess child_;
  std::optional<Outcome> received_;   // and not yet asked for
  std::vector<PartialResult> parts_;  // of the task whose attempt that is
  uint64_t parts_attempt_ = 0;
  uint64_t parts_bytes_ = 0;
  bool has_frame_ = false;  // in the channel, for the next who reads
  uint64_t attempts_ = 0;
  uint64_t notify_from_ = 0;  // as the page says
  bool same_program_ = true;
  std::string build_id_;
  std::string loss_;
  std::string crash_trace_;
  std::atomic<bool> killed_{false};
  Mutex send_mu_;
  Mutex stack_mu_;    // of those who ask for the stack
  Mutex offence_mu_;  // taken last
  // For which it was killed.
  std::string offence_ ABSL_GUARDED_BY(offence_mu_);
  std::optional<RequestServer> requests_;  // last: gone before the child
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_IPC_WORKER_WORKER_CONNECTION_H_

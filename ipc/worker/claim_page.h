#ifndef ASYNCPAL_IPC_WORKER_CLAIM_PAGE_H_
#define ASYNCPAL_IPC_WORKER_CLAIM_PAGE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/types/span.h"
#include "asyncpal/future/state.h"
#include "asyncpal/ipc/internal/fd.h"
#include "asyncpal/ipc/worker/crash_stack.h"

namespace asyncpal::internal {

// A page of memory that a parent shares with one worker process; who begins,
// revokes or ends a task is decided there by one compare-and-swap.
//
//   parent                               worker
//   page.Prefetch(slot, attempt);
//   channel.Send(task);                  channel.Receive();
//   // cancelled: who is first?          // is it still mine?
//   if (page.Revoke(slot, attempt))    if (page.Start(slot, attempt)) Run();
//
//   kPrefetched   Start -> kStarted, or Revoke -> kRevoked,
//              or Interrupt -> kKilled
//   kStarted   Finish -> kFinished, or Answer -> kAnswered,
//              or Interrupt -> kKilled
//
// While the parent is awake, a small result needs no message: the worker leaves
// it on the page by Answer() in place of Finish(). If the parent wants to be
// told by then, the worker notifies it by a message.
//
// Threads: any thread on either side may call.
// Lifetime: each side's mapping is its own; the page outlives a dead worker.
// Ordering: what a side did before its change is visible to the one that sees
// it.
// Errors: Create() and Attach() throw std::system_error, the rest nothing.
class ClaimPage {
 public:
  static constexpr int kSlots = 16;

  enum class Claim {
    kUnknown,     // of another attempt, or the worker wrote nonsense
    kPrefetched,  // handed to the worker, which has not begun it
    kStarted,
    kFinished,
    kRevoked,
    kKilled,
    kAnswered,  // finished, and the result is here
  };
  static constexpr size_t kAnswerBytes = 52;
  // That a worker may have for large results (result_files.h).
  static constexpr int kResultFiles = 2;

  // A new page whose size nobody can change. Where the system refuses such
  // memory, one of this process alone (is_shared() is false): its parent
  // applies to it what the worker says, and revokes nothing.
  static ClaimPage Create();

  // The page behind `fd`, which remains the caller's and may be closed at once.
  static ClaimPage Attach(int fd);

  ClaimPage(ClaimPage&& other) noexcept;
  ClaimPage& operator=(ClaimPage&& other) noexcept;
  ~ClaimPage();

  // Of a created page, to hand to the worker; -1 of an attached one, and of one
  // that is not shared.
  int fd() const { return fd_.get(); }
  bool is_shared() const { return is_shared_; }

  // The parent's. An attempt is below 2^61 and used once.
  void Prefetch(int slot, uint64_t attempt);
  // True: the worker will never start it.
  bool Revoke(int slot, uint64_t attempt);
  // True: the worker will neither start nor finish it, nor start another. The
  // caller kills the worker next.
  bool Interrupt(int slot, uint64_t attempt);
  Claim Look(int slot, uint64_t attempt) const;
  // What the worker has left there. Once the task is over, the slot can be used
  // again.
  std::optional<std::string> TakeAnswer(int slot, uint64_t attempt) const;
  // From which attempt on the worker is to send messages, and notify of
  // answers; 0 at first. A caller that relies on it looks again afterwards.
  void NotifyFrom(uint64_t attempt);
  // It reads no more of the result of `attempt`, which is in that file.
  void SetResultRead(int file, uint64_t attempt);

  // The worker's, for one task after the other. False: the parent was first, or
  // has interrupted the task before.
  bool Start(int slot, uint64_t attempt);
  bool Finish(int slot, uint64_t attempt);
  // The same, with a result of at most kAnswerBytes. Then ask MustNotify() once
  // more.
  bool Answer(int slot, uint64_t attempt, absl::Span<const char> result);
  bool MustNotify(uint64_t attempt) const;
  // Whether the parent has said so of that attempt, and of none since.
  bool IsResultRead(int file, uint64_t attempt) const;

  // How far the worker's task is: what it has reported last. One thread writes
  // at a time; more than kProgressBytes of text are cut off.
  static constexpr size_t kProgressBytes = 256;
  void ReportProgress(uint64_t attempt, double fraction, std::string_view text);
  // The parent's. None: that attempt has reported nothing, or others have
  // since.
  std::optional<TaskProgress> ReadProgress(uint64_t attempt) const;

  // How many calls of its task, if it is made of several, the worker has begun.
  // It says so before each of them.
  void NoteCalls(uint64_t attempt, uint64_t begun);
  // The parent's, once the worker is dead. 0: that attempt has noted none.
  uint64_t ReadCalls(uint64_t attempt) const;

  // The last words of a worker, which a signal handler may say.
  void NoteStackOverflow();
  bool noted_stack_overflow() const;
  CrashStack& crash_stack() const;
  // Whether the worker notes its stack there when it gets kStackSignal.
  void SetNotesStacks();
  bool notes_stacks() const;

 private:
  struct Page;

  ClaimPage(UniqueFd fd, Page* page, bool is_shared);

  std::atomic_ref<uint64_t> WordOf(int slot) const;
  bool Change(int slot, uint64_t attempt, Claim from, Claim to);

  UniqueFd fd_;
  Page* page_;
  bool is_shared_;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_IPC_WORKER_CLAIM_PAGE_H_

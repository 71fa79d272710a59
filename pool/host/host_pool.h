#ifndef ASYNCPAL_POOL_HOST_HOST_POOL_H_
#define ASYNCPAL_POOL_HOST_HOST_POOL_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/log.h"
#include "asyncpal/pool/options.h"

namespace asyncpal::internal {
class PoolCore;
class ShutdownRegistry;
class TaskState;
class ViewCore;
}  // namespace asyncpal::internal

namespace asyncpal::host {

// A view of a host's pool, as pool_view.h describes them: a handle.
//
// Threads: any. Lifetime: its tasks stay when the last handle goes.
// Ordering, Errors, Shutdown: as PoolView.
class HostView {
 public:
  HostView(const HostView& other);
  HostView& operator=(const HostView&) = delete;
  ~HostView();

 private:
  friend class HostPool;
  explicit HostView(internal::ViewCore* adopted) : view_(adopted) {}

  internal::ViewCore* const view_;
};

// What a host may say of a task that has options.
struct HostTaskInfo {
  // What messages call the task, of a host that counts tasks itself and numbers
  // each with options; 0: the pool's own count.
  uint64_t number = 0;
  // Which attempt at something it is, where the host tries again.
  int attempt = 1;
  // Null: none. What its key is counts in a view with keys.
  const HostView* view = nullptr;
  int64_t key = 0;
  // As in SubmitAfter(). In a full pool a task with a delay may block its
  // submitter. Not with a view.
  absl::Duration delay = absl::ZeroDuration();
  // The next run of a task that the pool has accepted before, which needs no
  // room: when it is due, on HostPool::ClockNow(). Not with a view.
  std::optional<int64_t> next_due = std::nullopt;
};

// Gets the messages of one pool, in place of SetLogSink()'s, and in the same
// way; what it throws goes there.
using LogSink = std::function<void(LogSeverity, std::string_view)>;

// What the two kinds of pools that a host language has in common: HostThreads
// and HostProcesses. The methods do what those of asyncpal::Pool do, but none
// waits: the host has means of its own, and can interrupt them.
//
// Threads: any thread may call any method but the destructor.
// Lifetime: when the object goes, the pool drains and ends by itself, as does
// what it keeps of the host's.
// Ordering: tasks from one thread start in the order of their submission.
// Errors: as asyncpal::Pool.
// Shutdown: Close(), and at the end of the process unless `close_on_exit` is
// false.
class HostPool {
 public:
  virtual ~HostPool();
  HostPool(const HostPool&) = delete;
  HostPool& operator=(const HostPool&) = delete;

  void Check();
  void Test();
  // All that there is room for, if `n` is as large.
  int SpawnWorkers(int n);

  // Waits until a full pool may have room, `timeout` at most. False: it has
  // none. It may be taken by others meanwhile. The only method that blocks.
  bool WaitForRoom(absl::Duration timeout);

  // For a host that keeps tasks until their time, and submits each with a
  // `next_due` then. Room for one, which counts as pending until
  // FreeReserved(). `now`: it is due at once; not `needs_room`: it counts even
  // if the pool is full. False: the pool is full, and the host is to
  // WaitForReservation() and try again.
  bool Reserve(bool needs_room, bool now);
  void FreeReserved();
  bool WaitForReservation(absl::Duration timeout);

  // `handler` runs once, when all submitted work is done and no worker is left,
  // perhaps at once. Until then workers retire as they run out of tasks.
  // Returns what EndJoin() takes.
  uint64_t StartJoin(std::function<void()> handler);
  // Gives up waiting. False: the handler was called, or is about to be.
  bool EndJoin(uint64_t started);

  // Closes the pool. True: this call did it; a further one still sets its own
  // mode going. The host was told of each task that was cancelled.
  bool Close(ShutdownMode mode);

  // Pause() does not wait; who is to, looks at Stats().
  void Pause();
  // False: an open pool is not paused.
  bool Resume();
  bool is_paused() const;
  // While it is paused: whether no task is running any more.
  bool IsQuiet();
  void set_max_workers(int n);
  int min_workers() const;
  void set_min_workers(int n);

  // A view whose tasks run at most `places` at a time. Throws
  // std::invalid_argument if that is less than 1.
  HostView MakeView(int places, const std::string& name);
  // One whose tasks have a number as their key, and run one at a time for each.
  HostView MakeKeyedView();

  // The host is about to submit a task of its own once more: for
  // PoolStats::retried.
  void CountRetry();
  // Nanoseconds on the pool's clock, which delays are measured by.
  int64_t ClockNow() const;

  PoolStats Stats() const;
  std::vector<WorkerInfo> Workers() const;
  std::string name() const;
  int max_workers() const;
  absl::Duration idle_timeout() const;
  void set_idle_timeout(absl::Duration timeout);
  bool is_closed() const;
  bool is_terminated() const;
  bool is_broken() const;

 protected:
  HostPool(std::shared_ptr<internal::PoolCore> core, WhenFull when_full);
  internal::PoolCore& core() const { return *core_; }

  // Binds a task that nobody else has yet to that view.
  static void Bind(const HostView& view, internal::TaskState& task);
  // Submits such a task, and takes over the caller's reference. False: the pool
  // is full, and the task is gone.
  bool SubmitToView(const HostView& view, int64_t key,
                    internal::TaskState* task, bool is_chunk);
  // Hands it to the core, which gets a reference, or throws. False: the pool is
  // full, and the reference is still the caller's.
  bool Accept(internal::TaskState* task, bool is_chunk,
              const HostTaskInfo& info);

  // Where a pool waits for the process's end.
  static internal::ShutdownRegistry* RegistryFor(bool close_on_exit);

 private:
  const std::shared_ptr<internal::PoolCore> core_;
  const WhenFull when_full_;
};

// The end of the process, where a language runtime has it in hand.
//
// Before the first pool: no exit() or std::terminate() will join threads.
void LeaveEndToHost();
// As asyncpal::GlobalShutdown; blocks for the deadline at most.
void ShutDownAll();
void SetShutdownDeadline(absl::Duration deadline);
void SetShutdownMode(ExitMode mode);

}  // namespace asyncpal::host

#endif  // ASYNCPAL_POOL_HOST_HOST_POOL_H_

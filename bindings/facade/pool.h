#ifndef ASYNCPAL_BINDINGS_FACADE_POOL_H_
#define ASYNCPAL_BINDINGS_FACADE_POOL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "asyncpal/pool/internal/pool_core.h"

// The pools as SWIG sees them: no templates, durations as nanoseconds, and
// nothing that waits where the host has to be able to interrupt the wait. The
// largest int64_t is an infinite duration.

namespace asyncpal::facade {

// As asyncpal::PoolOptions.
struct PoolSettings {
  int max_workers = 0;
  std::string name;
  int64_t idle_timeout = 60000000000;  // ns
  int max_tasks_per_worker = 0;
};

// As asyncpal::PoolStats.
struct PoolStats {
  int64_t workers = 0;
  int64_t busy = 0;
  int64_t idle = 0;
  int64_t submitted = 0;
  int64_t pending = 0;
  int64_t running = 0;
  int64_t completed = 0;
  int64_t failed = 0;
  int64_t cancelled = 0;
  int64_t lost = 0;
};

// As asyncpal::WorkerInfo.
struct WorkerInfo {
  int64_t id = 0;
  std::string name;
  int64_t pid = 0;
  bool busy = false;
  int64_t tasks_done = 0;
  std::string current_task;
  int64_t running_for = 0;  // ns
};

class WorkerList {
 public:
  explicit WorkerList(std::vector<WorkerInfo> workers)
      : workers_(std::move(workers)) {}
  int size() const { return static_cast<int>(workers_.size()); }
  const WorkerInfo& at(int index) const { return workers_.at(index); }

 private:
  std::vector<WorkerInfo> workers_;
};

// How Close() treats what was submitted; as asyncpal::ShutdownMode.
enum CloseMode { kCloseDrain = 0, kCloseCancelPending, kCloseKill };

// What both kinds of pools offer to the host. The methods do what those of
// asyncpal::Pool do, except as said.
//
// Threads: any thread may call any method but the destructor.
// Lifetime: when the object goes, the pool drains and ends by itself; the host
// object is needed until the last worker has gone.
// Errors: as asyncpal::Pool; the wrapper turns exceptions into the host's.
class Pool {
 public:
  virtual ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  void Check();
  void Test();
  int SpawnWorkers(int n);
  int SpawnMaxWorkers();

  // Closes the pool without waiting. True: this call did it; a further one
  // still sets its own mode going.
  bool Close(int mode);

  PoolStats Stats() const;
  WorkerList Workers() const;
  std::string name() const { return core_->name(); }
  int max_workers() const { return core_->max_workers(); }
  int64_t idle_timeout() const;
  void set_idle_timeout(int64_t nanos);
  bool is_closed() const { return core_->is_closed(); }
  bool is_terminated() const { return core_->is_terminated(); }
  bool is_broken() const { return core_->is_broken(); }

 protected:
  explicit Pool(std::shared_ptr<internal::PoolCore> core)
      : core_(std::move(core)) {}
  internal::PoolCore& core() const { return *core_; }

 private:
  const std::shared_ptr<internal::PoolCore> core_;
};

}  // namespace asyncpal::facade

#endif  // ASYNCPAL_BINDINGS_FACADE_POOL_H_

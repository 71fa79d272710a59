#ifndef ASYNCPAL_POOL_TESTING_PROCESS_FAULTS_H_
#define ASYNCPAL_POOL_TESTING_PROCESS_FAULTS_H_

#include <sys/types.h>

#include <cstdint>
#include <exception>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/future.h"
#include "asyncpal/future/internal/sanitizers.h"
#include "asyncpal/pool/pool.h"
#include "asyncpal/pool/process_pool.h"
#include "gtest/gtest.h"

// What tests of faults do to worker processes, and how they look at them.

namespace asyncpal::testing {

inline constexpr bool kIsSanitized = ASYNCPAL_ASAN || ASYNCPAL_TSAN;

// One process for good, although its number may be used again.
struct ProcessIdentity {
  pid_t pid = 0;
  uint64_t start_time = 0;

  friend bool operator==(const ProcessIdentity&,
                         const ProcessIdentity&) = default;
};

// Of a process that is there, if only as a zombie; else its start time is 0.
ProcessIdentity IdentifyProcess(pid_t pid);

// Whether it has ended. A zombie has.
bool HasEnded(const ProcessIdentity& process);

// The processes that have `parent`, zombies included.
std::vector<pid_t> ListChildren(pid_t parent);

// The process of the worker that runs the task of that name; 0: none does.
pid_t FindWorker(const Pool& pool, const std::string& task_name);

// The process of the only worker; 0 if there is not just one.
pid_t OnlyWorker(const Pool& pool);

// Which tasks were executed how often, in whatever process.
//
//   ExecutionLedger ledger;
//   pool.Submit([](std::string ledger, int task) {
//     ExecutionLedger::Note(ledger, task);
//   }, ledger.path(), 7);
class ExecutionLedger {
 public:
  ExecutionLedger();
  ~ExecutionLedger();
  ExecutionLedger(const ExecutionLedger&) = delete;
  ExecutionLedger& operator=(const ExecutionLedger&) = delete;

  const std::string& path() const { return path_; }
  // Returns how many executions there were so far, of all tasks.
  static int Note(const std::string& path, int task);

  int Count() const { return static_cast<int>(Read().size()); }
  int Count(int task) const;
  int First() const { return Read().at(0); }
  // By task number, for those from 0 to size - 1.
  std::vector<int> CountEach(int size) const;
  // In the order of their executions.
  std::vector<int> Read() const;

 private:
  std::string path_;
};

// What a future of a lost task throws; a failure of the test if it throws
// anything else, nothing, or nothing in time.
template <typename T>
WorkerLostError CollectLoss(const Future<T>& future) {
  try {
    future.Collect(absl::Seconds(30));
    ADD_FAILURE() << "the task was not lost";
  } catch (const WorkerLostError& error) {
    return error;
  } catch (const std::exception& error) {
    ADD_FAILURE() << error.what();
  }
  return WorkerLostError("", {});
}

// Whether the pool still does what it is there for.
bool StillWorks(ProcessPool& pool);

}  // namespace asyncpal::testing

#endif  // ASYNCPAL_POOL_TESTING_PROCESS_FAULTS_H_

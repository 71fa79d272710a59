#include <signal.h>

#include <cstdint>
#include <cstring>
#include <exception>
#include <iostream>
#include <numeric>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/pool/process_pool.h"
#include "asyncpal/pool/task_context.h"
#include "asyncpal/pool/task_group.h"
#include "asyncpal/pool/thread_pool.h"
#include "asyncpal/pool/trace.h"

// What a trace may have of everything, for trace_test.py:
//
//   traced_program            traces if its environment says so
//   traced_program FILE       traces from Start() to Stop(), amid its pools

namespace {

using asyncpal::Future;
using asyncpal::ProcessPool;
using asyncpal::TaskContext;
using asyncpal::TaskGroup;
using asyncpal::ThreadPool;

int Double(int x) { return 2 * x; }

int DieOnce() {
  if (TaskContext::Current()->attempt() == 1) raise(SIGKILL);
  return 1;
}

void Sleep() { absl::SleepFor(absl::Seconds(60)); }

int64_t Sum(ThreadPool& pool, int from, int to) {
  if (to - from < 8) {
    int64_t sum = 0;
    for (int i = from; i < to; ++i) sum += i;
    return sum;
  }
  const int middle = (from + to) / 2;
  const auto [left, right] = pool.Both([&] { return Sum(pool, from, middle); },
                                       [&] { return Sum(pool, middle, to); });
  return left + right;
}

void UseThreads(ThreadPool& pool) {
  std::vector<Future<int>> futures;
  for (int i = 0; i < 20; ++i) {
    futures.push_back(pool.Submit({.name = "double \"it\""}, Double, i));
  }
  for (Future<int>& future : futures) future.Collect();
  // Runs what it waits for itself, or another worker stands in.
  const auto wait = [&pool] {
    return pool.Submit({.name = "inner"}, Double, 3).Collect();
  };
  pool.Run({.name = "outer"}, wait);
  Future<int> fails = pool.Submit(
      {.name = "fails"},
      [](int) -> int { throw asyncpal::Error("as it should"); }, 1);
  fails.Wait();
  for (int i = 0; i < 2000; ++i) pool.Post([] {});
  TaskGroup group(pool);
  for (int i = 0; i < 10; ++i) group.Run([] {});
  group.Wait();
  const std::vector<int> numbers = {1, 2, 3, 4};
  for (const int result : pool.Map(Double, numbers)) static_cast<void>(result);
  pool.Run([&pool] { return Sum(pool, 0, 200); });
  // Times out, and runs on a little.
  Future<void> late =
      pool.Submit({.name = "late", .timeout = absl::Milliseconds(20)},
                  [](std::stop_token stop) {
                    while (!stop.stop_requested())
                      absl::SleepFor(absl::Milliseconds(1));
                    absl::SleepFor(absl::Milliseconds(5));
                  });
  late.Wait();
  pool.Join();
}

void UseProcesses(ProcessPool& pool) {
  for (int i = 0; i < 5; ++i) pool.Run({.name = "far"}, Double, i);
  pool.Run({.name = "dies once", .max_attempts = 2}, DieOnce);
  Future<void> killed = pool.Submit({.name = "killed"}, Sleep);
  Future<int> waits = pool.Submit({.name = "cancelled"}, Double, 1);
  waits.Cancel();
  while (!killed.is_running()) absl::SleepFor(absl::Milliseconds(1));
  while (!killed.Kill()) absl::SleepFor(absl::Milliseconds(1));
  const std::vector<int> numbers(40, 1);
  for (const int result : pool.Map(Double, numbers)) static_cast<void>(result);
}

}  // namespace

int main(int argc, char** argv) {
  ThreadPool threads({.max_workers = 2, .name = "threads"});
  ProcessPool processes({.max_workers = 1, .name = "processes"});
  if (argc > 1) {
    UseThreads(threads);
    threads.Submit(Double, 1);
    asyncpal::Trace::Start(argv[1]);
  }
  UseThreads(threads);
  UseProcesses(processes);
  if (argc > 1) {
    asyncpal::Trace::Stop();
    UseThreads(threads);
  }
  std::cout << "done " << Sum(threads, 0, 100) << std::endl;
}
